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
