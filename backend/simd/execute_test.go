package simd_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// mixture is a graph of many kinds of steps, of which the engine's memory is
// used again and again.
func mixture(in []*Node) []*Node {
	x, w := in[0], in[1] // [N, 8, 8, 3], [3, 3, 3, 20]
	y := Convolve(x, w).PadSame().Done()
	rows := Reshape(y, -1, 20)
	s := Softmax(Dot(rows, TransposeAllAxes(rows, 1, 0)).Product(), -1)
	l := ReduceAllSum(Mul(s, Tanh(s)))
	top := ReduceMax(Transpose(y, 1, 3), 1, 2)
	outputs := append([]*Node{y, l, top, Reshape(x, -1), x, GreaterThan(y, ReduceAndKeep(y, ReduceMean, 0, 1))}, Gradient(l, x, w)...)
	return append(outputs, ConvertDType(Mul(y, Scalar(y.Graph(), y.DType(), 100)), dtypes.Int32))
}

func mixtureInputs(seed uint64) []array {
	r := rand.New(rand.NewPCG(seed, 1))
	return []array{normals(r, 3, 8, 8, 3), normals(r, 3, 3, 3, 20)}
}

// values copies outputs.
func values(outputs []*tensors.Tensor) [][]float64 {
	var v [][]float64
	for _, o := range outputs {
		v = append(v, numbers(o))
	}
	return v
}

func equal(a, b [][]float64) bool {
	return slices.EqualFunc(a, b, func(x, y []float64) bool { return slices.EqualFunc(x, y, same) })
}

func TestExecutionsDoNotMeet(t *testing.T) {
	b := engine(t, "workers=3")
	p, err := compileFor(b, dtypes.Float32, mixture, mixtureInputs(0)...)
	if err != nil {
		t.Fatal(err)
	}
	first := p.run(dtypes.Float32, mixtureInputs(0)...)
	want := values(first)
	if other := values(p.run(dtypes.Float32, mixtureInputs(1)...)); equal(other, want) {
		t.Fatal("other inputs make no difference")
	}
	if !equal(values(p.run(dtypes.Float32, mixtureInputs(0)...)), want) {
		t.Error("a second execution gives other results")
	}
	if !equal(values(first), want) {
		t.Error("later executions change the results of an earlier one")
	}
	q, err := compileFor(b, dtypes.Float32, mixture, mixtureInputs(0)...)
	if err != nil {
		t.Fatal(err)
	}
	if !equal(values(q.run(dtypes.Float32, mixtureInputs(0)...)), want) {
		t.Error("the graph compiled again gives other results")
	}
}

func TestConcurrentExecutions(t *testing.T) {
	b := engine(t, "workers=3")
	var programs [2]program
	for i := range programs {
		p, err := compileFor(b, dtypes.Float32, mixture, mixtureInputs(0)...)
		if err != nil {
			t.Fatal(err)
		}
		programs[i] = p
	}
	var want [4][][]float64
	for seed := range want {
		want[seed] = values(programs[0].run(dtypes.Float32, mixtureInputs(uint64(seed))...))
	}
	var running sync.WaitGroup
	for i := range 2 * len(want) {
		seed, p := i%len(want), programs[i/len(want)]
		running.Go(func() {
			for range 10 {
				if !equal(values(p.run(dtypes.Float32, mixtureInputs(uint64(seed))...)), want[seed]) {
					t.Errorf("inputs %d: other results than alone", seed)
					return
				}
			}
		})
	}
	running.Wait()
}

