package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// random is an array of values in [-1, 1), positive ones where asked.
func random(rng *rand.Rand, positive bool, dims ...int) *Array {
	a := NewArray(Float32, dims...)
	for i := range a.Data {
		a.Data[i] = 2*rng.Float64() - 1
		if positive {
			a.Data[i] = math.Abs(a.Data[i]) + 0.1
		}
	}
	return a.As(Float32)
}

type operatorCase struct {
	op         string
	in         []*Array
	attributes []Attribute
}

// cases are nodes in every form that matters.
func cases() []operatorCase {
	rng := rand.New(rand.NewPCG(1, 2))
	x := random(rng, false, 2, 3, 7, 6)
	signed, positive := random(rng, false, 3, 4), random(rng, true, 3, 4)
	row, column := random(rng, true, 1, 4), random(rng, true, 3, 1)
	small := Scalar(Float32, 0.25)
	less, err := Apply(&Node{Op: "Less"}, []*Array{signed, small})
	if err != nil {
		panic(err)
	}
	truth := less[0]
	axis, none := func(i int) []Attribute { return []Attribute{Int("axis", i)} }, []Attribute(nil)
	wide, grid := random(rng, false, 2, 4, 7, 6), random(rng, false, 1, 2, 5, 4)
	tensor := func(a *Array) Attribute {
		t := a.Tensor("")
		return Attribute{Name: "value", Type: AttributeTensor, Tensor: &t}
	}
	list := []operatorCase{
		{"Where", []*Array{truth, signed, row}, nil},
		{"And", []*Array{truth, truth}, nil},
		{"Cast", []*Array{signed}, []Attribute{Int("to", int(Float16))}},
		{"Cast", []*Array{Scalar(Float32, -2.7)}, []Attribute{Int("to", int(Int64))}},
		{"Cast", []*Array{signed}, []Attribute{Int("to", int(Bool))}},
		{"Div", []*Array{IntVector(7, -7, 9), IntVector(2)}, nil},
		{"Concat", []*Array{x, random(rng, false, 2, 2, 7, 6)}, []Attribute{Int("axis", 1)}},
		{"Expand", []*Array{column, IntVector(2, 3, 4)}, nil},
		{"Flatten", []*Array{x}, []Attribute{Int("axis", 2)}},
		{"Pad", []*Array{x, IntVector(0, 0, 1, 2, 0, 0, 3, 0)}, nil},
		{"Pad", []*Array{x, IntVector(0, 1, 0, 0, 0, 0, 0, 1), Scalar(Float32, 9)}, nil},
		{"Reshape", []*Array{x, IntVector(0, -1, 6)}, nil},
		{"Shape", []*Array{x}, []Attribute{Int("start", 2), Int("end", 4)}},
		{"Slice", []*Array{x, IntVector(1, -4), IntVector(5, 1000), IntVector(2, -1)}, nil},
		{"Transpose", []*Array{x}, []Attribute{Ints("perm", 0, 2, 3, 1)}},
		{"BatchNormalization", []*Array{x, random(rng, true, 3), random(rng, false, 3), random(rng, false, 3), random(rng, true, 3)}, []Attribute{Float("epsilon", 0.01)}},
		{"Conv", []*Array{x, random(rng, false, 4, 3, 3, 3)}, []Attribute{Ints("pads", 1, 1, 1, 1)}},
		{"Conv", []*Array{x, random(rng, false, 4, 3, 3, 2), random(rng, false, 4)}, []Attribute{Ints("pads", 0, 1, 2, 0), Ints("strides", 2, 3)}},
		{"Conv", []*Array{x, random(rng, false, 5, 3, 7, 7)}, []Attribute{Ints("pads", 3, 3, 3, 3), Ints("strides", 2, 2)}},
		{"Conv", []*Array{random(rng, false, 1, 9, 6, 5), random(rng, false, 2, 9, 3, 3)}, []Attribute{Ints("pads", 1, 1, 1, 1), Ints("strides", 1, 2)}},
		{"Conv", []*Array{random(rng, false, 1, 4, 6, 5), random(rng, false, 2, 4, 2, 2)}, nil},
		{"Conv", []*Array{x, random(rng, false, 2, 3, 1, 1)}, []Attribute{Ints("strides", 2, 2)}},
		{"Gemm", []*Array{signed, random(rng, false, 5, 4), random(rng, false, 5)}, []Attribute{Int("transB", 1)}},
		{"Gemm", []*Array{signed, random(rng, false, 3, 2)}, []Attribute{Int("transA", 1), Float("alpha", 0.5)}},
		{"MatMul", []*Array{signed, random(rng, false, 4, 2)}, nil},
		{"MaxPool", []*Array{x}, []Attribute{Ints("kernel_shape", 3, 3), Ints("strides", 2, 2), Ints("pads", 0, 0, 1, 2)}},
		{"MaxPool", []*Array{x}, []Attribute{Ints("kernel_shape", 3, 2), Ints("pads", 1, 0, 1, 1)}},
		{"AveragePool", []*Array{x}, []Attribute{Ints("kernel_shape", 3, 3), Ints("pads", 1, 1, 1, 1), Int("count_include_pad", 1)}},
		{"AveragePool", []*Array{x}, []Attribute{Ints("kernel_shape", 3, 3), Ints("pads", 1, 1, 1, 1)}},
		{"GlobalAveragePool", []*Array{x}, nil},

		{"Conv", []*Array{wide, random(rng, false, 6, 2, 3, 3), random(rng, false, 6)}, []Attribute{Int("group", 2), Ints("pads", 1, 1, 1, 1)}},
		{"Conv", []*Array{wide, random(rng, false, 4, 1, 3, 3)}, []Attribute{Int("group", 4), Ints("strides", 2, 1), Ints("pads", 1, 0, 1, 2)}},
		{"Conv", []*Array{x, random(rng, false, 2, 3, 2, 3)}, []Attribute{Ints("dilations", 2, 1), Ints("pads", 1, 1, 0, 2)}},
		{"Conv", []*Array{x, random(rng, false, 2, 3, 3, 2)}, []Attribute{String("auto_pad", "SAME_UPPER"), Ints("strides", 2, 2)}},
		{"Conv", []*Array{x, random(rng, false, 2, 3, 2, 4)}, []Attribute{String("auto_pad", "SAME_LOWER"), Ints("strides", 1, 3)}},
		{"Conv", []*Array{x, random(rng, false, 2, 3, 3, 3)}, []Attribute{String("auto_pad", "VALID")}},
		{"MaxPool", []*Array{x}, []Attribute{Ints("kernel_shape", 3, 2), Ints("strides", 2, 2), Int("ceil_mode", 1)}},
		{"MaxPool", []*Array{x}, []Attribute{Ints("kernel_shape", 2, 2), Ints("dilations", 2, 3)}},
		{"AveragePool", []*Array{x}, []Attribute{Ints("kernel_shape", 2, 2), Ints("strides", 2, 2), Int("ceil_mode", 1)}},
		{"AveragePool", []*Array{x}, []Attribute{Ints("kernel_shape", 2, 3), Ints("strides", 2, 2), Ints("pads", 1, 1, 0, 1), String("auto_pad", "NOTSET")}},
		{"MatMul", []*Array{random(rng, false, 2, 1, 3, 4), random(rng, false, 5, 4, 2)}, none},
		{"MatMul", []*Array{random(rng, false, 4), random(rng, false, 5, 4, 2)}, none},
		{"MatMul", []*Array{random(rng, false, 5, 4, 2), random(rng, false, 2)}, none},
		{"Softmax", []*Array{x}, none},
		{"Softmax", []*Array{x}, axis(1)},
		{"LayerNormalization", []*Array{x, random(rng, true, 6), random(rng, false, 6)}, []Attribute{Float("epsilon", 1e-3)}},
		{"LayerNormalization", []*Array{x, random(rng, true, 7, 6)}, axis(2)},
		{"Clip", []*Array{signed, Scalar(Float32, -0.25), Scalar(Float32, 0.5)}, none},
		{"Clip", []*Array{signed, nil, Scalar(Float32, 0.25)}, none},
		{"HardSigmoid", []*Array{signed}, []Attribute{Float("alpha", 1./6)}},
		{"LeakyRelu", []*Array{signed}, []Attribute{Float("alpha", 0.3)}},
		{"Elu", []*Array{signed}, []Attribute{Float("alpha", 0.7)}},
		{"Sum", []*Array{signed, row, column}, none},
		{"Max", []*Array{signed, row, small}, none},
		{"Pow", []*Array{positive, row}, none},
		{"Pow", []*Array{signed, Scalar(Float32, 3)}, none},
		{"Mod", []*Array{IntVector(7, -7, 9, -1), IntVector(4)}, none},
		{"Mod", []*Array{signed, small}, []Attribute{Int("fmod", 1)}},
		{"Or", []*Array{truth, truth}, none},
		{"Not", []*Array{truth}, none},
		{"ReduceProd", []*Array{x, IntVector(3)}, none},
		{"ReduceL2", []*Array{x, IntVector(1)}, []Attribute{Int("keepdims", 0)}},
		{"ReduceSum", []*Array{x}, []Attribute{Int("noop_with_empty_axes", 1)}},

		{"Constant", nil, []Attribute{tensor(signed)}},
		{"ConstantOfShape", []*Array{IntVector(2, 3)}, []Attribute{tensor(IntVector(7))}},
		{"ConstantOfShape", []*Array{IntVector(2)}, none},
		{"Gather", []*Array{x, {Int64, []int{2, 2}, []float64{1, -1, 0, 2}}}, axis(1)},
		{"Gather", []*Array{signed, Scalar(Int64, -2)}, axis(-1)},
		{"Squeeze", []*Array{column, IntVector(-1)}, none},
		{"Squeeze", []*Array{column}, none},
		{"Unsqueeze", []*Array{signed, IntVector(0, -1)}, none},
		{"Range", []*Array{Scalar(Int64, 3), Scalar(Int64, -8), Scalar(Int64, -3)}, none},
		{"Tile", []*Array{signed, IntVector(2, 3)}, none},
		{"ScatterND", []*Array{signed, {Int64, []int{2, 1}, []float64{2, 0}}, random(rng, false, 2, 4)}, none},
		{"ScatterND", []*Array{signed, {Int64, []int{2, 2}, []float64{2, 0, 1, -1}}, random(rng, false, 2)}, none},
		{"Shape", []*Array{x}, []Attribute{Int("start", -2)}},
		{"Size", []*Array{x}, none},
		{"Slice", []*Array{x, IntVector(-1, 1), IntVector(-100, 6), IntVector(2, 3), IntVector(-2, 3)}, none},
		{"Slice", []*Array{x, IntVector(-3), IntVector(1 << 53), IntVector(2)}, none},
		{"Slice", []*Array{x, IntVector(5), IntVector(1), IntVector(2), IntVector(-1)}, none},
		{"Pad", []*Array{x, IntVector(1, 2, 0, 1), nil, IntVector(3, 2)}, []Attribute{String("mode", "reflect")}},
		{"Pad", []*Array{x, IntVector(1, 9), nil, IntVector(-1)}, []Attribute{String("mode", "edge")}},
		{"Pad", []*Array{x, IntVector(-1, 2), nil, IntVector(2)}, none},
		{"Dropout", []*Array{signed}, none},
	}
	for _, op := range []string{"Abs", "Exp", "Neg", "Relu", "Identity", "Floor", "Ceil", "Round", "Reciprocal", "Sin", "Cos", "Sigmoid", "Tanh", "Erf", "Softplus", "HardSwish", "Mish"} {
		list = append(list, operatorCase{op, []*Array{signed}, nil})
	}
	for _, op := range []string{"Sqrt", "Log"} {
		list = append(list, operatorCase{op, []*Array{positive}, nil})
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"} {
		list = append(list, operatorCase{op, []*Array{signed, row}, nil}, operatorCase{op, []*Array{column, row}, nil}, operatorCase{op, []*Array{small, signed}, nil})
	}
	for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"} {
		list = append(list, operatorCase{op, []*Array{x, IntVector(2, 3)}, []Attribute{Int("keepdims", 0)}},
			operatorCase{op, []*Array{x, IntVector(-1, 0)}, nil}, operatorCase{op, []*Array{x}, []Attribute{Int("keepdims", 0)}})
	}
	for _, mode := range []string{"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"} {
		how := []Attribute{String("coordinate_transformation_mode", mode), String("nearest_mode", "floor")}
		to := func(h, w float64) *Array { return FromFloat32([]float32{1, 1, float32(h), float32(w)}, 4) }
		list = append(list,
			operatorCase{"Resize", []*Array{grid, nil, to(2, 1.5)}, append(how, String("mode", "linear"))},
			operatorCase{"Resize", []*Array{grid, nil, nil, IntVector(1, 2, 9, 3)}, append(how, String("mode", "cubic"))},
			operatorCase{"Resize", []*Array{grid, nil, to(1.6, 0.5)}, append(how, String("mode", "cubic"), Float("cubic_coeff_a", -0.5))},
			operatorCase{"Resize", []*Array{grid, nil, to(2, 2)}, how})
	}
	for i, sides := range [][2]int{{7, 6}, {3, 2}, {3, 2}, {14, 5}, {5, 14}, {20, 33}} {
		list = append(list, operatorCase{"Resize", []*Array{x, nil, nil, IntVector(sides[0], sides[1])}, []Attribute{
			String("mode", "linear"), Int("antialias", 1), Int("exclude_outside", i%2), String("coordinate_transformation_mode", "half_pixel"), Ints("axes", 2, 3)}})
	}
	return list
}

