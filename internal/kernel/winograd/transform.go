package winograd

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/fma"
)

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg winograd

// A transform of F(4x4, 3x3) (Lavin and Gray 2016, interpolation at 0, ±1, ±2 and ∞)
// takes in by in elements to out by out: line is applied to each column and then
// to each row. With the matrices of the paper,
//
//	output tile 4x4 = Aᵀ [ (G g Gᵀ) ∘ (Bᵀ d B) ] A    for a 6x6 tile d and a 3x3 kernel g
type transform struct {
	kind    kind
	in, out int
	line    func(y, x *[6]float32)
	add     bool // to what is there
}

type kind int

const (
	inputKind kind = iota
	outputKind
	outputAddKind
	outputGradKind
	weightsKind
	weightsGradKind
)

var (
	input       = transform{inputKind, 6, 6, inputLine, false}             // Bᵀ d B
	output      = transform{outputKind, 6, 4, outputLine, false}           // Aᵀ m A
	outputAdd   = transform{outputAddKind, 6, 4, outputLine, true}         // y + Aᵀ m A
	outputGrad  = transform{outputGradKind, 4, 6, outputGradLine, false}   // A dy Aᵀ
	weights     = transform{weightsKind, 3, 6, weightsLine, false}         // G g Gᵀ
	weightsGrad = transform{weightsGradKind, 6, 3, weightsGradLine, false} // Gᵀ s G
)

// grid is a block of elements with channels next to each other: element (i, j)
// of channel c is at from + i row + j col + c. Distances may be negative.
type grid struct {
	x              []float32
	from, row, col int
}

// run transforms the blocks of some channels.
func (t *transform) run(lv cpu.Level, dst, src grid, channels int) {
	_ = src.x[min(0, (t.in-1)*src.row)+min(0, (t.in-1)*src.col)+src.from]
	_ = src.x[max(0, (t.in-1)*src.row)+max(0, (t.in-1)*src.col)+src.from+channels-1]
	_ = dst.x[min(0, (t.out-1)*dst.row)+min(0, (t.out-1)*dst.col)+dst.from]
	_ = dst.x[max(0, (t.out-1)*dst.row)+max(0, (t.out-1)*dst.col)+dst.from+channels-1]
	for c := t.vector(lv, dst, src, channels); c < channels; c++ {
		t.generic(dst, src, c)
	}
}

// generic transforms the block of one channel.
func (t *transform) generic(dst, src grid, c int) {
	var columns [6][6]float32 // [j][i]: column j
	var x, y [6]float32
	for j := range t.in {
		for i := range t.in {
			x[i] = src.x[src.from+i*src.row+j*src.col+c]
		}
		t.line(&columns[j], &x)
	}
	for i := range t.out {
		for j := range t.in {
			x[j] = columns[j][i]
		}
		t.line(&y, &x)
		for j := range t.out {
			to := &dst.x[dst.from+i*dst.row+j*dst.col+c]
			if t.add {
				*to += y[j]
			} else {
				*to = y[j]
			}
		}
	}
}

func inputLine(y, x *[6]float32) {
	a, b := fma.Float32(-4, x[2], x[4]), fma.Float32(-4, x[1], x[3])
	c, d := x[4]-x[2], x[3]-x[1]
	y[0] = fma.Float32(4, x[0], fma.Float32(-5, x[2], x[4]))
	y[1], y[2] = a+b, a-b
	y[3], y[4] = fma.Float32(2, d, c), fma.Float32(-2, d, c)
	y[5] = fma.Float32(4, x[1], fma.Float32(-5, x[3], x[5]))
}

func outputLine(y, x *[6]float32) {
	a, b := x[1]+x[2], x[1]-x[2]
	c, d := x[3]+x[4], x[3]-x[4]
	y[0] = (x[0] + a) + c
	y[1] = fma.Float32(2, d, b)
	y[2] = fma.Float32(4, c, a)
	y[3] = fma.Float32(8, d, b) + x[5]
}

func outputGradLine(y, x *[6]float32) {
	a, b := x[0]+x[2], x[1]+x[3]
	c, d := fma.Float32(4, x[2], x[0]), fma.Float32(4, x[3], x[1])
	y[0], y[5] = x[0], x[3]
	y[1], y[2] = a+b, a-b
	y[3], y[4] = fma.Float32(2, d, c), fma.Float32(-2, d, c)
}

func weightsLine(y, x *[6]float32) {
	a := float32(-1./6) * (x[0] + x[2])
	b := float32(1./6) * x[1]
	c := fma.Float32(1./6, x[2], float32(1./24)*x[0])
	d := float32(1./12) * x[1]
	y[0], y[5] = float32(1./4)*x[0], x[2]
	y[1], y[2] = a-b, a+b
	y[3], y[4] = c+d, c-d
}

func weightsGradLine(y, x *[6]float32) {
	a, b := x[1]+x[2], x[2]-x[1]
	c, d := x[3]+x[4], x[3]-x[4]
	y[0] = fma.Float32(1./24, c, fma.Float32(-1./6, a, float32(1./4)*x[0]))
	y[1] = fma.Float32(1./12, d, float32(1./6)*b)
	y[2] = fma.Float32(1./6, c, float32(-1./6)*a) + x[5]
}
