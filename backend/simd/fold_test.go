package simd_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/backend/simd"
	"alike/internal/nn"
)

// padded is a 3x3 convolution that keeps the size.
func padded(x, w *Node) *Node {
	return ConvGeneral(x, w, channelsLast(2), nil, [][2]int{{1, 1}, {1, 1}}, nil, nil, 1, 1)
}

// folds are what a normalised tensor is read by; steps are names of steps that the
// program must have, and without those that it must not.
var folds = []struct {
	name           string
	graph          func(x, w, scale, offset *Node) *Node
	steps, without []string
}{
	{"a convolution alone", func(x, w, scale, offset *Node) *Node {
		return padded(nn.ReLU(normalized(x, scale, offset)), w)
	}, []string{"batch norm + own ReLU gradient"}, []string{"batch norm + ReLU"}},
	{"a convolution without ReLU", func(x, w, scale, offset *Node) *Node {
		return padded(normalized(x, scale, offset), w)
	}, []string{"batch norm gradient"}, []string{"batch norm"}},
	{"two convolutions, whose gradients are added", func(x, w, scale, offset *Node) *Node {
		y := nn.ReLU(normalized(x, scale, offset))
		return Add(padded(y, w), Mul(padded(y, MulScalar(w, 0.5)), x))
	}, []string{"conv input gradient + sum"}, []string{"batch norm + ReLU"}},
	{"a convolution and the sum behind it", func(x, w, scale, offset *Node) *Node {
		y := nn.ReLU(normalized(x, scale, offset))
		return nn.ReLU(Add(normalized(padded(y, w), offset, scale), y))
	}, []string{"batch norm + ReLU", "batch norm + residual + ReLU", "conv input gradient + sum"}, nil},
	{"a convolution of it and with it", func(x, w, scale, offset *Node) *Node {
		y := nn.ReLU(normalized(x, scale, offset))
		kernel := Slice(Reshape(y, -1, 32, 32), AxisRange(0, 9))
		return Mul(padded(y, Reshape(kernel, 3, 3, 32, 32)), padded(x, w))
	}, []string{"batch norm + ReLU"}, nil},
	{"its gradient alone", func(x, w, scale, offset *Node) *Node {
		y := nn.ReLU(normalized(x, scale, offset))
		return Mul(y, padded(x, w))
	}, []string{"batch norm + ReLU"}, nil},
	{"a convolution and the ReLU's condition", func(x, w, scale, offset *Node) *Node {
		p := normalized(x, scale, offset)
		negative := LessOrEqual(p, number(p, 0))
		y := Where(negative, number(p, 0), p)
		return Add(padded(y, w), Where(negative, x, MulScalar(x, 3)))
	}, []string{"batch norm + ReLU"}, nil},
}

// TestFolds compares values and gradients with the float64 twin, and looks at the
// steps: of channels that Winograd takes and of others, on one and on three workers.
func TestFolds(t *testing.T) {
	twin := portable(t)
	engines := map[string]compute.Backend{"3 workers": engine(t, "workers=3"), "1 worker": engine(t, "workers=1"), "direct": engine(t, "workers=2,winograd=off")}
	for _, tc := range folds {
		t.Run(tc.name, func(t *testing.T) {
			n := newNormCase(5, []int{6, 16, 16, 32})
			x, scale, offset := n[0], n[2], n[3]
			w := normals(rand.New(rand.NewPCG(6, 7)), 3, 3, 32, 32)
			graph := func(in []*Node) []*Node {
				y := tc.graph(in[0], in[1], in[2], in[3])
				loss := ReduceAllSum(Mul(y, in[4]))
				return append([]*Node{y, loss}, Gradient(loss, in[:4]...)...)
			}
			want := run(t, twin, dtypes.Float64, graph, x, w, scale, offset, n[1])
			var first [][]uint32
			for _, name := range []string{"3 workers", "1 worker", "direct"} {
				b := engines[name].(*simd.Backend)
				b.StartProfile()
				got := run(t, b, dtypes.Float32, graph, x, w, scale, offset, n[1])
				var steps []string
				for _, s := range b.Profile() {
					steps = append(steps, s.Name)
				}
				for _, s := range tc.steps {
					if !slices.Contains(steps, s) {
						t.Errorf("%s: no step %q among %q", name, s, steps)
					}
				}
				for _, s := range tc.without {
					if slices.Contains(steps, s) {
						t.Errorf("%s: step %q is there", name, s)
					}
				}
				var bits [][]uint32
				for k := range want {
					near(t, fmt.Sprintf("%s: output %d", name, k), numbers(got[k]), numbers(want[k]), 2e-4)
					bits = append(bits, bitsOf(got[k]))
				}
				switch name {
				case "3 workers":
					first = bits
				case "1 worker":
					for k := range bits {
						if !slices.Equal(bits[k], first[k]) {
							t.Errorf("output %d has other bits with one worker", k)
						}
					}
				}
			}
		})
	}
}

