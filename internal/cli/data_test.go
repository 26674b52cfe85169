package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// photos is a folder of 30 images of two classes and the bad files.
func photos(t *testing.T, bad ...string) string {
	t.Helper()
	root := t.TempDir()
	files := map[string][]byte{}
	for i := range 30 {
		m := image.NewGray(image.Rect(0, 0, 16, 16))
		for p := range m.Pix {
			m.SetGray(p%16, p/16, color.Gray{Y: uint8(255 * (i % 2))})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		files[fmt.Sprintf("%s/%02d.png", []string{"cat", "dog"}[i%2], i)] = b.Bytes()
	}
	for _, name := range bad {
		files[name] = nil
	}
	for name, body := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDataInfo(t *testing.T) {
	out := must(t, "data", "info", photos(t, "cat/bad.jpg"))
	for _, want := range []string{"folder: 30 images read in ", " images/s)\n  png: 30 images\n", "all: 30 images, 2 classes\n  mean [0.500 0.500 0.500], standard deviation [0.500 0.500 0.500]", "  16x16: 30 images\n  cat: 15 images\n  dog: 15 images\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("data info prints\n%swant %q", out, want)
		}
	}
	var info struct {
		Format      string
		FileTypes   map[string]int `json:"file_types"`
		ReadSeconds float64        `json:"read_seconds"`
		Skipped     int
		BadFiles    []struct{ Name, Reason string } `json:"bad_files"`
		Splits      map[string]struct{ Images int }
	}
	if err := json.Unmarshal([]byte(must(t, "data", "info", photos(t, "cat/bad.jpg"), "--json", "-q")), &info); err != nil {
		t.Fatal(err)
	}
	if info.Format != "folder" || info.FileTypes["png"] != 30 || info.ReadSeconds <= 0 || info.Skipped != 1 || len(info.BadFiles) != 1 ||
		info.BadFiles[0].Name != "cat/bad.jpg" || !strings.Contains(info.BadFiles[0].Reason, "empty") || info.Splits["all"].Images != 30 {
		t.Errorf("%+v", info)
	}
}

func TestDataFromStandardInput(t *testing.T) {
	root := photos(t)
	var out, errs bytes.Buffer
	list := filepath.Join(root, "dog", "01.png") + "\n" + filepath.Join(root, "cat", "00.png") + "\n"
	if code := Run(t.Context(), []string{"data", "info", "-"}, strings.NewReader(list), &out, &errs); code != exitDone || !strings.Contains(out.String(), "list: 2 images") {
		t.Errorf("status %d\n%s%s", code, out.String(), errs.String())
	}
}

func TestToleranceOfBadFiles(t *testing.T) {
	root := photos(t, "cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png")
	for _, tc := range []struct {
		flags string
		code  int
		want  string
	}{
		{"", exitFailed, "4 of 34 images cannot be read, more than 10 %; the first is cat/a.png: the file is empty"},
		{"--max-bad 0.2", exitDone, "skipped dog/d.png: the file is empty"},
		{"--strict", exitFailed, "cat/a.png cannot be read: the file is empty"},
		{"--max-bad 0", exitMisuse, "must be a share above 0"},
		{"--max-bad 2", exitMisuse, "must be a share above 0"},
	} {
		code, _, errs := call(t, append([]string{"data", "info", root}, strings.Fields(tc.flags)...)...)
		if code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%q: status %d, want %d; %s, want %q", tc.flags, code, tc.code, errs, tc.want)
		}
	}
}

func TestRunListsBadFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	must(t, "train", "simclr", "--data", photos(t, "cat/a\tb.png", "cat/text.png"), "--encoder", "resnet8", "--batch", "8", "--epochs", "1", "--steps", "1", "--out", dir, "-q")
	b, err := os.ReadFile(filepath.Join(dir, "bad-files.tsv"))
	const reason = "the file is empty; copy or download it again\n"
	if want := "name\treason\ncat/a\\tb.png\t" + reason + "cat/text.png\t" + reason; err != nil || string(b) != want {
		t.Errorf("the list is %q, %v, want %q", b, err, want)
	}
	must(t, "resume", dir, "--data", photos(t), "--steps", "2", "-q")
	if _, err := os.Stat(filepath.Join(dir, "bad-files.tsv")); !os.IsNotExist(err) {
		t.Errorf("the list of repaired data stays: %v", err)
	}
}

func TestTrainOnAnotherSplit(t *testing.T) {
	dir, again := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "again")
	must(t, "train", "simclr", "--data", sprites, "--split", "test", "--encoder", "resnet8", "--batch", "8", "--epochs", "0", "--out", dir, "-q")
	must(t, "train", "--config", filepath.Join(dir, "config.yaml"), "--out", again, "-q")
	for _, run := range []string{dir, again} {
		if b, err := os.ReadFile(filepath.Join(run, "config.yaml")); err != nil || !strings.Contains(string(b), "split: test\n") {
			t.Errorf("%v in\n%s", err, b)
		}
	}
	if code, _, errs := call(t, "train", "simclr", "--data", sprites, "--split", "unlabeled"); code != exitFailed || !strings.Contains(errs, `has no split "unlabeled"; it has test, train`) {
		t.Errorf("status %d, %s", code, errs)
	}
}
