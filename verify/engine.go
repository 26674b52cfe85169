package verify

import (
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// engine is where a graph of the product runs, and in what type.
type engine struct {
	backend compute.Backend
	dtype   dtypes.DType
}

// tensor returns numbers as a tensor of the engine's type.
func (e engine) tensor(flat []float64, dims ...int) *tensors.Tensor {
	if e.dtype == dtypes.Float64 {
		return tensors.FromFlatDataAndDimensions(slices.Clone(flat), dims...)
	}
	return tensors.FromFlatDataAndDimensions(singles(flat), dims...)
}

func singles(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func doubles(t *tensors.Tensor) ([]float64, error) {
	if t.DType() == dtypes.Float64 {
		return tensors.CopyFlatData[float64](t)
	}
	x, err := tensors.CopyFlatData[float32](t)
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y, err
}

// run builds and runs a graph once.
func (e engine) run(build func(inputs []*graph.Node) []*graph.Node, inputs ...any) ([][]float64, error) {
	exec, err := graph.NewExec(e.backend, build)
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	outputs, err := exec.Call(inputs...)
	if err != nil {
		return nil, err
	}
	flat := make([][]float64, len(outputs))
	for i, o := range outputs {
		if flat[i], err = doubles(o); err != nil {
			return nil, err
		}
	}
	return flat, nil
}

// matrix returns rows as a tensor of the engine's type.
func (e engine) matrix(m [][]float64) *tensors.Tensor {
	return e.tensor(slices.Concat(m...), len(m), len(m[0]))
}