// TestASumOverWhatTheConvolutionReads is of the gradient of x + conv(x), where the tensor that is added is the one
// that the convolution reads: it cannot be written over.
func TestASumOverWhatTheConvolutionReads(t *testing.T) {
	twin, engines := portable(t), map[string]compute.Backend{"3 workers": engine(t, "workers=3"), "1 worker": engine(t, "workers=1")}
	for _, tc := range []struct{ side, channels, kernel int }{{4, 512, 1}, {40, 32, 3}} {
		r := rand.New(rand.NewPCG(8, 9))
		x, slope := normals(r, 1, tc.side, tc.side, tc.channels), normals(r, 1, tc.side, tc.side, tc.channels)
		w := normals(r, tc.kernel, tc.kernel, tc.channels, tc.channels)
		graph := func(in []*Node) []*Node {
			y := Tanh(in[0])
			pads := [][2]int{{tc.kernel / 2, tc.kernel / 2}, {tc.kernel / 2, tc.kernel / 2}}
			loss := ReduceAllSum(Mul(Add(y, ConvGeneral(y, in[1], channelsLast(2), nil, pads, nil, nil, 1, 1)), in[2]))
			return Gradient(loss, in[0])
		}
		want := run(t, twin, dtypes.Float64, graph, x, w, slope)
		for name, b := range engines {
			near(t, fmt.Sprintf("%dx%d, %s", tc.kernel, tc.kernel, name), numbers(run(t, b, dtypes.Float32, graph, x, w, slope)[0]), numbers(want[0]), 2e-4)
		}
	}
}

// TestARectifiersConditionInAnotherShape is of one that leaves the program, or is counted.
func TestARectifiersConditionInAnotherShape(t *testing.T) {
	n := newNormCase(5, []int{2, 4, 4, 3})
	graph := func(in []*Node) []*Node {
		p := normalized(in[0], in[1], in[2])
		negative := LessOrEqual(p, number(p, 0))
		return []*Node{Where(negative, number(p, 0), p), ConvertDType(Reshape(negative, -1), p.DType()), ReduceSum(ConvertDType(Slice(Reshape(negative, -1), AxisRange(0, 7)), p.DType()), 0)}
	}
	want := run(t, portable(t), dtypes.Float64, graph, n[0], n[2], n[3])
	got := run(t, engine(t, ""), dtypes.Float32, graph, n[0], n[2], n[3])
	for k := range want {
		near(t, fmt.Sprint("output ", k), numbers(got[k]), numbers(want[k]), 2e-4)
	}
}

// TestAGramMatrixOfHalves is a product that sums over the first axis of both, widened at once.
func TestAGramMatrixOfHalves(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 11))
	x, y := normals(r, 40, 6), normals(r, 40, 9)
	graph := func(in []*Node) []*Node {
		return []*Node{ConvertDType(EinsumAxes(in[0], in[1], [][2]int{{0, 0}}, nil), dtypes.Float32)}
	}
	want := run(t, portable(t), dtypes.BFloat16, graph, x, y)
	got := run(t, engine(t, ""), dtypes.BFloat16, graph, x, y)
	near(t, "the product", numbers(got[0]), numbers(want[0]), 2e-2)
}
