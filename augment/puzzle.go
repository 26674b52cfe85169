package augment

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"alike/dataset"
	"alike/internal/rng"
)

// puzzles are what Puzzle does to images, as steps; quarter turns are no step, for
// which one it was has to be known.
var puzzles = map[string]string{
	"gray":   "resize gray(1)",
	"noise":  "resize noise(0.1, 0.1, p=1)",
	"sobel":  "resize sobel(1)",
	"rotate": "",
}

// Puzzles are the names that Puzzle knows, in order.
func Puzzles() []string { return slices.Sorted(maps.Keys(puzzles)) }

// Puzzle is a data set in which something was done to images, and the label says what:
// half of them, drawn by their place, are gray, noisy (σ = 0.1 of values in 0..1) or
// replaced by how steep they are (Sobel); or each was given none to three
// quarter turns ("rotate"). What cannot be told from an embedding is not in it
// (Chen et al. 2020, table 3). Images are shown as Evaluate shows them, of size by size pixels.
func Puzzle(d dataset.Dataset, of string, size int) (dataset.Dataset, error) {
	steps, ok := puzzles[of]
	if !ok {
		return nil, fmt.Errorf("%q is nothing that is done to images here; have %s", of, strings.Join(Puzzles(), ", "))
	}
	if size < 1 {
		return nil, fmt.Errorf("%s holds no images of which %s could be told", d.Name(), of)
	}
	p := &puzzle{Dataset: d, of: of, size: size, names: []string{"as it is", of}}
	if steps == "" {
		p.names = []string{"upright", "a quarter turn", "upside down", "three quarters of a turn"}
		return p, nil
	}
	c, err := Parse(steps)
	if err == nil {
		p.change, err = New(c, size)
	}
	return p, err
}

type puzzle struct {
	dataset.Dataset
	of     string
	size   int
	names  []string
	change *Pipeline // nil for turns
}

func (p *puzzle) Name() string      { return p.Dataset.Name() + ", " + p.of }
func (p *puzzle) Classes() []string { return p.names }
func (p *puzzle) Label(i int) int   { return p.draws(i).IntN(len(p.names)) }

// draws are those of an image: which label, then what the change draws.
func (p *puzzle) draws(i int) *rng.Stream { return rng.New(rng.View, 0, 0, uint64(i), 0) }

// Image implements dataset.Dataset.
func (p *puzzle) Image(i int) (dataset.Image, error) {
	img, err := p.Dataset.Image(i)
	if err != nil {
		return img, err
	}
	view := make([]float32, 3*p.size*p.size)
	Evaluate(view, img, p.size)
	img = bytesOf(view, p.size)
	stream := p.draws(i)
	label := stream.IntN(len(p.names))
	switch {
	case p.change == nil:
		for range label {
			img = turned(img)
		}
	case label > 0:
		p.change.View(view, img, stream, new(Scratch))
		img = bytesOf(view, p.size)
	}
	return img, nil
}

// bytesOf rounds a view to an image.
func bytesOf(view []float32, size int) dataset.Image {
	img := dataset.Image{Width: size, Height: size, Pix: make([]uint8, len(view))}
	for i, v := range view {
		img.Pix[i] = uint8(v*255 + 0.5)
	}
	return img
}

// turned is a square image after a quarter turn to the left.
func turned(img dataset.Image) dataset.Image {
	n := img.Width
	out := dataset.Image{Width: n, Height: n, Pix: make([]uint8, len(img.Pix))}
	for y := range n {
		for x := range n {
			copy(out.Pix[3*((n-1-x)*n+y):][:3], img.Pix[3*(y*n+x):][:3])
		}
	}
	return out
}
