// Package losstest holds the checks that every loss passes, and what they
// and a loss's own tests evaluate losses with.
package losstest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend" // the "go" backend
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"alike/loss"
)

// Batch is what a loss is evaluated on.
type Batch struct {
	Z        [][]float64 // [M, D]
	Positive [][]bool    // [M, M]
	Weight   []float64   // [M], or nil
}

// Views returns a batch of n images in two views stacked in blocks, with z
// [2n, dim] drawn from N(0, 1).
func Views(n, dim int, seed uint64) Batch {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := Batch{Z: make([][]float64, 2*n), Positive: make([][]bool, 2*n)}
	for i := range b.Z {
		b.Z[i] = make([]float64, dim)
		for k := range b.Z[i] {
			b.Z[i][k] = rng.NormFloat64()
		}
		b.Positive[i] = make([]bool, 2*n)
		b.Positive[i][(i+n)%(2*n)] = true
	}
	return b
}

// Permute returns the batch with row order[i] at i.
func (b Batch) Permute(order []int) Batch {
	p := Batch{Z: make([][]float64, len(order)), Positive: make([][]bool, len(order))}
	for i, from := range order {
		p.Z[i] = b.Z[from]
		p.Positive[i] = make([]bool, len(order))
		for j, to := range order {
			p.Positive[i][j] = b.Positive[from][to]
		}
		if b.Weight != nil {
			p.Weight = append(p.Weight, b.Weight[from])
		}
	}
	return p
}

// Scale returns the batch with every row of z multiplied by c.
func (b Batch) Scale(c float64) Batch {
	b.Z = slices.Clone(b.Z)
	for i, row := range b.Z {
		b.Z[i] = slices.Clone(row)
		for k := range row {
			b.Z[i][k] *= c
		}
	}
	return b
}

// Eval evaluates losses of one configuration on one backend.
type Eval struct {
	TB      testing.TB
	Backend compute.Backend
	DType   dtypes.DType // of z: Float32 or Float64
}

// New returns float64 evaluation on GoMLX's portable backend.
func New(tb testing.TB) Eval {
	tb.Helper()
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(backend.Finalize)
	return Eval{tb, backend, dtypes.Float64}
}

// Loss returns the loss of a batch and its gradient for z.
func (e Eval) Loss(l loss.Loss, b Batch) (value float64, gradient [][]float64) {
	e.TB.Helper()
	out := e.run(func(z, positive, weight *graph.Node) []*graph.Node {
		value := l.Graph(z, positive, weight)
		return []*graph.Node{value, graph.Gradient(value, z)[0]}
	}, b)
	return out[0][0], rows(out[1], len(b.Z))
}

// Value returns what f, called with the nodes of a batch, makes of it.
func (e Eval) Value(f func(z, positive, weight *graph.Node) *graph.Node, b Batch) []float64 {
	e.TB.Helper()
	return e.run(func(z, positive, weight *graph.Node) []*graph.Node {
		return []*graph.Node{f(z, positive, weight)}
	}, b)[0]
}

func (e Eval) run(f func(z, positive, weight *graph.Node) []*graph.Node, b Batch) [][]float64 {
	e.TB.Helper()
	inputs := []any{e.tensor(slices.Concat(b.Z...), len(b.Z), len(b.Z[0])), tensors.FromValue(b.Positive)}
	if b.Weight != nil {
		inputs = append(inputs, e.tensor(b.Weight, len(b.Weight)))
	}
	exec, err := graph.NewExec(e.Backend, func(in []*graph.Node) []*graph.Node {
		var weight *graph.Node
		if len(in) == 3 {
			weight = in[2]
		}
		outputs := f(in[0], in[1], weight)
		for i, o := range outputs {
			if o.DType() != e.DType {
				panic(fmt.Sprintf("output %d is %s for z of %s", i, o.DType(), e.DType))
			}
			outputs[i] = graph.ConvertDType(o, dtypes.Float64)
		}
		return outputs
	})
	if err != nil {
		e.TB.Fatal(err)
	}
	defer exec.Finalize()
	outputs, err := exec.Call(inputs...)
	if err != nil {
		e.TB.Fatal(err)
	}
	flat := make([][]float64, len(outputs))
	for i, o := range outputs {
		flat[i] = tensors.MustCopyFlatData[float64](o)
	}
	return flat
}

func (e Eval) tensor(flat []float64, dims ...int) *tensors.Tensor {
	if e.DType == dtypes.Float64 {
		return tensors.FromFlatDataAndDimensions(flat, dims...)
	}
	single := make([]float32, len(flat))
	for i, x := range flat {
		single[i] = float32(x)
	}
	return tensors.FromFlatDataAndDimensions(single, dims...)
}

func rows(flat []float64, n int) [][]float64 {
	return slices.Collect(slices.Chunk(flat, len(flat)/n))
}

// Close fails unless got is want within the relative and absolute tolerance.
func Close(tb testing.TB, what string, got, want []float64, relative, absolute float64) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= relative*math.Abs(want[i])+absolute) {
			tb.Errorf("%s: value %d is %.12g, want %.12g", what, i, got[i], want[i])
			return
		}
	}
}
