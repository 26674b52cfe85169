package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// decode runs a command with --json.
func decode(t *testing.T, into any, args ...string) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, append(args, "--json")...)), into); err != nil {
		t.Fatal(err)
	}
}

// TestTidy finds copies, clusters and labels in an index of generated images.
func TestTidy(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	run, dir := trainedRun(t), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, "embed", run, "--split", "train", "--out", at("x.index"))

	var dupes struct {
		Images, Copies int
		Groups         []struct {
			Keep   string
			Copies []struct {
				ID         string
				Similarity float64
			}
		}
	}
	decode(t, &dupes, "dedupe", at("x.index"), "--similarity", "0.99", "--out", at("copies.tsv"), "--picture", at("copies.png"))
	if dupes.Images != 300 || dupes.Copies == 0 || dupes.Copies >= 300 || len(dupes.Groups) == 0 {
		t.Errorf("%d copies in %d groups of %d images", dupes.Copies, len(dupes.Groups), dupes.Images)
	}
	list, err := os.ReadFile(at("copies.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(list), "\n"); got != 1+dupes.Copies {
		t.Errorf("the list has %d lines, want %d", got, 1+dupes.Copies)
	}
	if text := must(t, "dedupe", at("x.index"), "--similarity", "1"); !strings.Contains(text, "of 300 images are copies at similarity 1") {
		t.Errorf("%s", text)
	}

	var clusters struct {
		Images   int
		Clusters []struct {
			Classes map[string]int
			Images  []struct{ ID string }
		}
		Apart []string
	}
	for _, way := range [][]string{{"--k", "4", "--sheets", at("sheets")}, {"--density"}} {
		decode(t, &clusters, append([]string{"cluster", at("x.index"), "--out", at("clusters.tsv")}, way...)...)
		n := len(clusters.Apart)
		for _, c := range clusters.Clusters {
			n += len(c.Images)
		}
		if n != 300 || clusters.Images != 300 {
			t.Errorf("%v: %d images in clusters or apart", way, n)
		}
	}
	if _, _, errs := call(t, "cluster", at("x.index"), "--density", "--similarity", "0"); strings.Contains(errs, "within reach") {
		t.Errorf("a similarity of 0 is not taken: %s", errs)
	}
	if sheets, _ := filepath.Glob(at("sheets/cluster-*.png")); len(sheets) != 4 {
		t.Errorf("sheets %q", sheets)
	}

	var all struct {
		Clusters []struct{ Images []struct{ ID string } }
	}
	decode(t, &all, "cluster", at("x.index"), "--k", "2")
	var examples strings.Builder
	examples.WriteString("image,class\n")
	for class, c := range all.Clusters {
		for _, img := range c.Images[:20] {
			fmt.Fprintf(&examples, "%s,group %d\n", img.ID, class)
		}
	}
	if err := os.WriteFile(at("few.csv"), []byte(examples.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var labels struct {
		Examples int
		Accuracy float64 `json:"held_out_accuracy"`
		Labels   []struct {
			ID, Class  string
			Confidence float64
		}
	}
	decode(t, &labels, "label", at("x.index"), "--examples", at("few.csv"), "--out", at("labels.csv"), "--picture", at("labels.png"))
	if labels.Examples != 40 || labels.Accuracy < 0.9 || len(labels.Labels) != 300 {
		t.Errorf("%d examples, accuracy %g, %d labels", labels.Examples, labels.Accuracy, len(labels.Labels))
	}
	for _, name := range []string{"copies.png", "labels.png", "labels.csv", "clusters.tsv"} {
		if st, err := os.Stat(at(name)); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	decode(t, &labels, "label", at("x.index"), "--examples", at("labels.csv")) // its own list, corrected
	if labels.Examples < 200 {
		t.Errorf("%d examples in a list of 300 labels", labels.Examples)
	}

	bad := map[string]string{"conflict.csv": "IMG,a\nIMG,b\n", "unknown.csv": "IMG,a\nnowhere,b\n", "one.csv": "IMG,a\n", "typo.csv": "nowhere,a\nIMG,b\n", "wide.csv": "IMG,a,b,c\n"}
	for name, text := range bad {
		if err := os.WriteFile(at(name), []byte(strings.ReplaceAll(text, "IMG", all.Clusters[0].Images[0].ID)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"dedupe", at("x.index"), "--similarity", "2"}, "must be a cosine"},
		{[]string{"dedupe", at("x.index"), "--picture", "x.jpg"}, "ends in .png"},
		{[]string{"cluster", at("x.index"), "--k", "3", "--density"}, "exclude each other"},
		{[]string{"cluster", at("x.index"), "--k", "301"}, "301 clusters of 300 images"},
		{[]string{"label", at("x.index")}, "--examples is needed"},
		{[]string{"label", at("x.index"), "--examples", at("conflict.csv")}, `is "b", before it was "a"`},
		{[]string{"label", at("x.index"), "--examples", at("unknown.csv")}, "line 2: there is no image nowhere"},
		{[]string{"label", at("x.index"), "--examples", at("typo.csv")}, "line 1: there is no image nowhere"},
		{[]string{"label", at("x.index"), "--examples", at("one.csv")}, "1 classes, want at least 2"},
		{[]string{"label", at("x.index"), "--examples", at("wide.csv")}, "line 1 has 4 fields; want \"image,class\""},
	} {
		if code, _, errs := call(t, tc.args...); code == exitDone || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: status %d, %q, want %q", tc.args, code, errs, tc.want)
		}
	}
}
