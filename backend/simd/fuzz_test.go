package simd_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"pgregory.net/rapid"
)

// sketch is a random graph: operations that are drawn while the graph is built
// once, so that they fit, and can then be built again elsewhere.
type sketch struct {
	*rapid.T
	inputs  []array
	code    []operation
	outputs []int // nodes
	integer bool  // numbers are small integers, so every sum is exact in any order
	half    bool  // they are small enough for bfloat16

	nodes []*Node   // of the graph that is drawn with
	bound []float64 // by node: the largest absolute value, for integers
}

// operation appends a node to those before it.
type operation func(n []*Node) *Node

func (s *sketch) int(name string, from, to int) int { return rapid.IntRange(from, to).Draw(s.T, name) }

func (s *sketch) coin(name string) bool { return rapid.Bool().Draw(s.T, name) }

func (s *sketch) pick(name string, of []int) int { return rapid.SampledFrom(of).Draw(s.T, name) }

func (s *sketch) add(bound float64, op operation) {
	s.code = append(s.code, op)
	s.nodes = append(s.nodes, op(s.nodes))
	s.bound = append(s.bound, bound)
}

// largest is what integers may grow to: in bfloat16 those up to 256 are exact.
func (s *sketch) largest() float64 {
	if s.half {
		return 1 << 8
	}
	return 1 << 10
}

// numbers are the nodes of a float type, masks those of booleans.
func (s *sketch) numbers() (list []int) {
	for i, n := range s.nodes {
		if n.DType().IsFloat() {
			list = append(list, i)
		}
	}
	return list
}

func (s *sketch) masks() (list []int) {
	for i, n := range s.nodes {
		if n.DType() == dtypes.Bool {
			list = append(list, i)
		}
	}
	return list
}

// draw draws the graph in g, whose floats are of that type.
func (s *sketch) draw(g *Graph, dtype dtypes.DType) {
	sides := []int{1, 1, 2, 3, 4, 7, 17}
	for range s.int("inputs", 1, 3) {
		dims := make([]int, s.int("rank", 0, 4))
		for i := range dims {
			dims[i] = s.pick("side", sides)
		}
		if s.int("long", 0, 7) == 0 { // more than a tile or a task
			dims = [][]int{{1025}, {17, 1000}, {40000}, {3, 1, 1030}, {70, 33, 8}}[s.int("which", 0, 4)]
		}
		s.inputs = append(s.inputs, s.values(dims))
	}
	for _, a := range s.inputs {
		s.nodes = append(s.nodes, Parameter(g, "", shapes.Make(dtype, a.dims...)))
		s.bound = append(s.bound, 3)
	}
	steps := []func(){s.unary, s.unary, s.binary, s.binary, s.binary, s.compare, s.logic, s.choose, s.convert, s.reshape, s.transpose, s.slice, s.concatenate, s.broadcast, s.reverse}
	if s.integer {
		steps = append(steps, s.reduce, s.reduce, s.reduce, s.product, s.product, s.gather, s.iota)
	}
	for range s.int("steps", 1, 20) {
		steps[s.int("step", 0, len(steps)-1)]()
	}
	for i := range s.nodes { // all that nothing else reads would be too few to see
		if i == len(s.nodes)-1 || s.int("output", 0, 4) == 0 {
			s.outputs = append(s.outputs, i)
		}
	}
}

// values are small integers, or any bits at all, the odd ones more often.
func (s *sketch) values(dims []int) array {
	a := array{dims, make([]float32, sizeOf(dims))}
	r := rand.New(rand.NewPCG(uint64(s.int("values", 0, 1<<20)), 0))
	odd := []float32{
		0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -2.5, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)),
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126, 0x1.fffffcp-127, math.MaxFloat32, -math.MaxFloat32, 1 << 24, 1<<24 + 2,
	}
	kind := s.int("kind", 0, 2)
	for i := range a.flat {
		switch {
		case s.integer:
			a.flat[i] = float32(r.IntN(7) - 3)
		case kind == 0:
			a.flat[i] = float32(r.NormFloat64())
		case kind == 1 && r.IntN(2) == 0:
			a.flat[i] = math.Float32frombits(r.Uint32())
		default:
			a.flat[i] = odd[r.IntN(len(odd))]
		}
	}
	return a
}

