package train

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/augment"
	"alike/dataset"
	"alike/internal/rng"
)

// embedBatch is the number of images that pass the network at once. The last
// batch is padded, so that one compiled program serves all.
const embedBatch = 256

// batchFor is the number of rows of the program that n views pass: a power of
// four, so that few programs are compiled and few rows are padding.
func batchFor(n int) int {
	batch := 1
	for batch < min(n, embedBatch) {
		batch *= 4
	}
	return batch
}

// Embed returns the embeddings [N, Dim(layer)] of all images of data, row-major
// and unnormalised. An image's embedding does not depend on its neighbours.
// progress, if set, is told how many images are done.
func (m *Model) Embed(ctx context.Context, data dataset.Dataset, layer string, progress func(done int)) ([]float32, error) {
	return m.EmbedViews(ctx, data, layer, 0, progress)
}

// EmbedViews returns, as Embed does, the embeddings [N, 1+views, Dim(layer)] of all images: of
// each as evaluation sees it, and of views of it as the run's first view is made.
func (m *Model) EmbedViews(ctx context.Context, data dataset.Dataset, layer string, views int, progress func(done int)) ([]float32, error) {
	out := make([]float32, 0, data.Len()*(1+views)*m.Dim(layer))
	err := m.EmbedEach(ctx, data, layer, views, func(i int, h []float32, err error) error {
		out = append(out, h...)
		if done := i + 1; err == nil && progress != nil && (done%embedBatch == 0 || done == data.Len()) {
			progress(done)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// EmbedEach calls visit with each image of data, in order: with its embeddings
// [1+views, Dim(layer)], as EmbedViews gives them, which visit may change and which are
// valid until it returns; or with the error of an image that cannot be read. It ends with
// the first error of visit.
func (m *Model) EmbedEach(ctx context.Context, data dataset.Dataset, layer string, views int, visit func(i int, h []float32, err error) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.program(layer, embedBatch)
	if err != nil {
		return err
	}
	return m.forward(ctx, e, data, m.Dim(layer), views, visit)
}

// forward visits each image with what a compiled function gives, width values for each of its 1+views views.
func (m *Model) forward(ctx context.Context, e *model.Exec, data dataset.Dataset, width, views int, visit func(i int, h []float32, err error) error) error {
	write, err := m.viewer(data, views)
	if err != nil {
		return err
	}
	in := m.viewLen()
	input, out, faults := make([]float32, embedBatch*in), make([]float32, embedBatch*width), make([]error, embedBatch)
	var image []float32 // the rows of an image so far, which may lie in several batches
	var fault error
	rows := data.Len() * (1 + views)
	for at := 0; at < rows; at += embedBatch {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(embedBatch, rows-at)
		inParallel(n, func(i int) { faults[i] = write(input[i*in:(i+1)*in], at+i) })
		if err := m.pass(out, e, input); err != nil {
			return err
		}
		for i, f := range faults[:n] {
			image, fault = append(image, out[i*width:(i+1)*width]...), cmp.Or(fault, f)
			if (at+i+1)%(1+views) > 0 {
				continue
			}
			if fault != nil {
				image = nil
			}
			if err := visit((at+i)/(1+views), image, fault); err != nil {
				return err
			}
			image, fault = image[:0], nil
		}
	}
	return nil
}

// Prepare returns what evaluation shows the network of an image, [Size, Size, 3].
func (m *Model) Prepare(img dataset.Image) []float32 {
	view := make([]float32, m.viewLen())
	augment.Evaluate(view, img, m.config.Size)
	return view
}

// EmbedPrepared returns the embeddings [N, Dim(layer)] of what Prepare made. A few
// do not pay for a whole batch. They differ from those of Embed by rounding alone:
// the engine convolves a few images in another way than many.
func (m *Model) EmbedPrepared(ctx context.Context, views [][]float32, layer string) ([]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	batch := batchFor(len(views))
	e, err := m.program(layer, batch)
	if err != nil {
		return nil, err
	}
	in, width := m.viewLen(), m.Dim(layer)
	input := make([]float32, batch*in)
	h := make([]float32, batch*width)
	out := make([]float32, 0, len(views)*width)
	for some := range slices.Chunk(views, batch) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		for i, v := range some {
			copy(input[i*in:(i+1)*in], v)
		}
		if err := m.pass(h, e, input); err != nil {
			return nil, err
		}
		out = append(out, h[:len(some)*width]...)
	}
	return out, nil
}

// viewLen is the number of values that the network is shown of an image.
func (m *Model) viewLen() int { return m.config.inputShape(PixelsFloat32, 1).Size() }

// pass writes what a compiled function gives for a batch of views.
func (m *Model) pass(dst []float32, e *model.Exec, input []float32) error {
	h, err := e.Call(tensors.FromFlatDataAndDimensions(input, m.config.inputDims(len(input)/m.viewLen())...))
	if err != nil {
		return compileError("embedding", err)
	}
	tensors.MustConstFlatData(h[0], func(flat []float32) { copy(dst, flat) })
	return h[0].FinalizeAll()
}

// viewer returns what writes row i, of 1+views rows an image, to dst.
func (m *Model) viewer(data dataset.Dataset, views int) (func(dst []float32, row int) error, error) {
	if err := m.config.checkInput(data); err != nil {
		return nil, err
	}
	if m.config.featureDim() > 0 {
		if views > 0 {
			return nil, fmt.Errorf("%s holds features, of which no views can be made", data.Name())
		}
		return func(dst []float32, row int) error {
			f, i := dataset.FeaturesOf(data, row)
			copy(dst, f.Vector(i, 0))
			return nil
		}, nil
	}
	pipelines, err := augment.Views(m.config.Views, m.config.Size, m.parts.method.Views())
	if err != nil {
		return nil, err
	}
	return func(dst []float32, row int) error {
		i, view := row/(1+views), row%(1+views)
		img, err := data.Image(i)
		if err != nil {
			return fmt.Errorf("%s: image %s: %w", data.Name(), data.ID(i), err)
		}
		if view == 0 {
			augment.Evaluate(dst, img, m.config.Size)
			return nil
		}
		stream := rng.New(rng.View, m.config.Seed, 0, pixelsHash(img), uint64(view))
		pipelines[0].View(dst, img, stream, new(augment.Scratch))
		return nil
	}, nil
}

// pixelsHash keys the views of an image by what it shows, not by its place: others may come
// and go.
func pixelsHash(img dataset.Image) uint64 {
	h := fnv.New64a()
	h.Write(img.Pix)
	return h.Sum64()
}

// inParallel calls f for 0 to n-1.
func inParallel(n int, f func(i int)) {
	var (
		next atomic.Int64
		wg   sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