// build compiles a function of float32 vectors of 100 elements.
func build(t *testing.T, b compute.Backend, parameters int, f func(f compute.Function, in []compute.Value) ([]compute.Value, error)) compute.Executable {
	t.Helper()
	builder := b.Builder("test")
	main := builder.Main()
	var in []compute.Value
	for i := range parameters {
		p, err := main.Parameter(fmt.Sprint("p", i), vector, nil)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, p)
	}
	out, err := f(main, in)
	if err == nil {
		err = main.Return(out, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := builder.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var vector = shapes.Make(dtypes.Float32, 100)

func upload(t *testing.T, b compute.Backend, v float32) compute.Buffer {
	t.Helper()
	buffer, err := b.BufferFromFlatData(0, slices.Repeat([]float32{v}, 100), vector)
	if err != nil {
		t.Fatal(err)
	}
	return buffer
}

// holds fails unless all elements of a buffer are v.
func holds(t *testing.T, what string, buffer compute.Buffer, v float32) {
	t.Helper()
	flat := make([]float32, 100)
	if err := buffer.ToFlatData(flat); err != nil {
		t.Errorf("%s: %v", what, err)
	} else if !slices.Equal(flat, slices.Repeat([]float32{v}, 100)) {
		t.Errorf("%s: %g, want all %g", what, flat, v)
	}
}

// TestDonation gives the engine the memory of inputs, which it may use for
// outputs, but not for two and not while it is read.
func TestDonation(t *testing.T) {
	b := engine(t, "workers=2")
	e := build(t, b, 2, func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
		sum, err := f.Add(in[0], in[1])
		if err != nil {
			return nil, err
		}
		difference, err := f.Sub(in[0], sum) // reads an input after sum is there
		if err != nil {
			return nil, err
		}
		zeros, err := f.Constant(make([]float32, 100), 100)
		return []compute.Value{sum, difference, in[0], in[0], zeros, sum}, err
	})
	for _, donate := range [][]bool{nil, {true, true}, {true, false}, {false, true}} {
		for round := range 3 {
			x, y := upload(t, b, 5), upload(t, b, float32(round))
			out, err := e.Execute([]compute.Buffer{x, y}, donate, 0)
			if err != nil {
				t.Fatal(err)
			}
			sum := 5 + float32(round)
			for i, want := range []float32{sum, -float32(round), 5, 5, 0, sum} {
				holds(t, fmt.Sprintf("donated %v: output %d", donate, i), out[i], want)
			}
			for i, in := range []compute.Buffer{x, y} {
				if donate == nil || !donate[i] {
					holds(t, fmt.Sprintf("donated %v: input %d", donate, i), in, []float32{5, float32(round)}[i])
				}
			}
			// Outputs share no memory with each other, inputs or constants.
			for i, o := range out {
				data, err := o.Data()
				if err != nil {
					t.Fatal(err)
				}
				flat := data.([]float32)
				for k := range flat {
					flat[k] = float32(-100 - i)
				}
			}
			for i, o := range out {
				holds(t, fmt.Sprintf("donated %v: output %d, overwritten", donate, i), o, float32(-100-i))
			}
			if donate == nil {
				holds(t, "the first input", x, 5)
			}
		}
	}
}

func TestOneBufferAsTwoInputs(t *testing.T) {
	b := engine(t, "")
	e := build(t, b, 2, func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
		sum, err := f.Add(in[0], in[1])
		return []compute.Value{sum}, err
	})
	x := upload(t, b, 3)
	out, err := e.Execute([]compute.Buffer{x, x}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, "the sum", out[0], 6)
	holds(t, "the input", x, 3)
}

func TestSmallTypesArePacked(t *testing.T) {
	b := engine(t, "")
	shape := shapes.Make(dtypes.Uint4, 4)
	buffer, err := b.BufferFromFlatData(0, []uint8{0x21, 0x43}, shape)
	if err != nil {
		t.Fatal(err)
	}
	builder := b.Builder("test")
	x, err := builder.Main().Parameter("x", shape, nil)
	if err != nil {
		t.Fatal(err)
	}
	y, err := builder.Main().ConvertDType(x, dtypes.Int32)
	if err != nil {
		t.Fatal(err)
	}
	if err := builder.Main().Return([]compute.Value{y, x}, nil); err != nil {
		t.Fatal(err)
	}
	e, err := builder.Compile()
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.Execute([]compute.Buffer{buffer}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	wide, narrow := make([]int32, 4), make([]uint8, 2)
	if err := out[0].ToFlatData(wide); err != nil || !slices.Equal(wide, []int32{1, 2, 3, 4}) {
		t.Errorf("as int32: %v, %v", wide, err)
	}
	if err := out[1].ToFlatData(narrow); err != nil || !slices.Equal(narrow, []uint8{0x21, 0x43}) {
		t.Errorf("as they were: %x, %v", narrow, err)
	}
}

func TestClamp(t *testing.T) {
	b := engine(t, "")
	for x, want := range map[float32]float32{-3: -1, 0.5: 0.5, 7: 2} {
		e := build(t, b, 1, func(f compute.Function, in []compute.Value) ([]compute.Value, error) {
			low, err := f.Constant([]float32{-1})
			if err != nil {
				return nil, err
			}
			high, err := f.Constant(slices.Repeat([]float32{2}, 100), 100)
			if err != nil {
				return nil, err
			}
			y, err := f.Clamp(low, in[0], high)
			return []compute.Value{y}, err
		})
		out, err := e.Execute([]compute.Buffer{upload(t, b, x)}, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, fmt.Sprint("clamped ", x), out[0], want)
	}
}
