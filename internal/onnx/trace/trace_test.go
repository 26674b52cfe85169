package trace_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/onnx"
	"alike/internal/onnx/trace"
	"alike/internal/rng"
)

// weight is a parameter of the programs, drawn by its name.
func weight(scope *model.Scope, x *Node, name string, dims ...int) *Node {
	v := scope.GetVariable(name)
	if v == nil {
		stream, t := rng.New(rng.Init, uint64(name[0])), tensors.FromShape(shapes.Make(dtypes.Float32, dims...))
		tensors.MustMutableFlatData(t, func(flat []float32) {
			for i := range flat {
				flat[i] = float32(stream.NormFloat64())
			}
		})
		v = scope.VariableWithValue(name, t)
	}
	return v.NodeValue(x)
}

// programs are functions of images [N, 6, 5, 3].
var programs = map[string]func(scope *model.Scope, x *Node) *Node{
	"the images": func(w *model.Scope, x *Node) *Node { return x },
	"a transposed output": func(w *model.Scope, x *Node) *Node {
		return TransposeAllAxes(x, 0, 2, 3, 1)
	},
	"axes of length 1 on either side": func(w *model.Scope, x *Node) *Node {
		mean := ReduceAndKeep(x, ReduceMean, 1)                  // [N, 1, 5, 3]
		most := ReduceAndKeep(x, ReduceMax, 2, 3)                // [N, 6, 1, 1]
		return Div(Sub(x, mean), Add(Abs(most), OnesLike(most))) // joins of several shapes
	},
	"weights per channel, row and for all": func(w *model.Scope, x *Node) *Node {
		x = Mul(x, weight(w, x, "channel", 1, 1, 1, 3))
		x = Add(x, weight(w, x, "row", 1, 6, 1, 1))
		return Add(x, Reshape(weight(w, x, "image", 90), 1, 6, 5, 3))
	},
	"a convolution of other axes, with a bias": func(w *model.Scope, x *Node) *Node {
		y := Convolve(x, weight(w, x, "kernel", 3, 2, 3, 4)).Strides(2).PaddingPerDim([][2]int{{1, 0}, {0, 2}}).Done()
		return Add(y, weight(w, x, "bias", 1, 1, 1, 4))
	},
	"a value with a bias and without": func(w *model.Scope, x *Node) *Node {
		y := Convolve(x, weight(w, x, "kernel", 1, 1, 3, 4)).Done()
		return Mul(y, Add(y, weight(w, x, "bias", 1, 1, 1, 4)))
	},
	"flattened, in the program's order": func(w *model.Scope, x *Node) *Node {
		y := Convolve(x, weight(w, x, "kernel", 3, 3, 3, 2)).Done()
		y = Dot(Reshape(y, -1, 4*3*2), weight(w, x, "linear", 24, 7)).Product()
		return Add(y, Reshape(weight(w, x, "b", 7), 1, 7))
	},
	"a product with the weight transposed": func(w *model.Scope, x *Node) *Node {
		return Einsum("nk,ok->no", ReduceMean(x, 1, 2), weight(w, x, "linear", 7, 3))
	},
	"pools": func(w *model.Scope, x *Node) *Node {
		most := MaxPool(x).Window(3).Strides(2).PaddingPerDim([][2]int{{0, 1}, {1, 1}}).Done()
		sum := SumPool(x).Window(3).Strides(2).PaddingPerDim([][2]int{{0, 1}, {1, 1}}).Done()
		return Concatenate([]*Node{most, sum, MulScalar(sum, 1.0/9)}, -1)
	},
	"padding that no pool takes": func(w *model.Scope, x *Node) *Node {
		return Neg(Pad(x, ScalarZero(x.Graph(), x.DType()), PadAxis{}, PadAxis{Start: 1}, PadAxis{End: 2}, PadAxis{Start: 1, End: 1}))
	},
	"padding before a sum over windows": func(w *model.Scope, x *Node) *Node {
		y := Pad(x, ScalarZero(x.Graph(), x.DType()), PadAxis{}, PadAxis{Start: 1, End: 1}, PadAxis{Start: 1, End: 1}, PadAxis{})
		return DivScalar(SumPool(y).Window(3).Strides(1).Done(), 9)
	},
	"a choice": func(w *model.Scope, x *Node) *Node {
		return Where(LessThan(x, Scalar(x.Graph(), x.DType(), 0.5)), MulScalar(x, 3), x)
	},
	"ReLU that is none": func(w *model.Scope, x *Node) *Node { // its other side is not x
		zero := ScalarZero(x.Graph(), x.DType())
		y := AddScalar(x, -0.5)
		return Where(LessOrEqual(y, zero), zero, x)
	},
	"numbers and comparisons that are known": func(w *model.Scope, x *Node) *Node {
		shape := shapes.Make(dtypes.Int32, 3, 3)
		upper := ConvertDType(LessOrEqual(Iota(x.Graph(), shape, 0), Iota(x.Graph(), shape, 1)), x.DType())
		return Dot(ReduceMean(x, 1, 2), upper).Product()
	},
	"a sum that is no mean": func(w *model.Scope, x *Node) *Node {
		return MulScalar(ReduceSum(x, 1, 2), 0.25)
	},
	"roots, logarithms and limits": func(w *model.Scope, x *Node) *Node {
		y := Sqrt(AddScalar(Exp(Neg(x)), 1))
		return Min(Max(Log(y), Scalar(x.Graph(), x.DType(), 0.4)), Scalar(x.Graph(), x.DType(), 0.6))
	},
}

