package reduce

import (
	"math"

	"alike/internal/kernel/fma"
)

// identity is the value that changes no reduction.
var identity = [numOps]float32{Max: float32(math.Inf(-1)), Min: float32(math.Inf(1))}

// padding is lanes copies of identity.
var padding = func() (p [numOps][lanes]float32) {
	for op := range p {
		for i := range p[op] {
			p[op][i] = identity[op]
		}
	}
	return p
}()

// start turns an element into a lane.
func start(op Op, x float32) float32 {
	if op == SumSquares {
		return x * x
	}
	return x
}

// accumulate adds the element x to a lane.
func accumulate(op Op, acc, x float32) float32 {
	if op == SumSquares {
		return fma.Float32(x, x, acc)
	}
	return fold(op, acc, x)
}

// fold joins two lanes.
func fold(op Op, a, b float32) float32 {
	switch op {
	case Max:
		if a > b || a != a {
			return a
		}
		return b
	case Min:
		if a < b || a != a {
			return a
		}
		return b
	}
	return a + b
}

// combine joins what two blocks gave.
func combine(op Op, a, b float64) float64 {
	switch op {
	case Max:
		return max(a, b)
	case Min:
		return min(a, b)
	}
	return a + b
}

// join combines the blocks of x in order.
func join(op Op, x []float64) float64 {
	acc := float64(identity[op])
	for _, v := range x {
		acc = combine(op, acc, v)
	}
	return acc
}