// positive makes 0 of -0, where the Go backend takes the other zero for a maximum,
// a sign or an absolute value: a later division would show it.
func positive(x *Node) *Node { return AddScalar(x, 0) }

func (s *sketch) unary() {
	i := s.pick("operand", s.numbers())
	exact := []struct {
		f     func(x *Node) *Node
		bound float64
	}{
		{Neg, s.bound[i]},
		{func(x *Node) *Node { return positive(Abs(x)) }, s.bound[i]},
		{func(x *Node) *Node { return Square(x) }, s.bound[i] * s.bound[i]},
		{func(x *Node) *Node { return positive(Max(x, ScalarZero(x.Graph(), x.DType()))) }, s.bound[i]},
		{func(x *Node) *Node { return where(x, x, ScalarZero(x.Graph(), x.DType())) }, s.bound[i]},
		{func(x *Node) *Node { return AddScalar(x, 2) }, s.bound[i] + 2},
		{func(x *Node) *Node { return MulScalar(x, -3) }, s.bound[i] * 3},
		{func(x *Node) *Node { // NaN has no sign in the Go backend
			return positive(Sign(StopGradient(Where(IsNaN(x), ZerosLike(x), x))))
		}, 1},
		{func(x *Node) *Node { return Floor(StopGradient(x)) }, s.bound[i]},
		{func(x *Node) *Node { return Ceil(StopGradient(x)) }, s.bound[i]},
		{func(x *Node) *Node { return Round(StopGradient(x)) }, s.bound[i]},
		{func(x *Node) *Node { return Sqrt(x) }, 0}, // not of integers
		{func(x *Node) *Node { return Reciprocal(x) }, 0},
	}
	most := len(exact) - 1
	if s.integer {
		most -= 2
	}
	f := exact[s.int("function", 0, most)]
	if f.bound <= s.largest() {
		s.add(f.bound, func(n []*Node) *Node { return f.f(n[i]) })
	}
}

// partner returns an operand for node i: one of its shape, a number, or a slice
// that has to be spread over it.
func (s *sketch) partner(i int, among []int) (partner operation, bound float64) {
	x := s.nodes[i]
	var fitting []int
	for _, j := range among {
		y := s.nodes[j]
		if y.Rank() == 0 || y.Rank() == x.Rank() && x.Rank() > 0 && fits(y, x) {
			fitting = append(fitting, j)
		}
	}
	if len(fitting) > 0 && s.int("partner", 0, 3) > 0 {
		j := s.pick("other", fitting)
		return func(n []*Node) *Node { return n[j] }, s.bound[j]
	}
	specs := make([]SliceAxisSpec, x.Rank())
	for axis := range specs {
		if specs[axis] = AxisRange(); s.coin("spread") {
			specs[axis] = AxisElem(s.int("at", 0, x.Shape().Dim(axis)-1))
		}
	}
	return func(n []*Node) *Node {
		if len(specs) == 0 {
			return n[i]
		}
		return Slice(n[i], specs...)
	}, s.bound[i]
}

// fits says whether y can be spread over x.
func fits(y, x *Node) bool {
	for axis, d := range y.Shape().Dimensions {
		if d != 1 && d != x.Shape().Dim(axis) {
			return false
		}
	}
	return true
}

func (s *sketch) binary() {
	numbers := s.numbers()
	i := s.pick("operand", numbers)
	other, bound := s.partner(i, numbers)
	exact := []struct {
		f     func(x, y *Node) *Node
		bound float64
	}{
		{Add, s.bound[i] + bound},
		{Sub, s.bound[i] + bound},
		{Mul, s.bound[i] * bound},
		{func(x, y *Node) *Node { return positive(Max(x, y)) }, max(s.bound[i], bound)},
		{func(x, y *Node) *Node { return positive(Min(x, y)) }, max(s.bound[i], bound)},
		{Div, 0}, // not of integers
	}
	most := len(exact) - 1
	if s.integer {
		most--
	}
	f, swap := exact[s.int("function", 0, most)], s.coin("swap")
	if f.bound > s.largest() {
		return
	}
	s.add(f.bound, func(n []*Node) *Node {
		x, y := n[i], other(n)
		if swap {
			x, y = y, x
		}
		return f.f(x, y)
	})
}

