package guard

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/conv"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/dot"
	"alike/internal/kernel/eltwise"
	"alike/internal/kernel/gemm"
	"alike/internal/kernel/maxpool"
	"alike/internal/kernel/norm"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/reduce"
)

// fence hands out slices of random floats that touch a page without access:
// their end, or their beginning.
type fence struct {
	t     *testing.T
	r     *rand.Rand
	atEnd bool
}

// bytes hands out so many.
func (f *fence) bytes(n int) []byte {
	f.t.Helper()
	page := unix.Getpagesize()
	inner := (n + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, inner+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := unix.Munmap(b); err != nil {
			f.t.Error(err)
		}
	})
	for _, guard := range [][]byte{b[:page], b[page+inner:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			f.t.Fatal(err)
		}
	}
	body := b[page : page+inner]
	if f.atEnd {
		body = body[inner-n:]
	}
	return body
}

func (f *fence) floats(n int) []float32 {
	if n == 0 {
		return nil
	}
	x := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(f.bytes(4*n)))), n)
	for i := range x {
		x[i] = 2*f.r.Float32() - 1
	}
	return x
}

func (f *fence) halves(n int) []bf16.T {
	if n == 0 {
		return nil
	}
	x := unsafe.Slice((*bf16.T)(unsafe.Pointer(unsafe.SliceData(f.bytes(2*n)))), n)
	for i := range x {
		x[i].SetFloat32(2*f.r.Float32() - 1)
	}
	return x
}

// TestKernelsStayInside crashes with a fault if a kernel reads or writes beyond
// its operands.
func TestKernelsStayInside(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	for _, lv := range cpu.Levels() {
		for _, atEnd := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v/end=%t", lv, atEnd), func(t *testing.T) {
				f := &fence{t, rand.New(rand.NewPCG(1, 2)), atEnd}
				for _, n := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 130} {
					f.elements(lv, n)
					f.normalisation(p, lv, n)
				}
				for _, s := range []conv.Shape{
					same(1, 1, 1, 1, 1), same(2, 5, 3, 17, 3), same(1, 4, 17, 5, 3), same(2, 7, 5, 3, 5), same(1, 6, 130, 33, 1), same(7, 16, 33, 37, 3), same(24, 8, 32, 48, 3),
				} {
					for _, stride := range []int{1, 2} {
						s.StrideH, s.StrideW, s.OutH, s.OutW = stride, stride, (s.H+stride-1)/stride, (s.W+stride-1)/stride
						x, w, y := f.floats(s.N*s.H*s.W*s.C), f.floats(s.KH*s.KW*s.C*s.O), f.floats(s.N*s.OutH*s.OutW*s.O)
						conv.Forward(p, lv, s, nil, x, w, y)
						conv.InputGrad(p, lv, s, y, w, nil, x)
						conv.InputGrad(p, lv, s, y, w, x, x)
						conv.WeightGrad(p, lv, s, nil, x, y, w)
					}
				}
				for _, d := range [][3]int{{1, 1, 1}, {5, 3, 7}, {13, 33, 17}, {50, 31, 513}} {
					for _, trans := range []bool{false, true} {
						a := gemm.Args{M: d[0], N: d[1], K: d[2], LDA: d[2], LDB: d[1], LDC: d[1], TransA: trans, TransB: trans}
						if trans {
							a.LDA, a.LDB = d[0], d[2]
						}
						a.A, a.B, a.C = f.floats(d[0]*d[2]), f.floats(d[2]*d[1]), f.floats(d[0]*d[1])
						gemm.Run(p, lv, &a)
					}
				}
				s := maxpool.Shape{N: 2, H: 5, W: 5, C: 17, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, OutH: 3, OutW: 3}
				x, y := f.floats(s.N*s.H*s.W*s.C), f.floats(s.N*s.OutH*s.OutW*s.C)
				maxpool.Forward(p, lv, s, x, y)
				maxpool.Grad(p, s, x, y, x)
				for _, d := range []int{1, 7, 8, 16, 17, 32, 33, 65, 512} {
					f.dots(lv, d)
				}
				for _, d := range [][3]int{{1, 1, 1}, {3, 5, 17}, {1, 130, 33}, {7, 19, 1}} {
					for _, op := range []reduce.Op{reduce.Sum, reduce.Max, reduce.Min} {
						reduce.Axis(p, lv, op, f.floats(d[0]*d[2]), f.floats(d[0]*d[1]*d[2]), d[0], d[1], d[2])
					}
				}
			})
		}
	}
}

