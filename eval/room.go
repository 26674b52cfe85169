package eval

import (
	"context"
	"fmt"

	"alike/dataset"
	"alike/internal/kernel/pool"
)

// Room makes the memory of features, values of 0: on the heap if it is nil, else where it
// likes, such as in a file that is mapped.
type Room func(values int) ([]float32, error)

func (r Room) make(values int) ([]float32, error) {
	if r == nil {
		return make([]float32, values), nil
	}
	return r(values)
}

// Features returns features of d values for each image, all zero, with the
// labels, ids and classes of a data set. Whoever knows the split and the hash
// adds them to Set.
func (r Room) Features(images dataset.Dataset, d int) (*Features, error) {
	n := images.Len()
	data, err := r.make(n * d)
	if err != nil {
		return nil, err
	}
	f := &Features{N: n, D: d, Data: data, Classes: images.Classes()}
	f.Set = Set{Data: images.Name(), Images: n}
	labelled := len(f.Classes) > 0
	for i := range n {
		f.IDs = append(f.IDs, images.ID(i))
		if labelled {
			f.Labels = append(f.Labels, images.Label(i))
		}
	}
	return f, nil
}

// NewFeatures are features on the heap, as Room.Features makes them.
func NewFeatures(images dataset.Dataset, d int) *Features {
	f, _ := Room(nil).Features(images, d) // the heap does not fail
	return f
}

// Pixels returns the images themselves as features, to compare with: the values of
// the fixed view that evaluation uses, size by size pixels, divided by their
// length. Memory is 12 size² bytes an image.
func (r Room) Pixels(ctx context.Context, images dataset.Dataset, size int) (*Features, error) {
	f, err := r.Features(images, 3*size*size)
	if err != nil {
		return nil, err
	}
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
func (r Room) Given(d dataset.Dataset) (*Features, error) {
	given, _ := dataset.FeaturesOf(d, 0)
	if given == nil {
		return nil, fmt.Errorf("%s holds images, not features", d.Name())
	}
	f, err := r.Features(d, given.Dim())
	if err != nil {
		return nil, err
	}
	f.Layer = "features"
	for i := range f.N {
		_, at := dataset.FeaturesOf(d, i)
		copy(f.Row(i), given.Vector(at, 0))
	}
	return f, nil
}
