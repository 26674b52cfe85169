package cli

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alike/dataset"
)

// TestEncodersOfOthers takes a file that PyTorch exported for a model: it embeds, is measured and searched, a head is
// trained on its features, and the head's run embeds images by way of it.
func TestEncodersOfOthers(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	b, err := os.ReadFile(filepath.Join("..", "onnx", "build", "testdata", "tiny-vit.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("vit.onnx"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	const images = "builtin:sprites?n=60"

	var score struct {
		Value   float64
		Subject struct {
			Name, Encoder, Preprocessing string
			SHA256                       string `json:"weights_sha256"`
		}
	}
	decode(t, &score, "eval", "knn", at("vit.onnx"), "--data", images, "--preprocess", "mean=0.5 std=0.25")
	if score.Subject.Encoder != "onnx" || len(score.Subject.SHA256) != 64 || !strings.Contains(score.Subject.Preprocessing, "size=32 resize=32 shape=crop exact=resize interpolation=bilinear range=1 mean=0.5,0.5,0.5 std=0.25") {
		t.Errorf("%+v", score.Subject)
	}
	kept, err := os.ReadFile(at("vit.onnx.scores.jsonl"))
	if err != nil || strings.Count(string(kept), "\n") != 1 {
		t.Errorf("the scores: %q, %v", kept, err)
	}
	must(t, "eval", "retrieval", at("vit.onnx"), "--data", images, "--layer", "out:mean", "--nmi=false")
	must(t, "eval", "cluster", at("vit.onnx"), "--data", images)

	// An index remembers how images were prepared.
	must(t, "embed", at("vit.onnx"), "--data", images, "--split", "train", "--preprocess", "mean=0.1", "--out", at("x.index"))
	query := spriteFile(t, dir, images, 7)
	type found struct {
		Hits []struct {
			ID         string
			Similarity float64
		}
	}
	var hits found
	for _, of := range [][]string{{at("x.index")}, {at("vit.onnx"), "--data", images, "--split", "train"}} {
		decode(t, &hits, append([]string{"search", "--query", query, "--k", "1"}, of...)...)
		if hits.Hits[0].Similarity < 0.9999 {
			t.Errorf("%v: %+v", of, hits)
		}
	}

	// A head on its features, which embeds images too.
	must(t, "embed", at("vit.onnx"), "--data", images, "--split", "train", "--views", "2", "--out", at("h.npy"))
	must(t, "train", "ice", "--from-features", at("h.npy"), "--epochs", "1", "--batch", "16", "--per-class", "4", "--out", at("head"))
	decode(t, &hits, "search", at("head"), "--query", query, "--k", "1")
	if hits.Hits[0].Similarity < 0.9999 {
		t.Errorf("the head: %+v", hits)
	}
	must(t, "eval", "knn", at("head"), "--data", images)
	must(t, "embed", at("head"), "--data", images, "--out", at("z.index"))
	decode(t, &hits, "search", at("z.index"), "--query", query, "--k", "1")

	for _, tc := range []struct {
		want string
		args []string
	}{
		{"--data is needed", []string{"eval", "knn", at("vit.onnx")}},
		{"has no checkpoints to choose a step of", []string{"eval", "knn", at("vit.onnx"), "--data", images, "--step", "3"}},
		{"the keys are size, resize", []string{"eval", "knn", at("vit.onnx"), "--data", images, "--preprocess", "side=3"}},
		{"whose network stays as it is", []string{"eval", "finetune", at("vit.onnx"), "--data", images}},
		{"is a file of ONNX already", []string{"export", at("vit.onnx"), "--out", at("y.onnx")}},
		{"that is for files of ONNX", []string{"eval", "knn", at("head"), "--preprocess", "size=32"}},
	} {
		code, _, errs := call(t, tc.args...)
		if code == exitDone || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: status %d, %q, want %q", tc.args, code, errs, tc.want)
		}
	}
	if err := os.Rename(at("vit.onnx"), at("moved.onnx")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "search", at("head"), "--query", query); code == exitDone || !strings.Contains(errs, "the encoder that made the features") {
		t.Errorf("an encoder that was moved: status %d, %q", code, errs)
	}
	must(t, "eval", "knn", at("head")) // on the features
}

// spriteFile writes an image of a data set's train split as a file.
func spriteFile(t *testing.T, dir, spec string, i int) string {
	t.Helper()
	source, err := dataset.Open(t.Context(), spec, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := source.Split(dataset.Train)
	if err != nil {
		t.Fatal(err)
	}
	img, err := d.Image(i)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "query.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img.RGBA()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