// TestHalfKernelsStayInside is the same for bfloat16.
func TestHalfKernelsStayInside(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	for _, u := range cpu.BF16Units() {
		for _, atEnd := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v/end=%t", u, atEnd), func(t *testing.T) {
				f := &fence{t, rand.New(rand.NewPCG(1, 2)), atEnd}
				for _, n := range []int{1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130} {
					bf16.Widen(cpu.Detect(), f.floats(n), f.halves(n))
					bf16.Narrow(cpu.Detect(), f.halves(n), f.floats(n))
					bf16.Interleave(cpu.Detect(), f.halves(2*n), 2*n, f.halves(2*n), n, 2, n)
					bf16.TransposePairs(cpu.Detect(), f.halves(2*n*n), 2*n, f.halves(2*n*n), 2*n, n, n)
					f.normalisationHalf(p, n)
				}
				bf16.Transpose(cpu.Detect(), f.halves(64*48), 64, f.halves(64*48), 48, 64, 48)
				for _, s := range []conv.Shape{
					same(1, 1, 1, 1, 1), same(2, 5, 3, 17, 3), same(1, 4, 17, 5, 3), same(2, 7, 5, 3, 5), same(1, 6, 130, 33, 1), same(3, 16, 33, 37, 3), same(2, 16, 64, 64, 1), same(24, 8, 32, 48, 3),
				} {
					for _, stride := range []int{1, 2} {
						s.StrideH, s.StrideW, s.OutH, s.OutW = stride, stride, (s.H+stride-1)/stride, (s.W+stride-1)/stride
						x, w, y := f.halves(s.N*s.H*s.W*s.C), f.halves(s.KH*s.KW*s.C*s.O), f.halves(s.N*s.OutH*s.OutW*s.O)
						conv.ForwardHalf(p, u, cpu.Detect(), s, x, w, y)
						conv.InputGradHalf(p, u, cpu.Detect(), s, y, w, f.halves(len(x)), x)
						conv.WeightGradHalf(p, u, cpu.Detect(), s, x, y, f.floats(len(w)))
					}
				}
			})
		}
	}
}

func same(n, side, c, o, kernel int) conv.Shape {
	return conv.Shape{N: n, H: side, W: side, C: c, KH: kernel, KW: kernel, O: o, StrideH: 1, StrideW: 1, PadTop: kernel / 2, PadLeft: kernel / 2, OutH: side, OutW: side}
}

// dots sums products with the first and the last row of a bank, whose ends touch the fence.
func (f *fence) dots(lv cpu.Level, d int) {
	const n = 5
	rows := []uint32{0, n - 1, 2, n - 1, 0}
	dot.Floats(lv, f.floats(len(rows)), f.floats(d), f.floats(n*d), rows)
	bank, query := f.bytes(n*d), f.bytes(2*d)
	ints := unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(bank))), n*d)
	words := unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(query))), d)
	dot.Ints(lv, make([]int32, len(rows)), words, ints, rows)
}

func (f *fence) elements(lv cpu.Level, n int) {
	x, y, z, dst := f.floats(n), f.floats(n), f.floats(n), f.floats(n)
	for op := eltwise.Add; op <= eltwise.Atan2; op++ {
		eltwise.Binary(lv, op, dst, x, y)
		eltwise.Binary(lv, op, dst, x, y[:1])
	}
	for op := eltwise.Neg; op <= eltwise.Erf; op++ {
		eltwise.Unary(lv, op, dst, x)
	}
	eltwise.Select(lv, dst, x, y, z)
	eltwise.MulAdd(lv, dst, x, y, z)
}

func (f *fence) normalisation(p *pool.Pool, lv cpu.Level, channels int) {
	const rows = 37
	x, y, dy, dx, residual := f.floats(rows*channels), f.floats(rows*channels), f.floats(rows*channels), f.floats(rows*channels), f.floats(rows*channels)
	mean, variance, scale, offset := f.floats(channels), f.floats(channels), f.floats(channels), f.floats(channels)
	var s norm.Scratch
	norm.Stats(p, lv, &s, x, mean, variance)
	norm.Normalize(p, lv, &s, &norm.Forward[float32]{X: x, Y: y, Mean: mean, Variance: variance, Scale: scale, Offset: offset, Epsilon: 1e-5, Residual: residual, ReLU: true})
	b := &norm.Backward[float32]{X: x, DY: dy, Y: y, Mean: mean, Variance: variance, Scale: scale, Epsilon: 1e-5, DScale: f.floats(channels), DOffset: f.floats(channels), DX: dx, DResidual: residual}
	norm.GradSums(p, lv, &s, b)
	norm.GradInput(p, lv, &s, b)
	b.Y, b.DResidual, b.Offset = nil, nil, offset
	norm.GradSums(p, lv, &s, b)
	norm.GradInput(p, lv, &s, b)
}

func (f *fence) normalisationHalf(p *pool.Pool, channels int) {
	const rows = 37
	x, y, dy, dx, residual := f.halves(rows*channels), f.halves(rows*channels), f.halves(rows*channels), f.halves(rows*channels), f.halves(rows*channels)
	mean, variance, scale, offset := f.floats(channels), f.floats(channels), f.floats(channels), f.floats(channels)
	var s norm.Scratch
	norm.Stats(p, cpu.Detect(), &s, x, mean, variance)
	norm.Normalize(p, cpu.Detect(), &s, &norm.Forward[bf16.T]{X: x, Y: y, Mean: mean, Variance: variance, Scale: scale, Offset: offset, Epsilon: 1e-5, Residual: residual, ReLU: true})
	b := &norm.Backward[bf16.T]{X: x, DY: dy, Y: y, Mean: mean, Variance: variance, Scale: scale, Epsilon: 1e-5, DScale: f.floats(channels), DOffset: f.floats(channels), DX: dx, DResidual: residual}
	norm.GradSums(p, cpu.Detect(), &s, b)
	norm.GradInput(p, cpu.Detect(), &s, b)
	b.Y, b.DResidual, b.Offset = nil, nil, offset
	norm.GradSums(p, cpu.Detect(), &s, b)
	norm.GradInput(p, cpu.Detect(), &s, b)
}