func (s *sketch) compare() {
	numbers := s.numbers()
	i := s.pick("operand", numbers)
	other, _ := s.partner(i, numbers)
	compare := []func(x, y *Node) *Node{
		GreaterThan, GreaterOrEqual, LessThan, LessOrEqual, Equal, NotEqual,
		func(x, _ *Node) *Node { return IsNaN(x) }, func(x, _ *Node) *Node { return IsFinite(x) },
	}
	f := compare[s.int("comparison", 0, len(compare)-1)]
	s.add(0, func(n []*Node) *Node { return f(n[i], other(n)) })
}

func (s *sketch) logic() {
	masks := s.masks()
	if len(masks) == 0 {
		return
	}
	i := s.pick("mask", masks)
	other, _ := s.partner(i, masks)
	logic := []func(x, y *Node) *Node{LogicalAnd, LogicalOr, LogicalXor, func(x, _ *Node) *Node { return LogicalNot(x) }}
	f := logic[s.int("connective", 0, len(logic)-1)]
	s.add(0, func(n []*Node) *Node { return f(n[i], other(n)) })
}

// choose is a Where of numbers by a mask of their shape.
func (s *sketch) choose() {
	numbers := s.numbers()
	i := s.pick("operand", numbers)
	shape := s.nodes[i].Shape()
	var masks, others []int
	for _, m := range s.masks() {
		if slices.Equal(s.nodes[m].Shape().Dimensions, shape.Dimensions) || s.nodes[m].Rank() == 0 {
			masks = append(masks, m)
		}
	}
	for _, j := range numbers {
		if s.nodes[j].Shape().Equal(shape) || s.nodes[j].Rank() == 0 {
			others = append(others, j)
		}
	}
	if len(masks) == 0 {
		return
	}
	m, j, swap := s.pick("mask", masks), s.pick("other", others), s.coin("swap")
	s.add(max(s.bound[i], s.bound[j]), func(n []*Node) *Node {
		if swap {
			return Where(n[m], n[j], n[i])
		}
		return Where(n[m], n[i], n[j])
	})
}

// convert makes numbers of masks, masks of numbers, or whole numbers of numbers.
func (s *sketch) convert() {
	if masks := s.masks(); len(masks) > 0 && s.coin("of a mask") {
		i := s.pick("mask", masks)
		s.add(1, func(n []*Node) *Node { return ConvertDType(StopGradient(n[i]), n[0].DType()) })
		return
	}
	i := s.pick("operand", s.numbers())
	if s.integer && s.coin("by way of int32") {
		s.add(s.bound[i]+1, func(n []*Node) *Node {
			return ConvertDType(AddScalar(ConvertDType(StopGradient(n[i]), dtypes.Int32), 1), n[i].DType())
		})
		return
	}
	s.add(0, func(n []*Node) *Node { return ConvertDType(n[i], dtypes.Bool) })
}

func (s *sketch) any() int { return s.int("operand", 0, len(s.nodes)-1) }

func (s *sketch) reshape() {
	i := s.any()
	dims := slices.Clone(s.nodes[i].Shape().Dimensions)
	switch {
	case s.coin("flat"):
		dims = []int{s.nodes[i].Shape().Size()}
	case len(dims) > 1:
		at := s.int("joined", 0, len(dims)-2)
		dims = slices.Replace(dims, at, at+2, dims[at]*dims[at+1])
	default:
		dims = slices.Insert(dims, s.int("inserted", 0, len(dims)), 1)
	}
	s.add(s.bound[i], func(n []*Node) *Node { return Reshape(n[i], dims...) })
}

