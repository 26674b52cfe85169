package losstest

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"alike/loss"
)

// Engine is where losses are evaluated: a backend and the float type of z.
type Engine struct {
	Backend compute.Backend
	DType   dtypes.DType // Float32 or Float64
}

func (e Engine) String() string { return fmt.Sprintf("%s, %s", e.Backend.Name(), e.DType) }

// Result is a loss with its gradient for z and, of a loss.ClassLoss, for its parameters.
type Result struct {
	Value   float64
	Z       [][]float64 // [M, D]
	Proxies [][]float64 // [C, D], or nil
	Bias    []float64   // [C], or nil
}

// Loss evaluates a loss of a batch once.
func (e Engine) Loss(l loss.Loss, b Batch) (Result, error) {
	c := e.compile(l)
	defer c.close()
	return c.run(b)
}

// Value evaluates what f makes of a batch.
func (e Engine) Value(f func(loss.Batch) *graph.Node, b Batch) ([]float64, error) {
	out, err := e.once(func(b loss.Batch) []*graph.Node { return []*graph.Node{f(b)} }, b)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func (e Engine) once(f func(loss.Batch) []*graph.Node, b Batch) ([][]float64, error) {
	c := compiled{engine: e, f: f}
	defer c.close()
	return c.call(b)
}

// compile returns the graph of a loss and its gradient.
func (e Engine) compile(l loss.Loss) *compiled {
	_, learns := l.(loss.ClassLoss)
	return &compiled{engine: e, learns: learns, f: func(b loss.Batch) []*graph.Node {
		value := l.Graph(b)
		of := []*graph.Node{b.Z}
		if learns {
			of = append(of, b.Proxies, b.Bias)
		}
		return append([]*graph.Node{value}, graph.Gradient(value, of...)...)
	}}
}

// compiled is a function of batches on an engine. Each kind of batch, with or
// without weights and views, has a graph of its own.
type compiled struct {
	engine Engine
	learns bool
	f      func(loss.Batch) []*graph.Node
	execs  map[kind]*graph.Exec
}

type kind struct{ weight, view bool }

func (c *compiled) close() {
	for _, exec := range c.execs {
		exec.Finalize()
	}
}

func (c *compiled) run(b Batch) (Result, error) {
	out, err := c.call(b)
	if err != nil {
		return Result{}, err
	}
	r := Result{Value: out[0][0], Z: rows(out[1], len(b.Z))}
	if c.learns {
		r.Proxies, r.Bias = rows(out[2], len(b.Proxies)), out[3]
	}
	return r, nil
}

func (c *compiled) call(b Batch) ([][]float64, error) {
	k := kind{b.Weight != nil, b.View != nil}
	exec, ok := c.execs[k]
	if !ok {
		var err error
		if exec, err = graph.NewExec(c.engine.Backend, func(in []*graph.Node) []*graph.Node { return c.graph(k, in) }); err != nil {
			return nil, err
		}
		if c.execs == nil {
			c.execs = map[kind]*graph.Exec{}
		}
		c.execs[k] = exec
	}
	inputs := []any{c.engine.matrix(b.Z), tensors.FromValue(b.Positive), tensors.FromValue(b.Label), c.engine.matrix(b.Proxies), c.engine.tensor(b.Bias, len(b.Bias))}
	if k.weight {
		inputs = append(inputs, c.engine.tensor(b.Weight, len(b.Weight)))
	}
	if k.view {
		inputs = append(inputs, tensors.FromValue(b.View))
	}
	outputs, err := exec.Call(inputs...)
	if err != nil {
		return nil, err
	}
	flat := make([][]float64, len(outputs))
	for i, o := range outputs {
		if flat[i], err = tensors.CopyFlatData[float64](o); err != nil {
			return nil, err
		}
	}
	return flat, nil
}

func (c *compiled) graph(k kind, in []*graph.Node) []*graph.Node {
	b := loss.Batch{Z: in[0], Positive: in[1], Label: in[2], Proxies: in[3], Bias: in[4]}
	in = in[5:]
	if k.weight {
		b.Weight, in = in[0], in[1:]
	}
	if k.view {
		b.View = in[0]
	}
	outputs := c.f(b)
	for i, o := range outputs {
		if o.DType() != c.engine.DType {
			panic(fmt.Errorf("output %d is %s for z of %s", i, o.DType(), c.engine.DType))
		}
		outputs[i] = graph.ConvertDType(o, dtypes.Float64)
	}
	return outputs
}

func (e Engine) matrix(m [][]float64) *tensors.Tensor {
	return e.tensor(slices.Concat(m...), len(m), len(m[0]))
}

func (e Engine) tensor(flat []float64, dims ...int) *tensors.Tensor {
	if e.DType == dtypes.Float64 {
		return tensors.FromFlatDataAndDimensions(slices.Clone(flat), dims...)
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
