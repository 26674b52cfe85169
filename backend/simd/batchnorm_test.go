package simd_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"alike/internal/nn"
)

const epsilon = nn.BatchNormEpsilon

// normalize is batch norm in training: the engine's operation for float32; for
// the float64 twin what it stands for.
func normalize(x, scale, offset *Node) (y, mean, variance *Node) {
	if x.DType() == dtypes.Float32 {
		return InternalBatchNormForTraining(x, scale, offset, epsilon, -1)
	}
	others := make([]int, x.Rank()-1)
	for i := range others {
		others[i] = i
	}
	mean = ReduceMean(x, others...)
	centred := Sub(x, spread(mean, x))
	variance = ReduceMean(Square(centred), others...)
	unit := Div(centred, Sqrt(AddScalar(spread(variance, x), float64(float32(epsilon)))))
	return Add(Mul(unit, spread(scale, x)), spread(offset, x)), mean, variance
}

// spread repeats v [C] over x [..., C].
func spread(v, x *Node) *Node { return ExpandLeftToRank(v, x.Rank()) }

func normalized(x, scale, offset *Node) *Node {
	y, _, _ := normalize(x, scale, offset)
	return y
}

// where is a choice by the sign of a number.
func where(x, positive, otherwise *Node) *Node {
	return Where(GreaterThan(x, ScalarZero(x.Graph(), x.DType())), positive, otherwise)
}

func number(like *Node, v float64) *Node { return Scalar(like.Graph(), like.DType(), v) }