func (s *sketch) transpose() {
	i := s.any()
	axes := make([]int, s.nodes[i].Rank())
	for k := range axes {
		axes[k] = k
	}
	if len(axes) < 2 {
		return
	}
	axes = rapid.Permutation(axes).Draw(s.T, "axes")
	s.add(s.bound[i], func(n []*Node) *Node { return TransposeAllAxes(n[i], axes...) })
}

func (s *sketch) slice() {
	i := s.any()
	x := s.nodes[i].Shape()
	if x.Rank() == 0 {
		return
	}
	specs := make([]SliceAxisSpec, x.Rank())
	for axis := range specs {
		from := s.int("from", 0, x.Dim(axis)-1)
		specs[axis] = AxisRange(from, s.int("to", from+1, x.Dim(axis))).Stride(s.int("stride", 1, 3))
	}
	s.add(s.bound[i], func(n []*Node) *Node { return Slice(n[i], specs...) })
}

func (s *sketch) concatenate() {
	i := s.pick("operand", s.numbers())
	x := s.nodes[i].Shape()
	if x.Rank() == 0 || x.Size() > 1<<16 {
		return
	}
	axis := s.int("axis", 0, x.Rank()-1)
	parts, bound := []int{i}, s.bound[i]
	for _, j := range s.numbers() {
		y := s.nodes[j].Shape()
		if y.Rank() != x.Rank() || len(parts) == 3 {
			continue
		}
		fits := true
		for k, d := range y.Dimensions {
			fits = fits && (k == axis || d == x.Dimensions[k])
		}
		if fits {
			parts, bound = append(parts, j), max(bound, s.bound[j])
		}
	}
	s.add(bound, func(n []*Node) *Node {
		var operands []*Node
		for _, p := range parts {
			operands = append(operands, n[p])
		}
		return Concatenate(operands, axis)
	})
}

// broadcast inserts an axis, or repeats one of length 1.
func (s *sketch) broadcast() {
	i := s.any()
	x := s.nodes[i].Shape()
	if x.Size() > 1<<12 || x.Rank() > 4 {
		return
	}
	at, side := s.int("axis", 0, x.Rank()), s.int("side", 1, 9)
	dims := slices.Insert(slices.Clone(x.Dimensions), at, side)
	s.add(s.bound[i], func(n []*Node) *Node { return ExpandAndBroadcast(n[i], dims, []int{at}) })
}

func (s *sketch) reverse() {
	i := s.any()
	if rank := s.nodes[i].Rank(); rank > 0 {
		axis := s.int("axis", 0, rank-1)
		s.add(s.bound[i], func(n []*Node) *Node { return Reverse(n[i], axis) })
	}
}

func (s *sketch) reduce() {
	i := s.pick("operand", s.numbers())
	x := s.nodes[i].Shape()
	if x.Rank() == 0 {
		return
	}
	var axes []int
	count := 1
	for axis := range x.Rank() {
		if s.coin("reduced") {
			axes = append(axes, axis)
			count *= x.Dim(axis)
		}
	}
	if len(axes) == 0 {
		count = x.Size() // all of them
		for axis := range x.Rank() {
			axes = append(axes, axis)
		}
	}
	reduction := []func(x *Node, axes ...int) *Node{ReduceSum, ReduceMax, ReduceMin}[s.int("reduction", 0, 2)]
	if most := s.bound[i] * float64(count); most > 1<<18 || s.half && most > s.largest() {
		return
	}
	keep := s.coin("keep")
	s.add(s.bound[i]*float64(count), func(n []*Node) *Node {
		if keep {
			return ReduceAndKeep(n[i], reduction, axes...)
		}
		return reduction(n[i], axes...)
	})
}