// model computes one node of constants.
func (c operatorCase) model(out *Array) *Model {
	n := Node{Name: "node", Op: c.op, Outputs: []string{"y"}, Attributes: c.attributes}
	m := &Model{IRVersion: 8, Opset: 18}
	for i, a := range c.in {
		if a == nil {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		n.Inputs = append(n.Inputs, fmt.Sprint("x", i))
		m.Graph.Initializers = append(m.Graph.Initializers, a.Tensor(n.Inputs[i]))
	}
	info := ValueInfo{Name: "y", Type: out.Type}
	for _, d := range out.Dims {
		info.Dims = append(info.Dims, Dim{Size: d})
	}
	m.Graph.Name, m.Graph.Nodes, m.Graph.Outputs = "g", []Node{n}, []ValueInfo{info}
	return m
}

// TestOperatorsAgreeWithOnnxruntime runs every operator there too.
func TestOperatorsAgreeWithOnnxruntime(t *testing.T) {
	dir := t.TempDir()
	all, want := cases(), []*Array{}
	tried := map[string]bool{}
	for i, c := range all {
		tried[c.op] = true
		out, err := Apply(&Node{Op: c.op, Attributes: c.attributes}, c.in)
		if err != nil {
			t.Fatalf("%s: %v", c.op, err)
		}
		want = append(want, out[0])
		b, err := c.model(out[0]).Marshal()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".onnx")), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for op := range operators {
		if !tried[op] && op != "Upsample" && op != "Gelu" { // which Resize took the place of, and which version 20 adds

			t.Errorf("%s is not tried", op)
		}
	}
	if exec.Command("python3", "-c", "import numpy, onnxruntime").Run() != nil {
		t.Skip("no python3 with onnxruntime, which this test compares with")
	}
	if out, err := exec.Command("python3", "testdata/operators.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, w := range want {
		raw, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i, ".out")))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float64, len(raw)/8)
		if _, err := binary.Decode(raw, binary.LittleEndian, got); err != nil {
			t.Fatal(err)
		}
		near := func(x, y float64) bool { return math.Abs(x-y) <= 1e-5*(1+math.Abs(y)) }
		if !slices.EqualFunc(got, w.Data, near) {
			t.Errorf("%s of %v, %+v: got %.4g, onnxruntime has %.4g", all[i].op, w.Dims, all[i].attributes, w.Data[:min(9, len(w.Data))], got[:min(9, len(got))])
		}
	}
}
