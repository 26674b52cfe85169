package train

import (
	"errors"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Types in which views travel to the engine.
const (
	// PixelsFloat32 leaves them as they were computed.
	PixelsFloat32 = "float32"
	// PixelsUint8 rounds them to 256 levels, as image files have, and divides by 255
	// on the device: a quarter of the bytes.
	PixelsUint8 = "uint8"
)

// pixels are values in [0, 1]: as they are, or as bytes.
type pixels struct {
	floats []float32
	bytes  []uint8
}

func newPixels(name string, n int) pixels {
	if name == PixelsUint8 {
		return pixels{bytes: make([]uint8, n)}
	}
	return pixels{floats: make([]float32, n)}
}

// write has fill compute n values, which become those from at on. buffer may be kept
// between calls by one goroutine.
func (p pixels) write(at, n int, buffer []float32, fill func(dst []float32)) []float32 {
	if p.bytes == nil {
		fill(p.floats[at : at+n])
		return buffer
	}
	buffer = slices.Grow(buffer[:0], n)[:n]
	fill(buffer)
	for i, x := range buffer {
		p.bytes[at+i] = uint8(min(max(x, 0), 1)*255 + 0.5)
	}
	return buffer
}

// tensor shares memory with p.
func (p pixels) tensor(dims ...int) *tensors.Tensor {
	if p.bytes != nil {
		return tensors.FromFlatDataAndDimensions(p.bytes, dims...)
	}
	return tensors.FromFlatDataAndDimensions(p.floats, dims...)
}

// inputShape is that of rows of what the encoder is given, on their way to the engine.
func (c *Config) inputShape(pixels string, rows int) shapes.Shape {
	dtype := dtypes.Float32
	if pixels == PixelsUint8 {
		dtype = dtypes.Uint8
	}
	return shapes.Make(dtype, c.inputDims(rows)...)
}

// values are the pixels x as float32 in [0, 1].
func values(x *Node) *Node {
	if x.DType() == dtypes.Uint8 {
		return MulScalar(ConvertDType(x, dtypes.Float32), 1.0/255)
	}
	return x
}

// placer makes batches the inputs of steps. Where an engine has memory of its own, they are
// copied there at once, while the step before them runs.
func placer(b compute.Backend, c *Config) func(batch) (inputs, error) {
	return func(next batch) (inputs, error) {
		in := inputs{
			views:  next.views.tensor(c.inputDims(len(next.labels))...),
			labels: tensors.FromFlatDataAndDimensions(next.labels, len(next.labels)),
			index:  tensors.FromFlatDataAndDimensions(next.index, len(next.index)),
		}
		var errs []error
		if !b.HasSharedBuffers() {
			for _, t := range []*tensors.Tensor{in.views, in.labels, in.index} {
				errs = append(errs, t.MaterializeOnDevice(b, false, 0))
			}
		}
		return in, errors.Join(errs...)
	}
}