// product is one of two matrices, of batches of matrices, or with a transpose of
// itself.
func (s *sketch) product() {
	var matrices []int
	for _, i := range s.numbers() {
		if x := s.nodes[i].Shape(); x.Rank() >= 2 && x.Size() < 3000 {
			matrices = append(matrices, i)
		}
	}
	if len(matrices) == 0 {
		return
	}
	i := s.pick("left", matrices)
	x := s.nodes[i].Shape()
	j, fitting := i, []int{}
	for _, k := range matrices {
		if s.nodes[k].Shape().Dim(0) == x.Dim(-1) {
			fitting = append(fitting, k)
		}
	}
	count, bound := x.Size()/x.Dim(-1), s.bound[i]
	rank := x.Rank() - 1
	var f func(x, y *Node) *Node
	switch kind := s.int("product", 0, 3); {
	case kind == 0 && len(fitting) > 0:
		j = s.pick("right", fitting)
		count, bound = x.Dim(-1), s.bound[j]
		f = func(x, y *Node) *Node {
			return Dot(Reshape(x, -1, x.Shape().Dim(-1)), Reshape(y, y.Shape().Dim(0), -1)).Product()
		}
	case kind == 1: // x transposed times x
		f = func(x, y *Node) *Node {
			x, y = Reshape(x, -1, x.Shape().Dim(-1)), Reshape(y, -1, y.Shape().Dim(-1))
			return EinsumAxes(x, y, [][2]int{{0, 0}}, nil)
		}
	case kind == 2 && rank == 2: // for each of the first axis
		count = x.Dim(-1)
		f = func(x, y *Node) *Node { return EinsumAxes(x, y, [][2]int{{2, 2}}, [][2]int{{0, 0}}) }
	default:
		count = x.Dim(-1)
		f = func(x, y *Node) *Node { return EinsumAxes(x, y, [][2]int{{rank, rank}}, nil) }
	}
	bound *= s.bound[i] * float64(count)
	if bound > 1<<16 || s.half && bound > s.largest() {
		return
	}
	s.add(bound, func(n []*Node) *Node { return f(n[i], n[j]) })
	if s.nodes[len(s.nodes)-1].Shape().Size() > 1<<20 {
		s.Skip("too large")
	}
}

// gather takes places of the first axis, some of them twice.
func (s *sketch) gather() {
	i := s.pick("operand", s.numbers())
	x := s.nodes[i].Shape()
	if x.Rank() == 0 {
		return
	}
	places := make([][]int32, s.int("places", 1, 6))
	for k := range places {
		places[k] = []int32{int32(s.int("place", 0, x.Dim(0)-1))}
	}
	s.add(s.bound[i], func(n []*Node) *Node { return Gather(n[i], Const(n[i].Graph(), places)) })
}

func (s *sketch) iota() {
	dims := []int{s.int("rows", 1, 20), s.int("columns", 1, 20)}
	axis := s.int("axis", 0, 1)
	s.add(20, func(n []*Node) *Node { return Iota(n[0].Graph(), shapes.Make(n[0].DType(), dims...), axis) })
}

// build builds the drawn graph from inputs.
func (s *sketch) build(in []*Node) []*Node {
	nodes := slices.Clone(in)
	for _, op := range s.code {
		nodes = append(nodes, op(nodes))
	}
	return s.results(nodes[:len(in)], nodes)
}

// results are the outputs; for integers, with the gradients of a sum of them.
func (s *sketch) results(in, nodes []*Node) []*Node {
	var outputs []*Node
	var loss *Node
	for _, o := range s.outputs {
		outputs = append(outputs, nodes[o])
		if !nodes[o].DType().IsFloat() {
			continue
		}
		index := Iota(in[0].Graph(), shapes.Make(in[0].DType(), nodes[o].Shape().Size()), 0)
		weight := SubScalar(ModScalar(index, 5), 2) // -2 to 2
		sum := ReduceAllSum(Mul(nodes[o], Reshape(weight, nodes[o].Shape().Dimensions...)))
		if loss == nil {
			loss = sum
		} else {
			loss = Add(loss, sum)
		}
	}
	if s.integer && loss != nil {
		outputs = append(append(outputs, loss), Gradient(loss, in...)...)
	}
	return outputs
}