// patterns are what surrounds batch norm in networks, and what merely looks
// like it. p is the norm of x, r a second input. Gradients jump where one of the
// kinks is 0.
var patterns = []struct {
	name  string
	graph func(p, r, x, scale, offset *Node) (outputs, kinks []*Node)
}{
	{"alone", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{p}, nil
	}},
	{"ReLU", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{nn.ReLU(p)}, []*Node{p}
	}},
	{"ReLU as a maximum", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Max(p, ScalarZero(p.Graph(), p.DType()))}, []*Node{p}
	}},
	{"residual and ReLU", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(p, r)
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"residual on the left", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(r, p)
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"residual is the input", func(p, r, x, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(p, x)
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"residual is a norm", func(p, r, _, scale, offset *Node) (outputs, kinks []*Node) {
		s := Add(p, normalized(r, offset, scale))
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"residual is the norm itself", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(p, p)
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"residual without gradient", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(p, SubScalar(Iota(p.Graph(), p.Shape(), -1), 1.5))
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"residual without ReLU", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Add(p, r)}, nil
	}},
	{"residual of one pixel", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(p, ReduceAndKeep(r, ReduceMean, 1, 2))
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"residual after the ReLU", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Add(nn.ReLU(p), r)}, []*Node{p}
	}},
	{"two residuals", func(p, r, x, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(Add(p, r), x)
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"difference and ReLU", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Sub(r, p)
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"product and ReLU", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Mul(p, r)
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"ReLU used twice", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		z := nn.ReLU(p)
		return []*Node{Mul(z, r), Square(z)}, []*Node{p}
	}},
	{"ReLU is an output too", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		z := nn.ReLU(p)
		return []*Node{z, Mul(z, r)}, []*Node{p}
	}},
	{"ReLU before a mean over pixels", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{nn.GlobalAvgPool(nn.ReLU(p))}, []*Node{p}
	}},
	{"what is before the ReLU used elsewhere", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{nn.ReLU(p), Mul(p, r)}, []*Node{p}
	}},
	{"what is before the ReLU is an output", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{nn.ReLU(p), p}, []*Node{p}
	}},
	{"sum before the ReLU used elsewhere", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(p, r)
		return []*Node{nn.ReLU(s), Square(s)}, []*Node{s}
	}},
	{"norm before the sum used elsewhere", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(p, r)
		return []*Node{nn.ReLU(s), Square(p)}, []*Node{s}
	}},
	{"one norm in two sums", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s, d := Add(p, r), Sub(p, r)
		return []*Node{nn.ReLU(s), nn.ReLU(d)}, []*Node{s, d}
	}},
	{"two ReLUs of one norm", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{nn.ReLU(p), nn.ReLU(Neg(p))}, []*Node{p}
	}},
	{"two equal ReLUs", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Mul(nn.ReLU(p), r), nn.ReLU(p)}, []*Node{p}
	}},
	{"two layers", func(p, r, _, scale, offset *Node) (outputs, kinks []*Node) {
		q := normalized(nn.ReLU(p), offset, scale)
		s := Add(q, r)
		return []*Node{nn.ReLU(s)}, []*Node{p, s}
	}},
	{"two norms of one tensor", func(p, r, x, scale, offset *Node) (outputs, kinks []*Node) {
		q := normalized(x, offset, scale)
		return []*Node{nn.ReLU(p), nn.ReLU(q)}, []*Node{p, q}
	}},
	{"choice by another tensor", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{where(r, p, number(p, 0))}, []*Node{r}
	}},
	{"choice of another tensor", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{where(p, r, number(p, 0))}, []*Node{p}
	}},
	{"choice of negatives", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{where(p, number(p, 0), p)}, []*Node{p}
	}},
	{"choice of the input", func(p, r, x, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{where(p, x, number(p, 0))}, []*Node{p}
	}},
	{"choice above 1/2", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		above := Sub(p, number(p, 0.5))
		return []*Node{Where(GreaterThan(p, number(p, 0.5)), p, number(p, 0))}, []*Node{above}
	}},
	{"choice of 1/4 for negatives", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{where(p, p, number(p, 0.25))}, []*Node{p}
	}},
	{"ReLU as a choice of positives", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{where(p, p, number(p, 0))}, []*Node{p}
	}},
	{"the other choice", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Where(LessOrEqual(p, number(p, 0)), p, number(p, 0))}, []*Node{p}
	}},
	{"1/4 for negatives", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Where(LessOrEqual(p, number(p, 0)), number(p, 0.25), p)}, []*Node{p}
	}},
	{"0 below 1/2", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		below := Sub(p, number(p, 0.5))
		return []*Node{Where(LessOrEqual(p, number(p, 0.5)), number(p, 0), p)}, []*Node{below}
	}},
	{"0 below another tensor", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Where(LessOrEqual(p, r), number(p, 0), p)}, []*Node{Sub(p, r)}
	}},
	{"0 where 0 is less", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Where(LessOrEqual(number(p, 0), p), number(p, 0), p)}, []*Node{p}
	}},
	{"0 where another tensor is negative", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Where(LessOrEqual(r, number(p, 0)), number(p, 0), p)}, []*Node{r}
	}},
	{"another tensor where the norm is positive", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{Where(LessOrEqual(p, number(p, 0)), number(p, 0), r)}, []*Node{p}
	}},
	{"ReLU and another tensor by one condition", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		negative := LessOrEqual(p, number(p, 0))
		return []*Node{Where(negative, number(p, 0), p), Where(negative, number(p, 0), r)}, []*Node{p}
	}},
	{"another tensor and ReLU by one condition", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		negative := LessOrEqual(p, number(p, 0))
		return []*Node{Where(negative, number(p, 0), r), Where(negative, number(p, 0), p)}, []*Node{p}
	}},
	{"a norm by the condition of another's ReLU", func(p, r, _, scale, offset *Node) (outputs, kinks []*Node) {
		negative := LessOrEqual(p, number(p, 0))
		q := normalized(r, offset, scale)
		return []*Node{Where(negative, number(p, 0), p), Where(negative, number(p, 0), q)}, []*Node{p}
	}},
	{"condition is an output", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		negative := LessOrEqual(p, number(p, 0))
		return []*Node{Where(negative, number(p, 0), p), ConvertDType(negative, p.DType())}, []*Node{p}
	}},
	{"condition counted", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		negative := LessOrEqual(p, number(p, 0))
		count := ReduceSum(ConvertDType(StopGradient(negative), p.DType()), 0, 1)
		return []*Node{Where(negative, number(p, 0), p), count}, []*Node{p}
	}},
	{"condition in another shape", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		negative, rows := LessOrEqual(p, number(p, 0)), []int{-1, p.Shape().Dim(-1)}
		return []*Node{Where(negative, number(p, 0), p), Where(Reshape(negative, rows...), Reshape(r, rows...), Reshape(p, rows...))}, []*Node{p}
	}},
	{"ReLU of the sum, norm by its condition", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(p, r)
		negative := LessOrEqual(s, number(p, 0))
		return []*Node{Where(negative, number(p, 0), s), Where(negative, r, p)}, []*Node{s}
	}},
	{"two sums in a row", func(p, r, x, _, _ *Node) (outputs, kinks []*Node) {
		s := nn.ReLU(Add(p, r))
		z := Add(s, p)
		return []*Node{nn.ReLU(z), s}, []*Node{Add(p, r), z}
	}},
	{"leaky ReLU", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		return []*Node{where(p, p, Mul(p, number(p, 0.1)))}, []*Node{p}
	}},
	{"mask used elsewhere", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		mask := GreaterThan(p, number(p, 0))
		return []*Node{Where(mask, p, number(p, 0)), Mul(ConvertDType(mask, p.DType()), r)}, []*Node{p}
	}},
	{"in another shape", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		rows := []int{p.Shape().Size() / p.Shape().Dim(-1), p.Shape().Dim(-1)}
		s := Add(Reshape(p, rows...), Reshape(r, rows...))
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"channels in front", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(TransposeAllAxes(p, 3, 0, 1, 2), TransposeAllAxes(r, 3, 0, 1, 2))
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
	{"the first image only", func(p, r, _, _, _ *Node) (outputs, kinks []*Node) {
		s := Add(Slice(p, AxisElem(0)), Slice(r, AxisElem(0)))
		return []*Node{nn.ReLU(s)}, []*Node{s}
	}},
}

