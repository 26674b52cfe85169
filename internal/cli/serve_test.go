package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alike"
	"alike/dataset"
)

// serving runs a command that serves until stop is called, which returns its exit
// status. url is where it is ready.
func serving(t *testing.T, args ...string) (url string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, args, strings.NewReader(""), io.Discard, w)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	var said []string
	images := 0
	for ready := false; !ready; {
		if !lines.Scan() {
			t.Fatalf("alike %s: status %d\n%s", strings.Join(args, " "), <-ended, strings.Join(said, "\n"))
		}
		said = append(said, lines.Text())
		var line struct {
			Msg, Address string
			Images       int
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil {
			if line.Address != "" {
				url = "http://" + line.Address
			}
			ready, images = line.Msg == "ready", line.Images
		}
	}
	go io.Copy(io.Discard, r)
	if info := asked(t, "GET", url+"/v1/info", "", nil); !strings.Contains(info, fmt.Sprintf(`"images":%d,`, images)) {
		t.Errorf("ready with %d images, of %s", images, info)
	}
	return url, func() int {
		cancel()
		return <-ended
	}
}

// asked sends a request and returns the answer, which has to be a success.
func asked(t *testing.T, method, url, kind string, body []byte) string {
	t.Helper()
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, url, resp.StatusCode, text, err)
	}
	return string(text)
}

func TestServe(t *testing.T) {
	dir := trainedRun(t, "--epochs", "0")
	site, stop := serving(t, "serve", dir, "--addr", "127.0.0.1:0", "--split", "test")
	model, err := alike.Open(dir, alike.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	photo := patches(3, 50)
	file := asPNG(t, photo)
	want, err := model.EmbedPrepared(t.Context(), [][]float32{model.Prepare(dataset.FromImage(photo))})
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Embeddings [][]float32 }
	if err := json.Unmarshal([]byte(asked(t, "POST", site+"/v1/embed", "image/png", file)), &got); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got.Embeddings) != fmt.Sprint(want) {
		t.Errorf("the server embeds to %v, the library to %v", got.Embeddings, want)
	}
	if info := asked(t, "GET", site+"/v1/info", "", nil); !strings.Contains(info, `"images":60`) || !strings.Contains(info, `"layer":"h"`) {
		t.Errorf("info %s", info)
	}
	asked(t, "PUT", site+"/v1/images?id=mine&class=new", "image/png", file)
	if code := stop(); code != exitDone {
		t.Errorf("stopped: status %d", code)
	}

	site, stop = serving(t, "serve", dir, "--addr", "127.0.0.1:0", "--split", "test")
	hits := asked(t, "POST", site+"/v1/search?k=1", "image/png", file)
	if !strings.Contains(hits, `"id":"mine","class":"new","similarity":1`) && !strings.Contains(hits, `"id":"mine","class":"new","similarity":0.99999`) {
		t.Errorf("after a restart it finds %s", hits)
	}
	near := asked(t, "GET", site+"/v1/neighbours?k=3&id="+url.QueryEscape("test/disc/00000"), "", nil)
	if strings.Count(near, `"id"`) != 3 || strings.Contains(near, `"id":"test/disc/00000"`) {
		t.Errorf("neighbours %s", near)
	}
	if code, _, errs := call(t, "serve", dir, "--addr", strings.TrimPrefix(site, "http://")); code != exitFailed || !strings.Contains(errs, "in use") {
		t.Errorf("a second server on the port: %d %s", code, errs)
	}
	stop()

	journal := filepath.Join(dir, "serve.journal")
	b, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	b = append(b, "more"...)
	if err := os.WriteFile(journal, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "serve", dir, "--addr", "127.0.0.1:0", "--split", "test"); code != exitFailed || !strings.Contains(errs, "damaged") {
		t.Errorf("a damaged journal: %d %s", code, errs)
	}
}

func TestServeAnIndex(t *testing.T) {
	dir, x := trainedRun(t, "--epochs", "0"), filepath.Join(t.TempDir(), "sprites.index")
	must(t, "embed", dir, "--out", x, "-q")
	args := []string{"serve", x, "--addr", "127.0.0.1:0"}
	file := asPNG(t, patches(3, 50))
	for start, want := range []string{`"images":60`, `"images":60`, `"images":60`} { // one comes, one goes; each start folds that
		site, stop := serving(t, args...)
		if info := asked(t, "GET", site+"/v1/info", "", nil); !strings.Contains(info, want) {
			t.Errorf("start %d: %s", start, info)
		}
		asked(t, "PUT", fmt.Sprintf("%s/v1/images?id=mine/%d&class=new", site, start), "image/png", file)
		asked(t, "DELETE", fmt.Sprintf("%s/v1/images?id=test/star/%05d", site, 5+10*start), "", nil)
		if code := stop(); code != exitDone {
			t.Errorf("start %d: status %d", start, code)
		}
	}
	site, stop := serving(t, args...)
	if hits := asked(t, "POST", site+"/v1/search?k=9&path=mine", "image/png", file); strings.Count(hits, `"class":"new"`) != 3 {
		t.Errorf("of three that were added it finds %s", hits)
	}
	stop()
	if ids := found(t, x, "--query", "mine/1", "--k", "60"); len(ids) != 60 || strings.Contains(strings.Join(ids, " "), "star/00005") || strings.Contains(strings.Join(ids, " "), "star/00025") {
		t.Errorf("the index holds %v", ids)
	}
}

// What was added to an index in fewer bytes stays in the journal: folding it would make float32 of what is left of the vectors.
func TestServeAQuantizedIndex(t *testing.T) {
	dir, x, small := trainedRun(t, "--epochs", "0"), filepath.Join(t.TempDir(), "x.index"), filepath.Join(t.TempDir(), "small.index")
	must(t, "embed", dir, "--out", x, "-q")
	must(t, "index", "quantize", x, "--out", small)
	for start := range 2 {
		site, stop := serving(t, "serve", small, "--addr", "127.0.0.1:0")
		if start == 0 {
			asked(t, "PUT", site+"/v1/images?id=mine", "image/png", asPNG(t, patches(3, 50)))
		}
		asked(t, "GET", site+"/v1/neighbours?id=mine", "", nil)
		for _, replace := range [][]string{{"quantize", x}, {"merge", x, x}} {
			if code, _, errs := call(t, append([]string{"index"}, append(replace, "--out", small)...)...); code != exitFailed || !strings.Contains(errs, "stop it first") {
				t.Errorf("%v over an index that is served: status %d, %s", replace, code, errs)
			}
		}
		stop()
	}
	if info := must(t, "index", "info", small); !strings.Contains(info, "60 vectors") || !strings.Contains(info, "int8") {
		t.Errorf("the index is now\n%s", info)
	}
}

func TestBenchServe(t *testing.T) {
	var got struct {
		Loads []struct {
			Name   string
			Rate   float64 `json:"requests_per_s"`
			P50    float64 `json:"p50_ms"`
			P99    float64 `json:"p99_ms"`
			Failed int
		}
		Gallery, Dim int
	}
	out := must(t, "bench", "serve", trainedRun(t, "--epochs", "0"), "--gallery", "500", "--clients", "3", "--seconds", "0.2", "--json", "-q")
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Loads) != 3 || got.Gallery != 500 || got.Dim != 64 {
		t.Fatal(err, out)
	}
	for _, l := range got.Loads {
		if l.Rate <= 0 || l.P50 <= 0 || l.P99 < l.P50 || l.Failed != 0 {
			t.Errorf("%+v", l)
		}
	}
}
