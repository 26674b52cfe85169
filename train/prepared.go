package train

import (
	"context"

	"github.com/gomlx/gomlx/core/tensors"

	"alike/augment"
	"alike/dataset"
)

// Prepare returns what evaluation shows the network of an image, [Size, Size, 3].
func (m *Model) Prepare(img dataset.Image) []float32 {
	view := make([]float32, m.inputLen())
	augment.Evaluate(view, img, m.config.Size)
	return view
}

// inputLen is the number of values that the network is shown of an image.
func (m *Model) inputLen() int { return m.config.inputShape(PixelsFloat32, 1).Size() }

// batchFor is the number of rows of the program that n images pass: a power of
// four, so that few programs are compiled and few rows are padding.
func batchFor(n int) int {
	batch := 1
	for batch < min(n, embedBatch) {
		batch *= 4
	}
	return batch
}

// EmbedPrepared returns the embeddings [N, Dim(layer)] of what Prepare made. A few
// do not pay for a whole batch. They differ from those of Embed by rounding alone:
// the engine convolves a few images in another way than many.
func (m *Model) EmbedPrepared(ctx context.Context, prepared [][]float32, layer string) ([]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.program(layer)
	if err != nil {
		return nil, err
	}
	row, batch, width := m.inputLen(), batchFor(len(prepared)), m.Dim(layer)
	input := make([]float32, batch*row)
	out := make([]float32, 0, len(prepared)*width)
	for at := 0; at < len(prepared); at += batch {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		n := min(batch, len(prepared)-at)
		for i, view := range prepared[at : at+n] {
			copy(input[i*row:(i+1)*row], view)
		}
		h, err := e.Call(tensors.FromFlatDataAndDimensions(input, m.config.inputDims(batch)...))
		if err != nil {
			return nil, compileError("embedding", err)
		}
		tensors.MustConstFlatData(h[0], func(flat []float32) { out = append(out, flat[:n*width]...) })
		if err := h[0].FinalizeAll(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