// normCase is the data of a pattern: x and r [N, H, W, C], scale and offset [C],
// and what multiplies the outputs in the loss.
type normCase []array

// newNormCase draws x with columns far from 0 and, of 17, a constant one.
func newNormCase(seed uint64, dims []int) normCase {
	r := rand.New(rand.NewPCG(seed, uint64(sizeOf(dims))))
	c := dims[len(dims)-1]
	n := normCase{normals(r, dims...), normals(r, dims...), normals(r, c), normals(r, c), normals(r, dims...)}
	for i := range n[0].flat {
		switch {
		case i%c == 1:
			n[0].flat[i] += 20
		case i%c == 3 && c == 17:
			n[0].flat[i] = 0.3
		}
	}
	return n
}

// graph returns the loss, its gradients, the outputs and the kinks of pattern i.
func (normCase) graph(i int, counts *[2]int) func(in []*Node) []*Node {
	return func(in []*Node) []*Node {
		x, r, scale, offset, slope := in[0], in[1], in[2], in[3], in[4]
		outputs, kinks := patterns[i].graph(normalized(x, scale, offset), r, x, scale, offset)
		loss := ScalarZero(x.Graph(), x.DType())
		for _, o := range outputs {
			weight := o
			if o.Shape().Size() == slope.Shape().Size() {
				weight = Reshape(slope, o.Shape().Dimensions...)
			}
			loss = Add(loss, ReduceAllSum(Mul(o, weight)))
		}
		*counts = [2]int{len(outputs), len(kinks)}
		return append(append(append([]*Node{loss}, Gradient(loss, x, r, scale, offset)...), outputs...), kinks...)
	}
}

var gradientNames = []string{"dx", "dr", "gradient of the scale", "gradient of the offset"}

// near fails unless got is want up to tolerance times the largest |want|, or
// times 1 if that is less.
func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d elements, want %d", what, len(got), len(want))
		return
	}
	largest := 1.0
	for _, w := range want {
		largest = max(largest, math.Abs(w))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tolerance*largest) {
			t.Errorf("%s: element %d is %.9g, want %.9g (the largest is %.3g)", what, i, got[i], w, largest)
			return
		}
	}
}

func TestBatchNormPatterns(t *testing.T) {
	b, twin := engine(t, "workers=3"), portable(t)
	for _, dims := range [][]int{{2, 2, 3, 5}, {1, 1, 1, 6}, {5, 9, 7, 17}, {2, 3, 3, 130}} {
		for i, p := range patterns {
			t.Run(fmt.Sprintf("%s/%v", p.name, dims), func(t *testing.T) {
				testPattern(t, b, twin, i, dims)
			})
		}
	}
}

func testPattern(t *testing.T, b, twin compute.Backend, i int, dims []int) {
	small, constant := sizeOf(dims) < 100, sizeOf(dims[:3]) == 1 || dims[3] == 17 // columns
	margin := 1e-5                                                                // of the kinks: float32 must not fall on the other side
	if small {
		margin = 1e-3 // nor finite differences
	}
	var n normCase
	var counts [2]int
	reference, err := compileFor(twin, dtypes.Float64, n.graph(i, &counts), newNormCase(0, dims)...)
	if err != nil {
		t.Fatal(err)
	}
	defer reference.graph.Finalize()
	var want [][]float64
	for seed := uint64(0); ; seed++ {
		if seed == 1000 {
			t.Fatal("every seed has a kink")
		}
		n, want = newNormCase(seed, dims), nil
		for _, o := range reference.run(dtypes.Float64, n...) {
			want = append(want, numbers(o))
		}
		nearest := math.Inf(1)
		for _, kink := range want[len(want)-counts[1]:] {
			for _, v := range kink {
				nearest = min(nearest, math.Abs(v))
			}
		}
		if nearest > margin {
			break
		}
	}
	if small {
		differences(t, reference, n, want)
	}
	got := run(t, b, dtypes.Float32, n.graph(i, &counts), n...)
	for k := range want {
		what := "loss"
		switch {
		case k > 4:
			what = fmt.Sprint("output ", k-5)
		case k > 0:
			what = gradientNames[k-1]
		}
		// A mean of 20 that is rounded is wrong by 20 u; sums have some tens of roundings.
		tolerance := 256 * u
		if k > 0 && constant {
			tolerance += 8 * u / math.Sqrt(epsilon) // 0 is a difference of numbers of 1/√ε
		}
		near(t, what, numbers(got[k]), want[k], tolerance)
	}
}