// record builds a program for the engine.
func record(f func(scope *model.Scope, x *Node) *Node, store *model.Store, o trace.Options) (*onnx.Model, error) {
	e := trace.New(o, func(parameter string) *trace.Weight {
		v := store.GetVariable(parameter)
		if v == nil {
			return nil
		}
		return &trace.Weight{Name: parameter[1:], Flat: tensors.MustCopyFlatData[float32](v.MustValue())}
	})
	exec, err := model.NewExec(e, store, f)
	if err == nil {
		_, err = exec.Compile(shapes.Make(dtypes.Float32, trace.Batch, 6, 5, 3))
	}
	if err != nil {
		return nil, err
	}
	return e.Model()
}

// TestProgramsComputeTheSame compares what GoMLX's portable engine computes with the recorded graph.
func TestProgramsComputeTheSame(t *testing.T) {
	b, err := compute.NewWithConfig("go")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	const images = 2
	stream, pixels := rng.New(rng.Init, 1), make([]float32, images*6*5*3)
	for i := range pixels {
		pixels[i] = float32(2*stream.Float64() - 1)
	}
	for name, f := range programs {
		t.Run(name, func(t *testing.T) {
			store := model.NewStore()
			exec, err := model.NewExec(b, store, f)
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Call(tensors.FromFlatDataAndDimensions(pixels, images, 6, 5, 3))
			if err != nil {
				t.Fatal(err)
			}
			want := tensors.MustCopyFlatData[float32](out[0])
			for _, short := range []bool{false, true} {
				m, err := record(f, store, trace.Options{Half: short})
				if err != nil {
					t.Fatal(err)
				}
				p, err := onnx.Load(m)
				if err != nil {
					t.Fatal(err)
				}
				got, err := p.Run(onnx.FromFloat32(pixels, images, 6, 5, 3).Transpose([]int{0, 3, 1, 2}))
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got[0].Dims, out[0].Shape().Dimensions) {
					t.Fatalf("the shape is %v, want %v", got[0].Dims, out[0].Shape())
				}
				tolerance := 1e-5
				if short {
					tolerance = 1e-2
				}
				for i, w := range want {
					if !(math.Abs(got[0].Data[i]-float64(w)) <= tolerance*(1+math.Abs(float64(w)))) {
						t.Fatalf("float16 %t: value %d is %g, want %g", short, i, got[0].Data[i], w)
					}
				}
			}
		})
	}
}

// TestWhatIsRecognised looks for the operators that stand for several of the program's.
func TestWhatIsRecognised(t *testing.T) {
	for name, want := range map[string]string{
		"the images": "Transpose",
		"a convolution of other axes, with a bias": "Conv Transpose",
		"a value with a bias and without":          "Conv Conv Mul Transpose",
		"flattened, in the program's order":        "Conv Transpose Reshape Gemm",
		"a product with the weight transposed":     "ReduceMean Gemm",
		"pools":                                    "MaxPool AveragePool Mul AveragePool Concat Transpose",
		"padding before a sum over windows":        "AveragePool Transpose",
		"numbers and comparisons that are known":   "ReduceMean Gemm",
		"a sum that is no mean":                    "ReduceSum Mul",
		"ReLU that is none":                        "Add LessOrEqual Where Transpose",
	} {
		m, err := record(programs[name], model.NewStore(), trace.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range m.Graph.Nodes {
			got = append(got, n.Op)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
}

func TestWhatCannotBeWrittenIsSaid(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		f          func(w *model.Scope, x *Node) *Node
	}{
		{"an operation that is not known", "the operation Sin cannot be written as ONNX yet", func(_ *model.Scope, x *Node) *Node { return Sin(x) }},
		{"a mean over the images", "depends on the number of images", func(_ *model.Scope, x *Node) *Node { return ReduceMean(x, 0) }},
		{"the images' numbers", "the numbers of the images", func(_ *model.Scope, x *Node) *Node { return Add(x, Iota(x.Graph(), x.Shape(), 0)) }},
		{"an output without images", "does not depend on the images", func(_ *model.Scope, x *Node) *Node { return Ones(x.Graph(), shapes.Make(dtypes.Float32, 3)) }},
		{"images joined in pairs", "more than one axis", func(_ *model.Scope, x *Node) *Node {
			return ExpandDims(MatMul(Reshape(x, -1, 90), Transpose(Reshape(x, -1, 90), 0, 1)), -1)
		}},
		{"groups of channels", "with groups or dilations", func(w *model.Scope, x *Node) *Node {
			return Convolve(x, weight(w, x, "kernel", 3, 3, 1, 3)).ChannelGroupCount(3).Done()
		}},
		{"a weight too large for fp16", "constant has values beyond 65504", func(w *model.Scope, x *Node) *Node {
			return Convolve(x, MulScalar(weight(w, x, "conv", 1, 1, 3, 3), 1e6)).Done()
		}},
	} {
		m, err := record(tc.f, model.NewStore(), trace.Options{Half: true})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %v, want an error with %q", tc.name, m, err, tc.want)
		}
	}
}
