package builtin

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"strings"
	"testing"

	"alike/dataset"
	"alike/internal/sheet"
)

var sheetFile = flag.String("sheet", "", "write sprites, a class a row, to this PNG file")

func sprites(t *testing.T, split string, n int, seed uint64) *dataset.Memory {
	t.Helper()
	m, err := Sprites(t.Context(), split, n, seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func hash(t *testing.T, d dataset.Dataset) string {
	t.Helper()
	sum, err := dataset.Hash(d)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestSheet(t *testing.T) {
	if *sheetFile == "" {
		t.Skip("no -sheet FILE to write")
	}
	m := sprites(t, dataset.Train, 160, 1)
	rows := make([][]sheet.Cell, len(shapes))
	for i, img := range m.Images {
		l := m.Labels[i]
		rows[l] = append(rows[l], sheet.Cell{Image: img.RGBA(), Caption: m.Names[l]})
	}
	png, err := sheet.PNG(rows, 80)
	if err == nil {
		err = os.WriteFile(*sheetFile, png, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSpritesDependOnTheirKeyAlone(t *testing.T) {
	want := sprites(t, dataset.Train, 100, 1)
	if longer := sprites(t, dataset.Train, 150, 1); !bytes.Equal(longer.Images[99].Pix, want.Images[99].Pix) {
		t.Error("image 99 depends on the number of images")
	}
	if hash(t, sprites(t, dataset.Train, 100, 1)) != hash(t, want) {
		t.Error("the same key draws different images")
	}
	if hash(t, sprites(t, dataset.Train, 100, 2)) == hash(t, want) {
		t.Error("two seeds draw the same images")
	}
	if bytes.Equal(sprites(t, dataset.Test, 100, 1).Images[0].Pix, want.Images[0].Pix) {
		t.Error("two splits share an image")
	}
}

// The pixels themselves must say next to nothing: the class with the nearest
// mean image is right little more often than one time in ten.
func TestMeanImagesDoNotTellTheClass(t *testing.T) {
	train, test := sprites(t, dataset.Train, 4000, 1), sprites(t, dataset.Test, 1000, 1)
	var mean [10][3 * side * side]float64
	for i, img := range train.Images {
		for p, v := range img.Pix {
			mean[train.Labels[i]][p] += float64(v) / float64(train.Len()/len(shapes))
		}
	}
	right := 0
	for i, img := range test.Images {
		best, nearest := -1, math.Inf(1)
		for l := range mean {
			d := 0.0
			for p, v := range img.Pix {
				d += (float64(v) - mean[l][p]) * (float64(v) - mean[l][p])
			}
			if d < nearest {
				best, nearest = l, d
			}
		}
		if best == test.Labels[i] {
			right++
		}
	}
	if share := float64(right) / float64(test.Len()); share > 0.16 { // 6 standard deviations over chance
		t.Errorf("mean images classify %.3f of the sprites, want about 0.1", share)
	}
}

// Under any rotation a shape stays in its square, and it is neither a speck nor all of it.
func TestShapesFillTheirSquare(t *testing.T) {
	const n = 200
	for _, s := range shapes {
		inside, outermost := 0, 0.0
		for i := range n * n {
			x, y := 2.4*(float64(i%n)+0.5)/n-1.2, 2.4*(float64(i/n)+0.5)/n-1.2
			if s.distance(x, y) < 0 {
				inside++
				outermost = max(outermost, math.Hypot(x, y))
			}
		}
		area := 2.4 * 2.4 * float64(inside) / (n * n)
		if area < 0.6 || area > 2.4 || outermost < 0.75 || outermost > 1.1 {
			t.Errorf("%s: area %.2f, radius %.2f", s.name, area, outermost)
		}
	}
}

func TestOpen(t *testing.T) {
	s, err := dataset.Open(t.Context(), "builtin:sprites?n=60&seed=3", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	train, err1 := s.Split(dataset.Train)
	test, err2 := s.Split(dataset.Test)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if train.Len() != 60 || test.Len() != 12 || len(train.Classes()) != 10 || s.Format != "builtin" {
		t.Errorf("%d and %d images of %d classes", train.Len(), test.Len(), len(train.Classes()))
	}
	if hash(t, train) != hash(t, sprites(t, dataset.Train, 60, 3)) {
		t.Error("seed and n are not used")
	}
}

func TestBadSpecs(t *testing.T) {
	for spec, want := range map[string]string{
		"cats":                 "no built-in images of that name; have sprites",
		"sprites?size=3":       `unknown setting "size"; have n and seed`,
		"sprites?n=many":       "n=many: must be a whole number",
		"sprites?n=49":         "n=49: must be at least 50",
		"sprites?n=2000000000": "do not fit into 8192 MiB of memory",
	} {
		if _, err := dataset.Open(t.Context(), "builtin:"+spec, dataset.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", spec, err, want)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Sprites(ctx, dataset.Train, 50, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