// run builds the graph on a backend and runs it.
func (s *sketch) run(b compute.Backend, dtype dtypes.DType) [][]float64 {
	p, err := compileFor(b, dtype, s.build, s.inputs...)
	if err != nil {
		s.Fatalf("%s: %v", b.Name(), err)
	}
	defer p.graph.Finalize()
	first := values(p.run(dtype, s.inputs...))
	if again := values(p.run(dtype, s.inputs...)); !equal(first, again) {
		s.Fatalf("%s: a second execution gives other results", b.Name())
	}
	return first
}

// compare fails unless all outputs are the same numbers.
func (s *sketch) compareWith(what string, got, want [][]float64) {
	for k := range want {
		for i := range want[k] {
			if !same(got[k][i], want[k][i]) {
				s.Fatalf("%s: output %d, element %d of %d: got %g, want %g", what, k, i, len(want[k]), got[k][i], want[k][i])
			}
		}
	}
}

// describe shows the graph of a failure.
func (s *sketch) describe() {
	for i, n := range s.nodes {
		s.Logf("%d: %s", i, n)
	}
	s.Logf("outputs: %v", s.outputs)
}

// TestElementwiseGraphs draws arithmetic of single elements, which rounds the
// same way everywhere: for any numbers, results are those of the Go backend.
func TestElementwiseGraphs(t *testing.T) {
	b, reference := engine(t, "workers=3"), portable(t)
	rapid.Check(t, func(t *rapid.T) {
		s := &sketch{T: t}
		g := NewGraph(reference, "drawing")
		defer g.Finalize()
		s.draw(g, dtypes.Float32)
		s.describe()
		s.compareWith("simd", s.run(b, dtypes.Float32), s.run(reference, dtypes.Float32))
	})
}

// TestIntegerGraphs draws sums, products and their gradients of small integers,
// which are exact in whatever order they are summed.
func TestIntegerGraphs(t *testing.T) {
	b, reference := engine(t, "workers=3"), portable(t)
	rapid.Check(t, func(t *rapid.T) {
		s := &sketch{T: t, integer: true}
		g := NewGraph(reference, "drawing")
		defer g.Finalize()
		s.draw(g, dtypes.Float64)
		s.describe()
		want := s.run(reference, dtypes.Float64)
		for _, v := range want {
			for _, x := range v {
				if !(math.Abs(x) < 1<<20) || x != math.Trunc(x) {
					t.Skip("not exact in float32")
				}
			}
		}
		s.compareWith("simd in float32", s.run(b, dtypes.Float32), want)
		s.compareWith("simd in float64", s.run(b, dtypes.Float64), want)
	})
}

// TestHalfGraphs draws sums and products of integers that bfloat16 has.
func TestHalfGraphs(t *testing.T) {
	b, reference := engine(t, "workers=3"), portable(t)
	rapid.Check(t, func(t *rapid.T) {
		s := &sketch{T: t, integer: true, half: true}
		g := NewGraph(reference, "drawing")
		defer g.Finalize()
		s.draw(g, dtypes.Float64)
		s.describe()
		s.integer = false // without gradients, which would be larger
		s.compareWith("simd in bfloat16", s.run(b, dtypes.BFloat16), s.run(reference, dtypes.Float64))
	})
}

