package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alike/index"
)

// found searches and returns the ids of what was found.
func found(t *testing.T, args ...string) (ids []string) {
	t.Helper()
	var out struct {
		Hits []struct {
			ID, Class  string
			Similarity float64
		}
	}
	if err := json.Unmarshal([]byte(must(t, append([]string{"search", "--json", "-q"}, args...)...)), &out); err != nil {
		t.Fatal(err)
	}
	for _, h := range out.Hits {
		ids = append(ids, h.ID)
	}
	return ids
}

func TestSearchInAnIndex(t *testing.T) {
	dir := trainedRun(t)
	x := filepath.Join(t.TempDir(), "sprites.index")
	must(t, "embed", dir, "--out", x, "-q")
	const query = "test/star/00005"
	want := found(t, dir, "--query", query, "--k", "4")
	got := found(t, x, "--query", query, "--k", "4")
	if strings.Join(got, " ") != strings.Join(want, " ") || got[0] != query {
		t.Errorf("the index finds %v, the run %v", got, want)
	}
	for _, id := range found(t, x, "--query", query, "--class", "heart,cross", "--k", "9") {
		if !strings.HasPrefix(id, "test/heart/") && !strings.HasPrefix(id, "test/cross/") {
			t.Errorf("found %s", id)
		}
	}
	for _, id := range found(t, x, "--query", query, "--path", "*/star", "--k", "3") {
		if !strings.HasPrefix(id, "test/star/") {
			t.Errorf("found %s", id)
		}
	}
	png := filepath.Join(t.TempDir(), "hits.png")
	if part := found(t, x, "--query", query, "--crop", "4,4,16,16", "--k", "3", "--out", png); len(part) != 3 {
		t.Errorf("a crop finds %v", part)
	}
	if _, err := os.Stat(png); err != nil {
		t.Error(err)
	}
	if again := found(t, x, "--query", png, "--model", dir); len(again) != 10 {
		t.Errorf("a file finds %v", again)
	}
	about, err := index.ReadAbout(x)
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.index")
	if err := index.Write(empty, about, func(func(index.Entry, []float32) error) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if none := must(t, "search", empty, "--query", png, "--json", "-q"); !strings.Contains(none, `"hits": []`) {
		t.Errorf("nothing found is %s", none)
	}
	other := trainedRun(t, "--seed", "5")
	if code, _, errs := call(t, "search", x, "--query", png, "--model", other); code != exitFailed || !strings.Contains(errs, "their embeddings cannot be compared") {
		t.Errorf("another model: status %d, %s", code, errs)
	}
	if code, _, errs := call(t, "search", x, "--query", png, "--layer", "z"); code != exitMisuse || !strings.Contains(errs, "are for a run") {
		t.Errorf("--layer: status %d, %s", code, errs)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "search", x, "--query", png); code != exitFailed || !strings.Contains(errs, "--model RUN says where it is now") {
		t.Errorf("no run: status %d, %s", code, errs)
	}
}

func TestEmbedBuildsOnWhatIsThere(t *testing.T) {
	dir := trainedRun(t)
	parquet := filepath.Join(t.TempDir(), "sprites.parquet")
	var out struct {
		Images, Embedded, Unchanged, Skipped int
		Added, Changed, Vanished             []string
		Layer                                string
		Written, Normalized                  bool
	}
	embed := func(args ...string) {
		t.Helper()
		text := must(t, append([]string{"embed", dir, "--out", parquet, "--json", "-q"}, args...)...)
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	embed()
	if out.Images != 60 || out.Embedded != 60 || out.Layer != "h" || out.Normalized || !out.Written || out.Added == nil || len(out.Added) > 0 {
		t.Errorf("first: %+v", out)
	}
	embed()
	if out.Images != 60 || out.Embedded != 0 || out.Unchanged != 60 || out.Written {
		t.Errorf("again: %+v", out)
	}
	embed("--classes", "not star")
	if out.Images != 54 || out.Embedded != 0 || len(out.Vanished) != 6 || !strings.HasPrefix(out.Vanished[0], "test/star/") || !out.Written {
		t.Errorf("without stars: %+v", out)
	}
	embed("--normalize")
	if out.Embedded != 60 || out.Unchanged != 0 || !out.Normalized {
		t.Errorf("normalised: %+v", out)
	}
	embed("--normalize", "--shard", "1/2")
	if out.Embedded != 0 || out.Images == 0 || out.Images+len(out.Vanished) != 60 {
		t.Errorf("a half: %+v", out)
	}
}

func TestIndexBuild(t *testing.T) {
	dir := trainedRun(t)
	x := filepath.Join(t.TempDir(), "sprites.index")
	must(t, "embed", dir, "--split", "train", "--out", x, "-q")
	const query = "train/star/00005"
	if code, _, errs := call(t, "search", x, "--query", query, "--recall", "0.9"); code != exitFailed || !strings.Contains(errs, "'alike index build' makes one") {
		t.Errorf("no graph: status %d, %s", code, errs)
	}
	var out struct {
		Graph struct {
			M, Sample int
			Efforts   []struct{ Recall float64 }
		}
	}
	if err := json.Unmarshal([]byte(must(t, "index", "build", x, "--m", "8", "--json", "-q")), &out); err != nil {
		t.Fatal(err)
	}
	if g := out.Graph; g.M != 8 || g.Sample != 300 || g.Efforts[len(g.Efforts)-1].Recall < 0.99 {
		t.Errorf("%+v", g)
	}
	if got, want := found(t, x, "--query", query, "--recall", "0.99", "--k", "5"), found(t, x, "--query", query, "--k", "5"); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("by the graph %v, exactly %v", got, want)
	}
	text := must(t, "index", "info", x)
	for _, want := range []string{"300 vectors of 64 values", "layer h of", "a graph of", "recall"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	must(t, "embed", dir, "--split", "train", "--out", x, "-q") // nothing is new: the graph stays
	found(t, x, "--query", query, "--recall", "0.99")
}

func TestIndexQuantize(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	dir := trainedRun(t)
	x := filepath.Join(t.TempDir(), "sprites.index")
	must(t, "embed", dir, "--split", "train", "--out", x, "-q")
	for encoding, bytes := range map[string]int{"int8": 4*64 + 300*68, "binary": 4*64 + 300*8} {
		small := filepath.Join(t.TempDir(), encoding+".index")
		var out struct {
			Quantized struct {
				Bytes  int
				Recall float64
			}
		}
		if err := json.Unmarshal([]byte(must(t, "index", "quantize", x, "--to", encoding, "--out", small, "--json")), &out); err != nil {
			t.Fatal(err)
		}
		if q := out.Quantized; q.Bytes != bytes || q.Recall < 0.3 || encoding == "int8" && q.Recall < 0.9 {
			t.Errorf("%s: %+v", encoding, q)
		}
		if got := found(t, small, "--query", "train/star/00005", "--k", "3"); len(got) != 3 || got[0] != "train/star/00005" {
			t.Errorf("%s finds %v", encoding, got)
		}
		if text := must(t, "index", "info", small); !strings.Contains(text, encoding) || !strings.Contains(text, "recall@10") {
			t.Errorf("info says\n%s", text)
		}
	}
}

// The parts that machines embed are, joined, what one would have embedded.
func TestIndexMerge(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	dir := trainedRun(t)
	out := t.TempDir()
	name := func(s string) string { return filepath.Join(out, s+".index") }
	must(t, "embed", dir, "--out", name("whole"), "-q")
	must(t, "embed", dir, "--out", name("1"), "--shard", "1/2", "-q")
	must(t, "embed", dir, "--out", name("2"), "--shard", "2/2", "-q")
	if text := must(t, "index", "merge", name("1"), name("2"), "--out", name("all")); !strings.Contains(text, "60 embeddings") {
		t.Errorf("merge says %s", text)
	}
	const query = "test/star/00005"
	if got, want := found(t, name("all"), "--query", query), found(t, name("whole"), "--query", query); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the parts find %v, the whole %v", got, want)
	}
	if code, _, errs := call(t, "index", "merge", name("1"), name("whole"), "--out", name("x")); code != exitFailed || !strings.Contains(errs, "two entries have the ID") {
		t.Errorf("the same twice: status %d, %s", code, errs)
	}
}
