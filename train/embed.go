package train

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/augment"
	"alike/dataset"
	"alike/infer"
	"alike/internal/rng"
)

// embedBatch is the number of images that pass the network at once. The last
// batch is padded, so that one compiled program serves all.
const embedBatch = 256

// Embed returns the embeddings [N, Dim(layer)] of all images of data, row-major
// and unnormalised. An image's embedding does not depend on its neighbours.
// progress, if set, is told how many images are done.
func (m *Model) Embed(ctx context.Context, data dataset.Dataset, layer string, progress func(done int)) ([]float32, error) {
	return m.EmbedViews(ctx, data, layer, 0, progress)
}

// EmbedViews returns, as Embed does, the embeddings [N, 1+views, Dim(layer)] of all images: of
// each as evaluation sees it, and of views of it as the run's first view is made.
func (m *Model) EmbedViews(ctx context.Context, data dataset.Dataset, layer string, views int, progress func(done int)) ([]float32, error) {
	return infer.Collect(func(visit func(int, []float32, error) error) error {
		return m.EmbedEach(ctx, data, layer, views, visit)
	},
		data.Len(), (1+views)*m.Dim(layer), progress)
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
	return m.network(e, width, embedBatch).Each(ctx, data.Len(), 1+views, write, visit)
}

// network is a compiled function for passes of so many views, width values for each.
func (m *Model) network(e *model.Exec, width, batch int) infer.Network {
	return infer.Network{In: m.viewLen(), Out: width, Batch: batch, Pass: func(out, in []float32) error { return m.pass(out, e, in) }}
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
	batch := infer.BatchFor(len(views), embedBatch)
	e, err := m.program(layer, batch)
	if err != nil {
		return nil, err
	}
	return m.network(e, m.Dim(layer), batch).Rows(ctx, views)
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
		stream := rng.New(rng.View, m.config.Seed, 0, img.PixelsHash(), uint64(view))
		pipelines[0].View(dst, img, stream, new(augment.Scratch))
		return nil
	}, nil
}