// differences compares the twin's gradients with central differences of its loss.
func differences(t *testing.T, twin program, n normCase, want [][]float64) {
	const h = 1e-6
	for k, name := range gradientNames {
		in := make([]any, len(n))
		for i, a := range n {
			in[i] = a.as(dtypes.Float64)
		}
		slopes := make([]float64, len(n[k].flat))
		for i := range slopes {
			at := func(d float64) float64 {
				x := n[k].as(dtypes.Float64)
				x.MustMutableFlatData(func(flat any) { flat.([]float64)[i] += d })
				in[k] = x
				return numbers(twin.graph.Run(in...)[0])[0]
			}
			slopes[i] = (at(h) - at(-h)) / (2 * h)
		}
		near(t, name+" of the twin", slopes, want[1+k], 1e-5)
	}
}

// rows is x [R, C] with its statistics, as plain loops.
type rows struct {
	x              array
	mean, variance []float64
}

func statistics(x array) rows {
	c := x.dims[len(x.dims)-1]
	r := rows{x, make([]float64, c), make([]float64, c)}
	n := float64(len(x.flat) / c)
	for i, v := range x.flat {
		r.mean[i%c] += float64(v) / n
	}
	for i, v := range x.flat {
		d := float64(v) - r.mean[i%c]
		r.variance[i%c] += d * d / n
	}
	return r
}

func TestBatchNormOperations(t *testing.T) {
	b := engine(t, "workers=3")
	for _, dims := range [][]int{{1, 1}, {7, 1}, {1, 9}, {40, 17}, {3, 5, 130}, {2, 3, 4, 5}, {2, 2, 2, 3, 4}, {1000, 3}} {
		t.Run(fmt.Sprint(dims), func(t *testing.T) {
			n := newNormCase(1, dims)
			x, dy, scale, offset, c := n[0], n[1], n[2], n[3], dims[len(dims)-1]
			s := statistics(x)
			unit := func(i int, mean, variance float64) float64 {
				return (float64(x.flat[i]) - mean) / math.Sqrt(variance+float64(float32(epsilon)))
			}

			y := make([]float64, len(x.flat))
			for i := range y {
				y[i] = float64(scale.flat[i%c])*unit(i, s.mean[i%c], s.variance[i%c]) + float64(offset.flat[i%c])
			}
			got := run(t, b, dtypes.Float32, func(in []*Node) []*Node {
				y, mean, variance := InternalBatchNormForTraining(in[0], in[1], in[2], epsilon, -1)
				return []*Node{y, mean, variance}
			}, x, scale, offset)
			near(t, "y in training", numbers(got[0]), y, 128*u)
			near(t, "mean", numbers(got[1]), s.mean, 4*u)
			near(t, "variance", numbers(got[2]), s.variance, 128*u)

			// Statistics that are not those of x, as in inference.
			mean, variance := normals(rand.New(rand.NewPCG(2, 0)), c), normals(rand.New(rand.NewPCG(3, 0)), c)
			for i, v := range variance.flat {
				variance.flat[i] = v * v
			}
			dx, dScale, dOffset := make([]float64, len(x.flat)), make([]float64, c), make([]float64, c)
			for i := range x.flat {
				k := i % c
				hat := unit(i, float64(mean.flat[k]), float64(variance.flat[k]))
				y[i] = float64(scale.flat[k])*hat + float64(offset.flat[k])
				dScale[k] += float64(dy.flat[i]) * hat
				dOffset[k] += float64(dy.flat[i])
			}
			count := float64(len(x.flat) / c)
			for i := range x.flat {
				k := i % c
				deviation := math.Sqrt(float64(variance.flat[k]) + float64(float32(epsilon)))
				hat := unit(i, float64(mean.flat[k]), float64(variance.flat[k]))
				dx[i] = float64(scale.flat[k]) / deviation * (float64(dy.flat[i]) - dOffset[k]/count - hat*dScale[k]/count)
			}
			got = run(t, b, dtypes.Float32, func(in []*Node) []*Node {
				y := InternalBatchNormForInference(in[0], in[1], in[2], in[3], in[4], epsilon, -1)
				dx, dScale, dOffset := InternalBatchNormGradient(in[0], in[1], in[3], in[4], in[5], epsilon, -1)
				return []*Node{y, nn.ReLU(y), nn.ReLU(Add(y, in[5])), dx, dScale, dOffset}
			}, x, scale, offset, mean, variance, dy)
			near(t, "y in inference", numbers(got[0]), y, 128*u)
			near(t, "dx", numbers(got[3]), dx, 128*u)
			near(t, "gradient of the scale", numbers(got[4]), dScale, 128*u)
			near(t, "gradient of the offset", numbers(got[5]), dOffset, 128*u)
			sums := make([]float64, len(y))
			for i := range y {
				sums[i] = max(0, y[i]+float64(dy.flat[i]))
				y[i] = max(0, y[i])
			}
			near(t, "ReLU in inference", numbers(got[1]), y, 128*u)
			near(t, "residual and ReLU in inference", numbers(got[2]), sums, 128*u)
		})
	}
}

