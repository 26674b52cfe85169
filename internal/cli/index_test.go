package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
