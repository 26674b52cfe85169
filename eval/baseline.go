package eval

import (
	"context"
	"fmt"
	"math"

	"alike/augment"
	"alike/dataset"
	"alike/internal/kernel/pool"
)

// NewFeatures returns features of d values for each image, all zero, with the
// labels, ids and classes of a data set. Whoever knows the split and the hash
// adds them to Set.
func NewFeatures(images dataset.Dataset, d int) *Features {
	n := images.Len()
	f := &Features{N: n, D: d, Data: make([]float32, n*d), Classes: images.Classes()}
	f.Set = Set{Data: images.Name(), Images: n}
	labelled := len(f.Classes) > 0
	for i := range n {
		f.IDs = append(f.IDs, images.ID(i))
		if labelled {
			f.Labels = append(f.Labels, images.Label(i))
		}
	}
	return f
}

// Pixels returns the images themselves as features, to compare with: the values of
// the fixed view that evaluation uses, size by size pixels, divided by their
// length. Memory is 12 size² bytes an image.
func Pixels(ctx context.Context, images dataset.Dataset, size int) (*Features, error) {
	f := NewFeatures(images, 3*size*size)
	f.Layer = "pixels"
	p := pool.New(0)
	defer p.Close()
	const perTask = 64
	errs := make([]error, (f.N+perTask-1)/perTask)
	p.Run(len(errs), func(task int) {
		for i := task * perTask; i < min((task+1)*perTask, f.N) && errs[task] == nil; i++ {
			errs[task] = f.pixels(ctx, images, i, size)
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("pixels of %s: %w", images.Name(), err)
		}
	}
	return f, nil
}

// Given are the features that a data set holds in place of images, as they are.
func Given(d dataset.Dataset) (*Features, error) {
	given, _ := dataset.FeaturesOf(d, 0)
	if given == nil {
		return nil, fmt.Errorf("%s holds images, not features", d.Name())
	}
	f := NewFeatures(d, given.Dim())
	f.Layer = "features"
	for i := range f.N {
		_, at := dataset.FeaturesOf(d, i)
		copy(f.Row(i), given.Vector(at, 0))
	}
	return f, nil
}

// pixels fills row i.
func (f *Features) pixels(ctx context.Context, images dataset.Dataset, i, size int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	img, err := images.Image(i)
	if err != nil {
		return err
	}
	row, sum := f.Row(i), 0.0
	augment.Evaluate(row, img, size)
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	if sum > 0 { // not all black
		for k, v := range row {
			row[k] = float32(float64(v) / math.Sqrt(sum))
		}
	}
	return nil
}

// Chance returns the accuracy on the queries of always answering the class
// that is most frequent in the bank, the lower one of equals: 1/C where classes
// are equally frequent. It is what an embedding that knows nothing reaches.
func Chance(bank, queries *Features) (float64, error) {
	classes, err := checkPair(bank, queries)
	if err != nil {
		return 0, err
	}
	counts := make([]int, classes)
	for _, l := range bank.Labels {
		counts[l]++
	}
	guess := 0
	for class, n := range counts {
		if n > counts[guess] {
			guess = class
		}
	}
	hits := 0
	for _, l := range queries.Labels {
		if l == guess {
			hits++
		}
	}
	return float64(hits) / float64(queries.N), nil
}
