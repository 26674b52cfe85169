package loss

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/internal/nn"
)

// unit returns rows of length 1; a row of zeros stays zero.
func unit(z *Node) *Node { return nn.Unit(z) }

// similarity returns s [M, M] with s_ij = u_i . u_j, symmetric.
func similarity(u *Node) *Node { return products(u, u) }

// products returns [M, C] with u_i . v_j.
func products(u, v *Node) *Node { return MatMul(u, Transpose(v, 0, 1)) }

// root returns the square root of x, which cannot be negative but for
// rounding. Below what rounding of numbers around 1 leaves it is 0 and has no
// gradient, which would be infinite.
func root(x *Node) *Node {
	tiny := 5e-7
	if x.DType() == dtypes.Float64 {
		tiny = 1e-15
	}
	g, positive := x.Graph(), GreaterThan(x, Scalar(x.Graph(), x.DType(), tiny))
	one := Scalar(g, x.DType(), 1)
	return Where(positive, Sqrt(Where(positive, x, one)), ScalarZero(g, x.DType()))
}

// logSumExp returns [M] with ln Σ_j exp(a_ij) over the candidates of row i,
// stable for any a. Others are left out of both value and gradient. A row
// without a candidate gives 0.
func logSumExp(a, candidates *Node) *Node {
	g, some := a.Graph(), LogicalAny(candidates, -1) // [M]
	a = Where(candidates, a, Infinity(g, a.DType(), -1))
	top := StopGradient(Where(some, ReduceMax(a, -1), ScalarZero(g, a.DType())))
	sum := ReduceSum(Exp(Sub(a, ExpandDims(top, -1))), -1)
	return Add(top, Log(Where(some, sum, ScalarOne(g, a.DType()))))
}

// logOnePlusSumExp returns [M] with ln(1 + Σ_j exp(a_ij)) over the candidates
// of row i, stable for any a; 0 without a candidate.
func logOnePlusSumExp(a, candidates *Node) *Node {
	a = Where(candidates, a, Infinity(a.Graph(), a.DType(), -1))
	top := StopGradient(MaxScalar(ReduceMax(a, -1), 0.0)) // [M]
	sum := ReduceSum(Exp(Sub(a, ExpandDims(top, -1))), -1)
	return Add(top, Log(Add(Exp(Neg(top)), sum)))
}

// softplus returns ln(1 + exp(t)) = -ln σ(-t), stable for any t, with the
// gradient σ(t).
func softplus(t *Node) *Node {
	zero := ScalarZero(t.Graph(), t.DType())
	positive := GreaterThan(t, zero)
	return Add(Where(positive, t, zero), Log1p(Exp(Where(positive, Neg(t), t))))
}

// matching returns [M, M] with ln(1 + Σ_{n∈N(a)} exp(s_an - s_ai)), the cross
// entropy of anchor a finding i among its negatives; 0 without a negative.
func matching(s, negative *Node) *Node {
	l := softplus(Sub(ExpandDims(logSumExp(s, negative), -1), s))
	return whereOr0(LogicalAny(negative, -1), l)
}

// mistaken returns [M, M] with -ln(1 - P_ij), P_i the softmax of row i over its
// candidates; only entries of candidates mean something, and a candidate
// without another has no finite value but 0. 1 - P is never a subtraction
// where P is near 1: only the largest P of a row can be above 1/2, and its
// 1 - P is the share of the rest. Time and memory O(M²).
func mistaken(a, candidates *Node) *Node {
	total := logSumExp(a, candidates)
	first := pick(a, candidates)
	small := LogicalAnd(candidates, LogicalNot(first))
	rest := logSumExp(a, small)
	share := Exp(Where(small, Sub(a, ExpandDims(total, -1)), Infinity(a.Graph(), a.DType(), -1)))
	return Where(first, BroadcastToShape(ExpandDims(Sub(total, rest), -1), a.Shape()), Neg(Log1p(Neg(share))))
}

// pick returns [M, M] bool with the largest candidate of each row, the first
// if they tie, and none where there is none.
func pick(a, candidates *Node) *Node {
	a = Where(candidates, StopGradient(a), Infinity(a.Graph(), a.DType(), -1))
	columns := Iota(a.Graph(), shapes.Make(dtypes.Int32, a.Shape().Dimensions...), 1)
	return LogicalAnd(candidates, Equal(columns, ExpandDims(ArgMax(a, -1), -1)))
}

// picked returns [M] with the sum of the entries of each row that mask holds.
func picked(mask, a *Node) *Node { return ReduceSum(whereOr0(mask, a), -1) }

// whereOr0 returns the entries of x that mask holds, and 0 elsewhere.
func whereOr0(mask, x *Node) *Node { return Where(mask, x, ScalarZero(x.Graph(), x.DType())) }

// meanWhere returns Σ w x / Σ w over the entries of x that mask holds: pairs
// [M, M] or anchors [M]. weight [M], of the anchors, may be nil for w = 1.
// Without an entry it is 0.
func meanWhere(mask, x, weight *Node) *Node {
	sum, total := sumWhere(mask, x, weight)
	return ratio(sum, total)
}

// sumWhere returns Σ w x and Σ w over the entries that mask holds.
func sumWhere(mask, x, weight *Node) (sum, total *Node) {
	w := ConvertDType(mask, x.DType())
	if weight != nil {
		weight = ConvertDType(weight, x.DType())
		if x.Rank() == 2 {
			weight = ExpandDims(weight, -1)
		}
		w = Mul(w, weight)
	}
	return ReduceAllSum(Mul(w, x)), ReduceAllSum(w)
}

// ratio returns x / n, and 0 where n = 0.
func ratio(x, n *Node) *Node {
	zero := ZerosLike(n)
	some := GreaterThan(n, zero)
	return whereOr0(some, Div(x, Where(some, n, OnesLike(n))))
}

// count returns [M]: how many entries of each row mask holds.
func count(mask *Node, dtype dtypes.DType) *Node { return ReduceSum(ConvertDType(mask, dtype), -1) }

// meanOfRow returns [M] with the mean of the entries of each row of x [M, M]
// that mask holds, or 0.
func meanOfRow(mask, x *Node) *Node {
	return Div(picked(mask, x), MaxScalar(count(mask, x.DType()), 1.0))
}
