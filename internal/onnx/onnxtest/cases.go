// Package onnxtest holds nodes of every operator that alike knows, to compare what computes them.
package onnxtest

import (
	"math"
	"math/rand/v2"

	"alike/internal/onnx"
)

// random is an array of values in [-1, 1), positive ones where asked.
func random(rng *rand.Rand, positive bool, dims ...int) *onnx.Array {
	a := onnx.NewArray(onnx.Float32, dims...)
	for i := range a.Data {
		a.Data[i] = 2*rng.Float64() - 1
		if positive {
			a.Data[i] = math.Abs(a.Data[i]) + 0.1
		}
	}
	return a.As(onnx.Float32)
}

// Case is a node with its inputs; nil for one that is left out.
type Case struct {
	Op         string
	In         []*onnx.Array
	Attributes []onnx.Attribute
}

// Cases are nodes of every operator, in every form that matters.
func Cases() []Case {
	rng := rand.New(rand.NewPCG(1, 2))
	x := random(rng, false, 2, 3, 7, 6)
	signed, positive := random(rng, false, 3, 4), random(rng, true, 3, 4)
	row, column := random(rng, true, 1, 4), random(rng, true, 3, 1)
	small := onnx.Scalar(onnx.Float32, 0.25)
	less, err := onnx.Apply(&onnx.Node{Op: "Less"}, []*onnx.Array{signed, small})
	if err != nil {
		panic(err)
	}
	truth := less[0]
	axis, none := func(i int) []onnx.Attribute { return []onnx.Attribute{onnx.Int("axis", i)} }, []onnx.Attribute(nil)
	wide, grid := random(rng, false, 2, 4, 7, 6), random(rng, false, 1, 2, 5, 4)
	tensor := func(a *onnx.Array) onnx.Attribute {
		t := a.Tensor("")
		return onnx.Attribute{Name: "value", Type: onnx.AttributeTensor, Tensor: &t}
	}
	list := []Case{
		{"Where", []*onnx.Array{truth, signed, row}, nil},
		{"And", []*onnx.Array{truth, truth}, nil},
		{"Cast", []*onnx.Array{signed}, []onnx.Attribute{onnx.Int("to", int(onnx.Float16))}},
		{"Cast", []*onnx.Array{onnx.Scalar(onnx.Float32, -2.7)}, []onnx.Attribute{onnx.Int("to", int(onnx.Int64))}},
		{"Cast", []*onnx.Array{signed}, []onnx.Attribute{onnx.Int("to", int(onnx.Bool))}},
		{"Div", []*onnx.Array{onnx.IntVector(7, -7, 9), onnx.IntVector(2)}, nil},
		{"Concat", []*onnx.Array{x, random(rng, false, 2, 2, 7, 6)}, []onnx.Attribute{onnx.Int("axis", 1)}},
		{"Expand", []*onnx.Array{column, onnx.IntVector(2, 3, 4)}, nil},
		{"Flatten", []*onnx.Array{x}, []onnx.Attribute{onnx.Int("axis", 2)}},
		{"Flatten", []*onnx.Array{x}, []onnx.Attribute{onnx.Int("axis", -1)}},
		{"Pad", []*onnx.Array{x, onnx.IntVector(0, 0, 1, 2, 0, 0, 3, 0)}, nil},
		{"Pad", []*onnx.Array{x, onnx.IntVector(0, 1, 0, 0, 0, 0, 0, 1), onnx.Scalar(onnx.Float32, 9)}, nil},
		{"Reshape", []*onnx.Array{x, onnx.IntVector(0, -1, 6)}, nil},
		{"Shape", []*onnx.Array{x}, []onnx.Attribute{onnx.Int("start", 2), onnx.Int("end", 4)}},
		{"Slice", []*onnx.Array{x, onnx.IntVector(1, -4), onnx.IntVector(5, 1000), onnx.IntVector(2, -1)}, nil},
		{"Transpose", []*onnx.Array{x}, []onnx.Attribute{onnx.Ints("perm", 0, 2, 3, 1)}},
		{"BatchNormalization", []*onnx.Array{x, random(rng, true, 3), random(rng, false, 3), random(rng, false, 3), random(rng, true, 3)}, []onnx.Attribute{onnx.Float("epsilon", 0.01)}},
		{"Conv", []*onnx.Array{x, random(rng, false, 4, 3, 3, 3)}, []onnx.Attribute{onnx.Ints("pads", 1, 1, 1, 1)}},
		{"Conv", []*onnx.Array{x, random(rng, false, 4, 3, 3, 2), random(rng, false, 4)}, []onnx.Attribute{onnx.Ints("pads", 0, 1, 2, 0), onnx.Ints("strides", 2, 3)}},
		{"Conv", []*onnx.Array{x, random(rng, false, 5, 3, 7, 7)}, []onnx.Attribute{onnx.Ints("pads", 3, 3, 3, 3), onnx.Ints("strides", 2, 2)}},
		{"Conv", []*onnx.Array{random(rng, false, 1, 9, 6, 5), random(rng, false, 2, 9, 3, 3)}, []onnx.Attribute{onnx.Ints("pads", 1, 1, 1, 1), onnx.Ints("strides", 1, 2)}},
		{"Conv", []*onnx.Array{random(rng, false, 1, 4, 6, 5), random(rng, false, 2, 4, 2, 2)}, nil},
		{"Conv", []*onnx.Array{x, random(rng, false, 2, 3, 1, 1)}, []onnx.Attribute{onnx.Ints("strides", 2, 2)}},
		{"Gemm", []*onnx.Array{signed, random(rng, false, 5, 4), random(rng, false, 5)}, []onnx.Attribute{onnx.Int("transB", 1)}},
		{"Gemm", []*onnx.Array{signed, random(rng, false, 3, 2)}, []onnx.Attribute{onnx.Int("transA", 1), onnx.Float("alpha", 0.5)}},
		{"MatMul", []*onnx.Array{signed, random(rng, false, 4, 2)}, nil},
		{"MaxPool", []*onnx.Array{x}, []onnx.Attribute{onnx.Ints("kernel_shape", 3, 3), onnx.Ints("strides", 2, 2), onnx.Ints("pads", 0, 0, 1, 2)}},
		{"MaxPool", []*onnx.Array{x}, []onnx.Attribute{onnx.Ints("kernel_shape", 3, 2), onnx.Ints("pads", 1, 0, 1, 1)}},
		{"AveragePool", []*onnx.Array{x}, []onnx.Attribute{onnx.Ints("kernel_shape", 3, 3), onnx.Ints("pads", 1, 1, 1, 1), onnx.Int("count_include_pad", 1)}},
		{"AveragePool", []*onnx.Array{x}, []onnx.Attribute{onnx.Ints("kernel_shape", 3, 3), onnx.Ints("pads", 1, 1, 1, 1)}},
		{"GlobalAveragePool", []*onnx.Array{x}, nil},

		{"Conv", []*onnx.Array{wide, random(rng, false, 6, 2, 3, 3), random(rng, false, 6)}, []onnx.Attribute{onnx.Int("group", 2), onnx.Ints("pads", 1, 1, 1, 1)}},
		{"Conv", []*onnx.Array{wide, random(rng, false, 4, 1, 3, 3)}, []onnx.Attribute{onnx.Int("group", 4), onnx.Ints("strides", 2, 1), onnx.Ints("pads", 1, 0, 1, 2)}},
		{"Conv", []*onnx.Array{x, random(rng, false, 2, 3, 2, 3)}, []onnx.Attribute{onnx.Ints("dilations", 2, 1), onnx.Ints("pads", 1, 1, 0, 2)}},
		{"Conv", []*onnx.Array{x, random(rng, false, 2, 3, 3, 2)}, []onnx.Attribute{onnx.String("auto_pad", "SAME_UPPER"), onnx.Ints("strides", 2, 2)}},
		{"Conv", []*onnx.Array{x, random(rng, false, 2, 3, 2, 4)}, []onnx.Attribute{onnx.String("auto_pad", "SAME_LOWER"), onnx.Ints("strides", 1, 3)}},
		{"Conv", []*onnx.Array{x, random(rng, false, 2, 3, 3, 3)}, []onnx.Attribute{onnx.String("auto_pad", "VALID")}},
		{"MaxPool", []*onnx.Array{x}, []onnx.Attribute{onnx.Ints("kernel_shape", 3, 2), onnx.Ints("strides", 2, 2), onnx.Int("ceil_mode", 1)}},
		{"MaxPool", []*onnx.Array{x}, []onnx.Attribute{onnx.Ints("kernel_shape", 2, 2), onnx.Ints("dilations", 2, 3)}},
		{"AveragePool", []*onnx.Array{x}, []onnx.Attribute{onnx.Ints("kernel_shape", 2, 2), onnx.Ints("strides", 2, 2), onnx.Int("ceil_mode", 1)}},
		{"AveragePool", []*onnx.Array{x}, []onnx.Attribute{onnx.Ints("kernel_shape", 2, 3), onnx.Ints("strides", 2, 2), onnx.Ints("pads", 1, 1, 0, 1), onnx.String("auto_pad", "NOTSET")}},
		{"MatMul", []*onnx.Array{random(rng, false, 2, 1, 3, 4), random(rng, false, 5, 4, 2)}, none},
		{"MatMul", []*onnx.Array{random(rng, false, 4), random(rng, false, 5, 4, 2)}, none},
		{"MatMul", []*onnx.Array{random(rng, false, 5, 4, 2), random(rng, false, 2)}, none},
		{"Softmax", []*onnx.Array{x}, none},
		{"Softmax", []*onnx.Array{x}, axis(1)},
		{"LayerNormalization", []*onnx.Array{x, random(rng, true, 6), random(rng, false, 6)}, []onnx.Attribute{onnx.Float("epsilon", 1e-3)}},
		{"LayerNormalization", []*onnx.Array{x, random(rng, true, 7, 6)}, axis(2)},
		{"Clip", []*onnx.Array{signed, onnx.Scalar(onnx.Float32, -0.25), onnx.Scalar(onnx.Float32, 0.5)}, none},
		{"Clip", []*onnx.Array{signed, nil, onnx.Scalar(onnx.Float32, 0.25)}, none},
		{"HardSigmoid", []*onnx.Array{signed}, []onnx.Attribute{onnx.Float("alpha", 1./6)}},
		{"LeakyRelu", []*onnx.Array{signed}, []onnx.Attribute{onnx.Float("alpha", 0.3)}},
		{"Elu", []*onnx.Array{signed}, []onnx.Attribute{onnx.Float("alpha", 0.7)}},
		{"Sum", []*onnx.Array{signed, row, column}, none},
		{"Max", []*onnx.Array{signed, row, small}, none},
		{"Pow", []*onnx.Array{positive, row}, none},
		{"Pow", []*onnx.Array{signed, onnx.Scalar(onnx.Float32, 3)}, none},
		{"Mod", []*onnx.Array{onnx.IntVector(7, -7, 9, -1), onnx.IntVector(4)}, none},
		{"Mod", []*onnx.Array{signed, small}, []onnx.Attribute{onnx.Int("fmod", 1)}},
		{"Or", []*onnx.Array{truth, truth}, none},
		{"Not", []*onnx.Array{truth}, none},
		{"ReduceProd", []*onnx.Array{x, onnx.IntVector(3)}, none},
		{"ReduceL2", []*onnx.Array{x, onnx.IntVector(1)}, []onnx.Attribute{onnx.Int("keepdims", 0)}},
		{"ReduceSum", []*onnx.Array{x}, []onnx.Attribute{onnx.Int("noop_with_empty_axes", 1)}},

		{"Constant", nil, []onnx.Attribute{tensor(signed)}},
		{"ConstantOfShape", []*onnx.Array{onnx.IntVector(2, 3)}, []onnx.Attribute{tensor(onnx.IntVector(7))}},
		{"ConstantOfShape", []*onnx.Array{onnx.IntVector(2)}, none},
		{"Gather", []*onnx.Array{x, {Type: onnx.Int64, Dims: []int{2, 2}, Data: []float64{1, -1, 0, 2}}}, axis(1)},
		{"Gather", []*onnx.Array{signed, onnx.Scalar(onnx.Int64, -2)}, axis(-1)},
		{"Squeeze", []*onnx.Array{column, onnx.IntVector(-1)}, none},
		{"Squeeze", []*onnx.Array{column}, none},
		{"Unsqueeze", []*onnx.Array{signed, onnx.IntVector(0, -1)}, none},
		{"CumSum", []*onnx.Array{x, onnx.Scalar(onnx.Int64, 2)}, none},
		{"CumSum", []*onnx.Array{x, onnx.Scalar(onnx.Int64, -1)}, []onnx.Attribute{onnx.Int("exclusive", 1), onnx.Int("reverse", 1)}},
		{"Range", []*onnx.Array{onnx.Scalar(onnx.Int64, 3), onnx.Scalar(onnx.Int64, -8), onnx.Scalar(onnx.Int64, -3)}, none},
		{"Tile", []*onnx.Array{signed, onnx.IntVector(2, 3)}, none},
		{"ScatterND", []*onnx.Array{signed, {Type: onnx.Int64, Dims: []int{2, 1}, Data: []float64{2, 0}}, random(rng, false, 2, 4)}, none},
		{"ScatterND", []*onnx.Array{signed, {Type: onnx.Int64, Dims: []int{2, 2}, Data: []float64{2, 0, 1, -1}}, random(rng, false, 2)}, none},
		{"Shape", []*onnx.Array{x}, []onnx.Attribute{onnx.Int("start", -2)}},
		{"Size", []*onnx.Array{x}, none},
		{"Slice", []*onnx.Array{x, onnx.IntVector(-1, 1), onnx.IntVector(-100, 6), onnx.IntVector(2, 3), onnx.IntVector(-2, 3)}, none},
		{"Slice", []*onnx.Array{x, onnx.IntVector(-3), onnx.IntVector(1 << 53), onnx.IntVector(2)}, none},
		{"Slice", []*onnx.Array{x, onnx.IntVector(5), onnx.IntVector(1), onnx.IntVector(2), onnx.IntVector(-1)}, none},
		{"Pad", []*onnx.Array{x, onnx.IntVector(1, 2, 0, 1), nil, onnx.IntVector(3, 2)}, []onnx.Attribute{onnx.String("mode", "reflect")}},
		{"Pad", []*onnx.Array{x, onnx.IntVector(1, 9), nil, onnx.IntVector(-1)}, []onnx.Attribute{onnx.String("mode", "edge")}},
		{"Pad", []*onnx.Array{x, onnx.IntVector(-1, 2), nil, onnx.IntVector(2)}, none},
		{"Dropout", []*onnx.Array{signed}, none},
	}
	for _, op := range []string{"Abs", "Exp", "Neg", "Relu", "Identity", "Floor", "Ceil", "Round", "Sign", "Softsign", "Reciprocal", "Sin", "Cos", "Sigmoid", "Tanh", "Erf", "Softplus", "HardSwish", "Mish"} {
		list = append(list, Case{op, []*onnx.Array{signed}, nil})
	}
	for _, op := range []string{"Sqrt", "Log"} {
		list = append(list, Case{op, []*onnx.Array{positive}, nil})
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"} {
		list = append(list, Case{op, []*onnx.Array{signed, row}, nil}, Case{op, []*onnx.Array{column, row}, nil}, Case{op, []*onnx.Array{small, signed}, nil})
	}
	for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"} {
		list = append(list, Case{op, []*onnx.Array{x, onnx.IntVector(2, 3)}, []onnx.Attribute{onnx.Int("keepdims", 0)}},
			Case{op, []*onnx.Array{x, onnx.IntVector(-1, 0)}, nil}, Case{op, []*onnx.Array{x}, []onnx.Attribute{onnx.Int("keepdims", 0)}})
	}
	for _, mode := range []string{"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"} {
		how := []onnx.Attribute{onnx.String("coordinate_transformation_mode", mode), onnx.String("nearest_mode", "floor")}
		to := func(h, w float64) *onnx.Array { return onnx.FromFloat32([]float32{1, 1, float32(h), float32(w)}, 4) }
		list = append(list,
			Case{"Resize", []*onnx.Array{grid, nil, to(2, 1.5)}, append(how, onnx.String("mode", "linear"))},
			Case{"Resize", []*onnx.Array{grid, nil, nil, onnx.IntVector(1, 2, 9, 3)}, append(how, onnx.String("mode", "cubic"))},
			Case{"Resize", []*onnx.Array{grid, nil, to(1.6, 0.5)}, append(how, onnx.String("mode", "cubic"), onnx.Float("cubic_coeff_a", -0.5))},
			Case{"Resize", []*onnx.Array{grid, nil, to(2, 2)}, how})
	}
	binarySigns, _ := onnx.Apply(&onnx.Node{Op: "Less"}, []*onnx.Array{row, small})
	channels, mixed := random(rng, true, 4), random(rng, false, 2, 4, 3, 6)
	list = append(list,
		Case{"Xor", []*onnx.Array{truth, binarySigns[0]}, none},
		Case{"PRelu", []*onnx.Array{signed, row}, none},
		Case{"Selu", []*onnx.Array{signed}, none},
		Case{"Mean", []*onnx.Array{signed, row, column}, none},
		Case{"LogSoftmax", []*onnx.Array{x}, axis(1)},
		Case{"GlobalMaxPool", []*onnx.Array{x}, none},
		Case{"ReduceL1", []*onnx.Array{x, onnx.IntVector(1, 2)}, none},
		Case{"ReduceSumSquare", []*onnx.Array{x, onnx.IntVector(-1)}, []onnx.Attribute{onnx.Int("keepdims", 0)}},
		Case{"LpNormalization", []*onnx.Array{x}, []onnx.Attribute{onnx.Int("axis", 1), onnx.Int("p", 2)}},
		Case{"LpNormalization", []*onnx.Array{x}, []onnx.Attribute{onnx.Int("p", 1)}},
		Case{"InstanceNormalization", []*onnx.Array{mixed, channels, random(rng, false, 4)}, []onnx.Attribute{onnx.Float("epsilon", 1e-3)}},
		Case{"GroupNormalization", []*onnx.Array{mixed, random(rng, true, 2), random(rng, false, 2)}, []onnx.Attribute{onnx.Int("num_groups", 2)}},
		Case{"LRN", []*onnx.Array{mixed}, []onnx.Attribute{onnx.Int("size", 3), onnx.Float("alpha", 0.3), onnx.Float("bias", 2)}},
		Case{"DepthToSpace", []*onnx.Array{mixed}, []onnx.Attribute{onnx.Int("blocksize", 2)}},
		Case{"DepthToSpace", []*onnx.Array{mixed}, []onnx.Attribute{onnx.Int("blocksize", 2), onnx.String("mode", "CRD")}},
		Case{"SpaceToDepth", []*onnx.Array{mixed}, []onnx.Attribute{onnx.Int("blocksize", 3)}},
		Case{"Einsum", []*onnx.Array{mixed, random(rng, false, 2, 4, 5, 6)}, []onnx.Attribute{onnx.String("equation", "bhid, bhjd -> bhij")}},
		Case{"Einsum", []*onnx.Array{mixed, random(rng, false, 3, 5, 4)}, []onnx.Attribute{onnx.String("equation", "nchw,hkc->knw")}},
		Case{"Gemm", []*onnx.Array{signed, random(rng, false, 4, 2), random(rng, false, 3, 1)}, []onnx.Attribute{onnx.Float("beta", 0.3)}})
	for i, sides := range [][2]int{{7, 6}, {3, 2}, {3, 2}, {14, 5}, {5, 14}, {20, 33}} {
		list = append(list, Case{"Resize", []*onnx.Array{x, nil, nil, onnx.IntVector(sides[0], sides[1])}, []onnx.Attribute{
			onnx.String("mode", "linear"), onnx.Int("antialias", 1), onnx.Int("exclude_outside", i%2), onnx.String("coordinate_transformation_mode", "half_pixel"), onnx.Ints("axes", 2, 3)}})
	}
	return list
}
