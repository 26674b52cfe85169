package export_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/dataset"
	"alike/dataset/export"
)

// classes are in the order of their names, but a folder "cat-2/" sorts before "cat/".
var classes = []string{"cat", "cat-2", "emu"}

// source has two splits, classes whose images alternate, and images without a class.
func source() *dataset.Source {
	s := &dataset.Source{Spec: "made", Splits: map[string]dataset.Dataset{}}
	for split, n := range map[string]int{dataset.Train: 13, dataset.Test: 5} {
		m := &dataset.Memory{Title: split, Names: classes}
		for i := range n {
			img := dataset.Image{Width: 2 + i, Height: 3, Pix: make([]uint8, 3*(2+i)*3)}
			for p := range img.Pix {
				img.Pix[p] = uint8(p*7 + i*13 + len(split))
			}
			m.Images, m.Labels = append(m.Images, img), append(m.Labels, i%4-1)
		}
		s.Splits[split] = m
	}
	return s
}

type seen struct {
	Class string
	Image dataset.Image
}

// content is what a data set holds, in its order.
func content(t *testing.T, d dataset.Dataset) []seen {
	t.Helper()
	var all []seen
	for i := range d.Len() {
		img, err := d.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		x := seen{Image: img}
		if l := d.Label(i); l >= 0 {
			x.Class = d.Classes()[l]
		}
		all = append(all, x)
	}
	return all
}

// TestAllFormatsGiveTheSameImagesInTheSameOrder reads what was written.
func TestAllFormatsGiveTheSameImagesInTheSameOrder(t *testing.T) {
	want := map[string][]seen{}
	for split, d := range source().Splits {
		all := content(t, d)
		for _, class := range []string{"", "cat-2", "cat", "emu"} {
			for _, x := range all {
				if x.Class == class {
					want[split] = append(want[split], x)
				}
			}
		}
	}
	for _, format := range export.Formats() {
		out := filepath.Join(t.TempDir(), "x")
		if format == "tar" || format == "zip" {
			out += "." + format
		}
		done := 0
		if err := export.Write(t.Context(), source(), format, out, func(n int) { done = n }); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		spec := out
		switch format {
		case "csv", "jsonl":
			spec = filepath.Join(out, "images."+format)
		}
		s, err := dataset.Open(t.Context(), spec, dataset.Options{})
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if done != 18 || len(s.Splits) != 2 {
			t.Errorf("%s: %d images written, splits %v", format, done, s.Splits)
		}
		for split, images := range want {
			d, err := s.Split(split)
			if err != nil {
				t.Errorf("%s: %v", format, err)
				continue
			}
			if diff := cmp.Diff(images, content(t, d)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%.2000s", format, split, diff)
			}
		}
	}
}

// made is a source with an image of each class ("" for none) of each split.
func made(splits map[string][]string) *dataset.Source {
	s := &dataset.Source{Spec: "made", Splits: map[string]dataset.Dataset{}}
	for split, names := range splits {
		m := &dataset.Memory{Title: split}
		for i, name := range names {
			m.Images = append(m.Images, dataset.Image{Width: 1, Height: 1, Pix: []uint8{uint8(i), 0, 0}})
			if name == "" {
				m.Labels = append(m.Labels, -1)
				continue
			}
			m.Labels, m.Names = append(m.Labels, len(m.Names)), append(m.Names, name)
		}
		s.Splits[split] = m
	}
	return s
}

func TestWhatFormatsCannotHold(t *testing.T) {
	all := func(classes ...string) map[string][]string { return map[string][]string{dataset.All: classes} }
	const everywhere, folders, named = "csv folder jsonl parquet tar webdataset zip", "folder tar zip", "folder parquet tar webdataset zip"
	for _, tc := range []struct {
		name    string
		splits  map[string][]string
		refused string // the formats
		want    string
	}{
		{"a class that leads out", all("cat", "../../x"), folders, `the class "../../x" cannot be the name of a folder`},
		{"a class with a folder", all("cat", "a/b"), folders, `the class "a/b"`},
		{"a class with a Windows folder", all("cat", `a\b`), folders, `the class "a\\b"`},
		{"a class that is hidden", all("cat", ".x"), folders, `the class ".x"`},
		{"a class with a space behind it", all("cat", "x "), everywhere, `the class "x "`},
		{"a split that leads out", map[string][]string{"../x": {"cat"}}, everywhere, `the split "../x"`},
		{"a split without a name", map[string][]string{"": {"cat"}}, everywhere, `the split ""`},
		{"a split of its own", map[string][]string{"night": {"cat"}, "train": {"cat"}}, named, `has no split "night"`},
		{"a single class", all("cat"), folders, "no place for the name of a single class"},
		{"classes called as splits", all("train", "Test", ""), folders, "the classes would be splits"},
		{"images beside splits", map[string][]string{dataset.All: {"cat", "dog"}, dataset.Query: {"cat"}}, folders, "no split beside those of splits"},
		{"a class called as a split", all("train", "bus"), "", ""},
		{"one class and images without", all("", "cat"), "", ""},
		{"a single class of a split", map[string][]string{dataset.Train: {"a..b"}}, "", ""},
	} {
		for _, format := range export.Formats() {
			dir := t.TempDir()
			err := export.Write(t.Context(), made(tc.splits), format, filepath.Join(dir, "x"), nil)
			if !strings.Contains(tc.refused, format) {
				if err != nil {
					t.Errorf("%s: %s: %v", tc.name, format, err)
					continue
				}
				if got := readBack(t, dir, format); !cmp.Equal(got, tc.splits) {
					t.Errorf("%s: %s gives back %q", tc.name, format, got)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %s: %v, want %q", tc.name, format, err, tc.want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%s: %s leaves %v", tc.name, format, left)
			}
		}
	}
}

// readBack is the classes of the images of each split of what was written to x, in the
// order of the source that made makes.
func readBack(t *testing.T, dir, format string) map[string][]string {
	t.Helper()
	spec := format + ":" + filepath.Join(dir, "x")
	if format == "csv" || format == "jsonl" {
		spec = filepath.Join(dir, "x", "images."+format)
	}
	s, err := dataset.Open(t.Context(), spec, dataset.Options{})
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	splits := map[string][]string{}
	for split, d := range s.Splits {
		splits[split] = make([]string, d.Len())
		for _, x := range content(t, d) {
			splits[split][x.Image.Pix[0]] = x.Class
		}
	}
	return splits
}

func TestNothingIsOverwrittenOrLeftHalfDone(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "x")
	if err := export.Write(t.Context(), source(), "abacus", out, nil); err == nil || !strings.Contains(err.Error(), "webdataset") {
		t.Errorf("unknown format: %v", err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	if err := export.Write(ctx, source(), "folder", out, func(int) { stop(cause) }); !errors.Is(err, cause) {
		t.Errorf("stopped: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("a stopped export leaves %v", left)
	}
	if err := export.Write(t.Context(), source(), "folder", out, nil); err != nil {
		t.Fatal(err)
	}
	if err := export.Write(t.Context(), source(), "folder", out, nil); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("there already: %v", err)
	}
	own := filepath.Join(dir, "y.partial")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := export.Write(t.Context(), source(), "folder", filepath.Join(dir, "y"), nil); err == nil || !strings.Contains(err.Error(), own+" exists") {
		t.Errorf("a folder of that name: %v", err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
	if err := export.Write(t.Context(), source(), "folder", filepath.Join(dir, "z")+"/", nil); err != nil {
		t.Errorf("with a slash behind it: %v", err)
	}
}