// TestFunctions compares functions of one number with the Go backend in float64.
func TestFunctions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	x := array{[]int{3, 1000}, make([]float32, 3000)}
	for i := range x.flat {
		x.flat[i] = float32(r.NormFloat64() * math.Exp(4*r.NormFloat64()))
	}
	copy(x.flat, []float32{
		0, 1, -1, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.SmallestNonzeroFloat32,
		0x1p-126, math.MaxFloat32, -math.MaxFloat32, 88.7, 88.8, -87.3, -87.4, -103.9, -104.1,
	})
	for _, tc := range []struct {
		name string
		f    func(x *Node) *Node
		ulps float64 // units in the last place
	}{
		{"exp", Exp, 1.1}, {"log", Log, 1}, {"tanh", Tanh, 1.5}, {"logistic", Logistic, 2.5}, {"expm1", Expm1, 1}, {"log1p", Log1P, 1},
		{"sin", Sin, 1}, {"cos", Cos, 1}, {"erf", Erf, 6}, {"sqrt", Sqrt, 0.5}, {"rsqrt", Rsqrt, 1.5},
		{"pow", func(x *Node) *Node { return Pow(Abs(x), Scalar(x.Graph(), x.DType(), 0.75)) }, 1},
		{"remainder", func(x *Node) *Node { return Rem(x, Scalar(x.Graph(), x.DType(), 0.75)) }, 0.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			graph := func(in []*Node) []*Node { return []*Node{tc.f(in[0])} }
			got := numbers(run(t, engine(t, ""), dtypes.Float32, graph, x)[0])
			want := numbers(run(t, portable(t), dtypes.Float64, graph, x)[0])
			for i, w := range want {
				rounded := float32(w)
				ulp := float64(math.Nextafter32(max(-math.MaxFloat32, min(rounded, math.MaxFloat32)), float32(math.Inf(1)))) - float64(rounded)
				switch {
				case math.IsNaN(w) || math.IsInf(float64(rounded), 0):
					if same(got[i], float64(rounded)) {
						continue
					}
				case math.Abs(got[i]-w) <= tc.ulps*math.Abs(ulp)+0x1p-149:
					continue
				}
				t.Errorf("of %g: got %g, want %g", x.flat[i], got[i], w)
			}
		})
	}
}

// TestEmptyTensors has operations on no elements, or no elements to reduce.
func TestEmptyTensors(t *testing.T) {
	empty, some := array{[]int{0, 3}, nil}, array{[]int{2, 3}, []float32{1, 2, 3, 4, 5, 6}}
	for _, tc := range []struct {
		name  string
		graph func(x, y *Node) *Node // of x [0, 3] and y [2, 3]
		dims  []int
		want  []float64
	}{
		{"a chain", func(x, _ *Node) *Node { return Exp(Add(x, x)) }, []int{0, 3}, nil},
		{"a chain with a number", func(x, y *Node) *Node { return Tanh(Mul(x, ReduceAllSum(y))) }, []int{0, 3}, nil},
		{"a comparison", func(x, _ *Node) *Node { return GreaterThan(x, Neg(x)) }, []int{0, 3}, nil},
		{"a choice", func(x, _ *Node) *Node { return where(x, x, Neg(x)) }, []int{0, 3}, nil},
		{"a transpose", func(x, _ *Node) *Node { return Transpose(x, 0, 1) }, []int{3, 0}, nil},
		{"a reshape", func(x, _ *Node) *Node { return Reshape(x, 3, 0, 7) }, []int{3, 0, 7}, nil},
		{"joined to some", func(x, y *Node) *Node { return Concatenate([]*Node{x, y, x}, 0) }, []int{2, 3}, []float64{1, 2, 3, 4, 5, 6}},
		{"a product of nothing by some", func(x, y *Node) *Node { return Dot(x, Transpose(y, 0, 1)).Product() }, []int{0, 2}, nil},
		{"a product over no elements", func(x, _ *Node) *Node { return Dot(Transpose(x, 0, 1), x).Product() }, []int{3, 3}, make([]float64, 9)},
		{"sums over no rows", func(x, _ *Node) *Node { return ReduceSum(x, 0) }, []int{3}, make([]float64, 3)},
		{"sums of no rows", func(x, _ *Node) *Node { return ReduceSum(x, 1) }, []int{0}, nil},
		{"the sum of nothing, and one", func(x, _ *Node) *Node { return AddScalar(ReduceAllSum(x), 1) }, []int{}, []float64{1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := run(t, engine(t, ""), dtypes.Float32, func(in []*Node) []*Node { return []*Node{tc.graph(in[0], in[1])} }, empty, some)[0]
			if !slices.Equal(got.Shape().Dimensions, tc.dims) || !slices.Equal(numbers(got), tc.want) {
				t.Errorf("got %s %g, want %v %g", got.Shape(), numbers(got), tc.dims, tc.want)
			}
		})
	}
}
