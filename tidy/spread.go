package tidy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"

	"alike/eval"
	"alike/internal/rng"
)

// Spread gives labels to all images from those of a few, along the images that are most
// like each other (Zhou et al. 2004): with W the similarities exp(cos/Temperature) of
// each image to its Neighbours, or theirs to it, and D the sums of its rows,
//
//	F ← Share D^-1/2 W D^-1/2 F + (1 - Share) Y
//
// where Y has a 1 for each image of known class, divided by the number of these in the
// class. An image gets the class of its largest F, the lower one of equals.
type Spread struct {
	Neighbours    int
	Temperature   float64
	Share         float64 // of what comes from the neighbours
	MaxIterations int
}

// DefaultSpread is ten neighbours, at kNN's temperature.
func DefaultSpread() Spread {
	return Spread{Neighbours: 10, Temperature: 0.1, Share: 0.95, MaxIterations: 300}
}

// Validate checks all fields.
func (s Spread) Validate() error {
	var errs []error
	if s.Neighbours < 1 {
		errs = append(errs, fmt.Errorf("neighbours %d: must be at least 1", s.Neighbours))
	}
	if !(s.Temperature > 0) {
		errs = append(errs, fmt.Errorf("temperature %g: must be above 0", s.Temperature))
	}
	if !(s.Share > 0 && s.Share < 1) {
		errs = append(errs, fmt.Errorf("share %g: must be between 0 and 1", s.Share))
	}
	if s.MaxIterations < 1 {
		errs = append(errs, fmt.Errorf("max_iterations %d: must be at least 1", s.MaxIterations))
	}
	return errors.Join(errs...)
}

// Labelled is the class of an image, -1 where no known image is within reach, with its share of
// all classes' F.
type Labelled struct {
	Class      int
	Confidence float64
}

// Labels returns a class for each image; known holds -1 for those whose class is not known.
// Known ones keep theirs.
func (s Spread) Labels(ctx context.Context, f *eval.Features, known []int, classes int) ([]Labelled, error) {
	w, err := s.graph(ctx, f)
	if err != nil {
		return nil, err
	}
	return s.spread(ctx, w, known, classes)
}

// HeldOut measures Labels on the known images: in folds, each is left out and labelled by the
// others. It returns how many of how many got their class.
func (s Spread) HeldOut(ctx context.Context, f *eval.Features, known []int, classes int, seed uint64) (right, of int, err error) {
	w, err := s.graph(ctx, f)
	if err != nil {
		return 0, 0, err
	}
	var rows []int
	for i, c := range known {
		if c >= 0 {
			rows = append(rows, i)
		}
	}
	folds := min(5, len(rows))
	order := rng.New(rng.Split, seed).Perm(len(rows))
	for fold := range folds {
		part := append([]int(nil), known...)
		var left []int
		for at, i := range order {
			if at%folds == fold {
				part[rows[i]] = -1
				left = append(left, rows[i])
			}
		}
		labels, err := s.spread(ctx, w, part, classes)
		if err != nil {
			return 0, 0, err
		}
		for _, row := range left {
			of++
			if labels[row].Class == known[row] {
				right++
			}
		}
	}
	return right, of, nil
}

// edge is a neighbour's weight in D^-1/2 W D^-1/2.
type edge struct {
	to     int
	weight float64
}

// graph is the rows of D^-1/2 W D^-1/2, each in the order of its neighbours' rows.
func (s Spread) graph(ctx context.Context, f *eval.Features) ([][]edge, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	near, err := nearestRows(ctx, f, s.Neighbours)
	if err != nil {
		return nil, err
	}
	weights := make([]map[int]float64, f.N)
	for i := range weights {
		weights[i] = map[int]float64{}
	}
	for i, list := range near {
		for _, n := range list {
			// 1 for the same direction, to keep the largest numbers small. An image that is far from all may have
			// no weight above 0, and so no neighbours.
			if w := math.Exp((float64(n.Similarity) - 1) / s.Temperature); w > 0 {
				weights[i][n.Row], weights[n.Row][i] = w, w
			}
		}
	}
	edges, sums := make([][]edge, f.N), make([]float64, f.N)
	for i, row := range weights {
		for to, w := range row {
			edges[i] = append(edges[i], edge{to, w})
		}
		sort.Slice(edges[i], func(a, b int) bool { return edges[i][a].to < edges[i][b].to })
		for _, e := range edges[i] {
			sums[i] += e.weight
		}
	}
	for i := range edges {
		for k, e := range edges[i] {
			edges[i][k].weight = e.weight / math.Sqrt(sums[i]) / math.Sqrt(sums[e.to]) // the product of the sums may be 0
		}
	}
	return edges, nil
}

func (s Spread) spread(ctx context.Context, w [][]edge, known []int, classes int) ([]Labelled, error) {
	counts := make([]float64, classes)
	for _, c := range known {
		if c >= 0 {
			counts[c]++
		}
	}
	now, next := make([]float64, len(w)*classes), make([]float64, len(w)*classes)
	for range s.MaxIterations {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		largest, change := 0.0, 0.0
		for i, edges := range w {
			row := next[i*classes:][:classes]
			clear(row)
			for _, e := range edges {
				for c, v := range now[e.to*classes:][:classes] {
					row[c] += s.Share * e.weight * v
				}
			}
			if c := known[i]; c >= 0 {
				row[c] += (1 - s.Share) / counts[c]
			}
			for c, v := range row {
				largest, change = max(largest, v), max(change, math.Abs(v-now[i*classes+c]))
			}
		}
		now, next = next, now
		if change <= 1e-6*largest {
			break
		}
	}
	labels := make([]Labelled, len(w))
	for i := range labels {
		labels[i] = decide(now[i*classes:][:classes], known[i])
	}
	return labels, nil
}

// decide is the class of one image.
func decide(row []float64, known int) Labelled {
	if known >= 0 {
		return Labelled{known, 1}
	}
	l, sum := Labelled{Class: -1}, 0.0
	for c, v := range row {
		sum += v
		if v > 0 && (l.Class < 0 || v > row[l.Class]) {
			l.Class = c
		}
	}
	if l.Class >= 0 {
		l.Confidence = row[l.Class] / sum
	}
	return l
}