// TestBatchNormOfNaN has a NaN and an infinity, each of which spoils its own
// column and no other. ReLU keeps NaN, and so does a maximum; a choice of what is
// positive makes 0 of it.
func TestBatchNormOfNaN(t *testing.T) {
	n := newNormCase(1, []int{2, 3, 3, 20})
	n[0].flat[20*7+2], n[0].flat[20*11+6] = float32(math.NaN()), float32(math.Inf(1))
	graph := func(in []*Node) []*Node {
		p := normalized(in[0], in[2], in[3])
		s := Add(p, in[1])
		return []*Node{p, nn.ReLU(p), nn.ReLU(s), Max(p, number(p, 0)), Max(s, number(s, 0)), where(p, p, number(p, 0)), where(s, s, number(s, 0))}
	}
	got := run(t, engine(t, ""), dtypes.Float32, graph, n...)
	want := run(t, portable(t), dtypes.Float64, graph, n...)
	for k := range want {
		g, w := numbers(got[k]), numbers(want[k])
		for i := range w {
			if math.IsNaN(g[i]) != math.IsNaN(w[i]) || math.Abs(g[i]-w[i]) > 1e-3 {
				t.Errorf("output %d: element %d is %g, want %g", k, i, g[i], w[i])
			}
		}
		if spoilt := w[20*7+2]; math.IsNaN(spoilt) != (k < 5) {
			t.Errorf("output %d of the twin is %g", k, spoilt)
		}
	}
}

// TestBatchNormFaults are operands that do not fit.
func TestBatchNormFaults(t *testing.T) {
	b := engine(t, "")
	c, d, x := array{[]int{3}, make([]float32, 3)}, array{[]int{4}, make([]float32, 4)}, array{[]int{2, 3}, make([]float32, 6)}
	for _, tc := range []struct {
		name  string
		in    []array
		graph func(in []*Node) *Node
	}{
		{"offset", []array{x, c, d}, func(in []*Node) *Node {
			y, _, _ := InternalBatchNormForTraining(in[0], in[1], in[2], epsilon, -1)
			return y
		}},
		{"not the last axis", []array{x, d, d}, func(in []*Node) *Node {
			y, _, _ := InternalBatchNormForTraining(in[0], in[1], in[2], epsilon, 0)
			return y
		}},
		{"variance", []array{x, c, c, c, d}, func(in []*Node) *Node {
			return InternalBatchNormForInference(in[0], in[1], in[2], in[3], in[4], epsilon, -1)
		}},
		{"dy", []array{x, c, c, c, {[]int{3, 2}, make([]float32, 6)}}, func(in []*Node) *Node {
			dx, _, _ := InternalBatchNormGradient(in[0], in[1], in[2], in[3], in[4], epsilon, -1)
			return dx
		}},
		{"no rows", []array{{[]int{0, 3}, nil}, c, c}, func(in []*Node) *Node {
			_, mean, _ := InternalBatchNormForTraining(in[0], in[1], in[2], epsilon, -1)
			return mean
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := exceptions.TryCatch[error](func() {
				_, err := compileFor(b, dtypes.Float32, func(in []*Node) []*Node { return []*Node{tc.graph(in)} }, tc.in...)
				if err != nil {
					panic(err)
				}
			})
			if bug := runtime.Error(nil); err == nil || errors.As(err, &bug) {
				t.Errorf("error %v, want one that says what does not fit", err)
			}
		})
	}
}
