package cli

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"alike/index/weaviate/weaviatetest"
)

// TestCollections takes a run and an index to a server, and searches there.
func TestCollections(t *testing.T) {
	dir := trainedRun(t)
	t.Chdir(t.TempDir())
	f := weaviatetest.NewFake(t)
	at := "weaviate://" + f.Host() + "/"
	x := filepath.Join(t.TempDir(), "sprites.index")
	must(t, "embed", dir, "--out", x, "-q")
	must(t, "embed", dir, "--out", at+"Embedded", "-q")
	if got := must(t, "index", "push", x, at+"Embedded", "-q"); !strings.Contains(got, ": 0 written, 0 deleted") {
		t.Errorf("the index holds something else than was embedded: %s", got)
	}
	if got := must(t, "index", "push", x, at+"Pushed", "-q"); !strings.Contains(got, "0 deleted") || strings.Contains(got, ": 0 written") {
		t.Errorf("pushed: %s", got)
	}
	const query = "test/star/00005"
	want := strings.Join(found(t, x, "--query", query, "--k", "4"), " ")
	for _, name := range []string{"Embedded", "Pushed"} {
		if got := strings.Join(found(t, at+name, "--query", query, "--k", "4"), " "); got != want {
			t.Errorf("%s: found %s, the index %s", name, got, want)
		}
		var check struct {
			Images, Objects    int
			Missing, Different []string
			Searched, Found    int
		}
		if err := json.Unmarshal([]byte(must(t, "index", "push", x, at+name, "--check", "--json", "-q")), &check); err != nil {
			t.Fatal(err)
		}
		if check.Images == 0 || check.Objects != check.Images || len(check.Missing)+len(check.Different) > 0 || check.Searched == 0 || check.Found != check.Searched {
			t.Errorf("%s: %+v", name, check)
		}
		if got := must(t, "index", "info", at+name); !strings.Contains(got, "layer h of ") {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, test := range []struct {
		status int
		want   string
		args   []string
	}{
		{exitFailed, "is not there; 'alike embed RUN", []string{"search", at + "Nothing", "--query", query}},
		{exitFailed, "--query nobody: ", []string{"search", at + "Pushed", "--query", "nobody"}},
		{exitFailed, "not by a pattern for ids", []string{"search", at + "Pushed", "--query", query, "--path", "a/*"}},
		{exitMisuse, "--recall is for an INDEX", []string{"search", at + "Pushed", "--query", query, "--recall", "0.9"}},
		{exitMisuse, "is no name of a collection", []string{"embed", dir, "--out", at + "small"}},
		{exitMisuse, "is no name of a collection", []string{"index", "push", x, at + "small"}},
		{exitMisuse, "needs an INDEX and weaviate://", []string{"index", "push", x}},
		{exitMisuse, "--replicas 2: want", []string{"embed", dir, "--out", x, "--replicas", "2"}},
		{exitFailed, "is not there", []string{"index", "push", x, at + "Nothing", "--check"}},
	} {
		if code, _, errs := call(t, test.args...); code != test.status || !strings.Contains(errs, test.want) {
			t.Errorf("%v: status %d, %s", test.args, code, errs)
		}
	}
	r, err := http.NewRequest(http.MethodDelete, f.URL+"/v1/objects/Pushed/"+f.UUID("Pushed", query), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	if code, out, errs := call(t, "index", "push", x, at+"Pushed", "--check"); code != exitFailed || !strings.Contains(out, "1 are missing") || !strings.Contains(errs, query) {
		t.Errorf("one is missing: status %d, %s %s", code, out, errs)
	}
	if got := must(t, "index", "push", x, at+"Pushed", "-q"); !strings.Contains(got, ": 1 written, 0 deleted") {
		t.Errorf("mended: %s", got)
	}
}
