package train

import (
	"context"
	"errors"
	"image"
	"sync"
	"sync/atomic"

	"alike/augment"
	"alike/dataset"
	"alike/internal/rng"
	"alike/method"
	"alike/sampler"
)

// batch is the views of one step in block order: view v of draw i is row v N + i.
type batch struct {
	views  pixels  // [V N, size, size, 3]
	labels []int32 // [V N], -1 for none
	index  []int32 // [V N], each row's image
	inputs inputs
	err    error
}

// loader prepares batches on the host while the trainer computes. What is in a
// batch depends on its step alone, not on the number of workers.
type loader struct {
	data   dataset.Dataset
	draws  sampler.Sampler
	views  []*augment.Pipeline // of the V views of an image; nil ones where features take the place of images
	images int                 // N
	row    int                 // values of a view
	seed   uint64
	pixels string                      // type of the views, PixelsFloat32 or PixelsUint8
	place  func(batch) (inputs, error) // makes a batch the inputs of a step

	loading  Loading
	unusable func(index int, err error) error // told of an image that cannot be read; its error stops the run

	ready chan batch
	free  chan batch
}

// newLoader is the loader of a resolved configuration; it lacks place, and stops at the first
// image that cannot be read.
func (c *Config) newLoader(data dataset.Dataset) (*loader, error) {
	m, err := method.Methods.New(c.Method)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.checkInput(data), checkViews(data, m)); err != nil {
		return nil, err
	}
	views := make([]*augment.Pipeline, m.Views())
	if c.featureDim() == 0 {
		if views, err = augment.Views(c.Views, c.Size, m.Views()); err != nil {
			return nil, err
		}
	}
	draws, err := c.sampler(data)
	if err != nil {
		return nil, err
	}
	return &loader{
		data: data, draws: draws, views: views, images: c.Batch, row: c.inputShape(c.Pixels, 1).Size(), seed: c.Seed, pixels: c.Pixels,
		loading:  defaultLoading(),
		unusable: func(_ int, err error) error { return err },
	}, nil
}

// start prepares the batches of steps [from, to), in order, until ctx is done. stop ends it, and
// returns when nothing is read or copied any more; batches that nobody took are let go.
func (l *loader) start(ctx context.Context, from, to int) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	l.ready = make(chan batch, l.loading.Ahead)
	l.free = make(chan batch, l.loading.Ahead+2) // and one being filled, one in use
	for range cap(l.free) {
		l.free <- l.newBatch()
	}
	go func() {
		defer close(l.ready)
		workers := make([]*worker, l.loading.Workers)
		for i := range workers {
			workers[i] = newWorker()
		}
		draws := make([]sampler.Draw, l.images)
		for step := from; step < to; step++ {
			select {
			case b := <-l.free:
				draws = l.draws.Batch(step, draws)
				if b.err = l.fill(b, draws, workers); b.err == nil {
					b.inputs, b.err = l.place(b)
				}
				l.ready <- b
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		for b := range l.ready {
			if b.err == nil {
				b.inputs.finalize()
			}
		}
	}
}

// next returns the batch of the next step; recycle gives its buffer back.
func (l *loader) next() (batch, bool) {
	b, ok := <-l.ready
	return b, ok
}

func (l *loader) recycle(b batch) { l.free <- b }

// worker is what one goroutine needs to make views.
type worker struct {
	stream  *rng.Stream
	scratch augment.Scratch
	buffer  dataset.Buffer
	view    []float32 // before it becomes bytes
}

func newWorker() *worker { return &worker{stream: rng.New()} }

// newBatch is memory for a batch.
func (l *loader) newBatch() batch {
	rows := len(l.views) * l.images
	return batch{views: newPixels(l.pixels, rows*l.row), labels: make([]int32, rows), index: make([]int32, rows)}
}

// fill makes the views of all draws.
func (l *loader) fill(b batch, draws []sampler.Draw, workers []*worker) error {
	var (
		next  atomic.Int64
		fault atomic.Pointer[error]
		wg    sync.WaitGroup
	)
	for _, w := range workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(draws) {
					return
				}
				if err := l.fillImage(b, i, draws[i], w); err != nil {
					fault.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := fault.Load(); err != nil {
		return *err
	}
	return nil
}

// fillImage makes the views of draw i; the image is decoded once, and only what
// the views are made of. In the place of one that can no longer be read, since its file
// has changed or is gone, comes the next that can.
func (l *loader) fillImage(b batch, i int, d sampler.Draw, w *worker) error {
	if l.views[0] == nil {
		l.fillFeatures(b, i, d, w)
		return nil
	}
	for {
		err := l.tryImage(b, i, d, w)
		if err == nil {
			return nil
		}
		if err := l.unusable(d.Index, err); err != nil {
			return err
		}
		d.Index = (d.Index + 1) % l.data.Len()
	}
}

func (l *loader) tryImage(b batch, i int, d sampler.Draw, w *worker) error {
	view := func(v int) { w.stream.Reset(rng.View, l.seed, uint64(d.Epoch), uint64(d.Position), uint64(v)) }
	img, err := dataset.Part(l.data, d.Index, func(width, height int) (needed image.Rectangle) {
		for v, pipeline := range l.views {
			view(v)
			needed = needed.Union(pipeline.Region(width, height, w.stream))
		}
		return needed
	}, &w.buffer)
	if err != nil {
		return err
	}
	for v, pipeline := range l.views {
		view(v)
		row := (v*l.images + i) * l.row
		w.view = b.views.write(row, l.row, w.view, func(dst []float32) { pipeline.View(dst, img, w.stream, &w.scratch) })
		b.labels[v*l.images+i], b.index[v*l.images+i] = int32(l.data.Label(d.Index)), int32(d.Index)
	}
	return nil
}
