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

// source has two splits, three classes whose images alternate, and images without a class.
func source() *dataset.Source {
	s := &dataset.Source{Spec: "made", Splits: map[string]dataset.Dataset{}}
	for split, n := range map[string]int{dataset.Train: 13, dataset.Test: 5} {
		m := &dataset.Memory{Title: split, Names: []string{"cat", "dog", "emu"}}
		for i := range n {
			img := dataset.Image{Width: 2 + i, Height: 3, Pix: make([]uint8, 3*(2+i)*3)}
			for p := range img.Pix {
				img.Pix[p] = uint8(p*7 + i*13 + len(split))
			}
			m.Images, m.Labels = append(m.Images, img), append(m.Labels, i%3)
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
		for _, class := range d.Classes() {
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
}
