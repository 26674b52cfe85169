package norm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

const (
	epsilon = 1e-5
	u       = 0x1p-24 // largest relative error of one rounding
)

// guard is a NaN with a payload of its own: reading it poisons a sum, writing over
// it shows.
var guard = math.Float32frombits(0x7fc0beef)

// guarded returns n elements with guards around, offset elements into an array,
// and the whole array.
func guarded(n, offset int) (inner, all []float32) {
	const width = 64
	all = make([]float32, offset+width+n+width)
	for i := range all {
		all[i] = guard
	}
	return all[offset+width : offset+width+n : offset+width+n], all
}

// intact reports whether all holds as many guards as it had around n elements.
func intact(all []float32, n int) bool {
	for _, v := range all {
		if math.Float32bits(v) == math.Float32bits(guard) {
			n++
		}
	}
	return n == len(all)
}

// draw returns n normal values between guards.
func draw(r *rand.Rand, n int) []float32 {
	x, _ := guarded(n, r.IntN(16))
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// input returns x [rows, cols] whose first column has mean 1000 and deviation 1,
// and whose last one is constant.
func input(r *rand.Rand, rows, cols int) []float32 {
	x := draw(r, rows*cols)
	for i := range x {
		switch c := i % cols; {
		case c == 0:
			x[i] += 1000
		case c == cols-1:
			x[i] = 0.3
		default:
			x[i] = x[i]*float32(c%7+1) + float32(c%5)
		}
	}
	return x
}

// near fails unless got[i] is within tol[i] of want[i].
func near(t *testing.T, name string, got []float32, want, tol []float64) {
	t.Helper()
	for i := range want {
		if g := float64(got[i]); !(math.Abs(g-want[i]) <= tol[i]) {
			t.Fatalf("%s[%d] = %g, want %g ± %g", name, i, g, want[i], tol[i])
		}
	}
}

// identical fails unless got and want have the same bits.
func identical(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s[%d] = %g, the generic kernel gives %g", name, i, got[i], want[i])
		}
	}
}

// shapes calls f for every number of columns that training meets, odd ones, and
// rows around the ends of blocks and tasks.
func shapes(f func(rows, cols int)) {
	for _, cols := range []int{1, 2, 3, 10, 16, 17, 32, 48, 63, 64, 65, 128, 256, 512, 1001} {
		for _, rows := range []int{1, 2, 5, 63, 64, 65, 200} {
			f(rows, cols)
		}
	}
	f(3*taskSize/16+77, 16)
	f(2*taskSize/64+64, 64)
	f(taskSize+1, 1)
}

func TestStats(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	var s Scratch
	shapes(func(rows, cols int) {
		x := input(rand.New(rand.NewPCG(1, uint64(rows*cols))), rows, cols)
		wantMean, wantVar := make([]float64, cols), make([]float64, cols)
		tolMean, tolVar := make([]float64, cols), make([]float64, cols)
		for i, v := range x {
			wantMean[i%cols] += float64(v) / float64(rows)
		}
		for i, v := range x {
			d := float64(v) - wantMean[i%cols]
			wantVar[i%cols] += d * d / float64(rows)
		}
		// A block's sum of d = x-K passes each element through at most blockRows+1
		// roundings. K is the mean of rows of the column, so E|x-K|² < 2 var with room.
		for c := range wantVar {
			tolVar[c] = (blockRows+4)*u*3*wantVar[c] + 1e-24 // the twin's own error
			tolMean[c] = 2*u*math.Abs(wantMean[c]) + (blockRows+4)*u*2*math.Sqrt(wantVar[c])
		}
		var first [2][]float32
		for _, lv := range cpu.Levels() {
			mean, variance := make([]float32, cols), make([]float32, cols)
			Stats(p, lv, &s, x, mean, variance)
			near(t, lv.String()+" mean", mean, wantMean, tolMean)
			near(t, lv.String()+" variance", variance, wantVar, tolVar)
			if lv == cpu.Generic {
				first = [2][]float32{mean, variance}
			}
			identical(t, lv.String()+" mean", mean, first[0])
			identical(t, lv.String()+" variance", variance, first[1])
		}
	})
}

// parameters returns statistics and an affine map such as training has.
func parameters(r *rand.Rand, cols int) (mean, variance, scale, offset []float32) {
	mean, variance, scale, offset = draw(r, cols), draw(r, cols), draw(r, cols), draw(r, cols)
	mean[0] += 1000
	for c := range variance {
		variance[c] *= variance[c]
	}
	return mean, variance, scale, offset
}

func TestNormalize(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	var s Scratch
	shapes(func(rows, cols int) {
		r := rand.New(rand.NewPCG(2, uint64(rows*cols)))
		f := Forward[float32]{X: input(r, rows, cols), Epsilon: epsilon}
		f.Mean, f.Variance, f.Scale, f.Offset = parameters(r, cols)
		residual := draw(r, rows*cols)
		for option := range 4 {
			f.Residual, f.ReLU = nil, option&2 != 0
			if option&1 != 0 {
				f.Residual = residual
			}
			want, tol := make([]float64, rows*cols), make([]float64, rows*cols)
			for i, x := range f.X {
				c := i % cols
				scaled := (float64(x) - float64(f.Mean[c])) / math.Sqrt(float64(f.Variance[c])+float64(f.Epsilon)) * float64(f.Scale[c])
				want[i] = scaled + float64(f.Offset[c])
				tol[i] = 4 * u * (math.Abs(scaled) + math.Abs(float64(f.Offset[c])))
				if f.Residual != nil {
					want[i] += float64(f.Residual[i])
					tol[i] += 2 * u * math.Abs(want[i])
				}
				if f.ReLU {
					want[i] = max(0, want[i])
				}
			}
			var first []float32
			for _, lv := range cpu.Levels() {
				y, all := guarded(rows*cols, r.IntN(16))
				f.Y = y
				Normalize(p, lv, &s, &f)
				near(t, lv.String()+" y", y, want, tol)
				if first == nil {
					first = y
				}
				identical(t, lv.String()+" y", y, first)
				if !intact(all, len(y)) {
					t.Fatalf("%s: [%d %d]: wrote past the end", lv, rows, cols)
				}
			}
		}
	})
}

func TestGradient(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	var s Scratch
	shapes(func(rows, cols int) {
		r := rand.New(rand.NewPCG(3, uint64(rows*cols)))
		n := rows * cols
		b := Backward[float32]{X: input(r, rows, cols), DY: draw(r, n), Epsilon: epsilon}
		var offset []float32
		b.Mean, b.Variance, b.Scale, offset = parameters(r, cols)
		y := draw(r, n)
		for option := range 4 {
			b.Y, b.Offset, b.DResidual = nil, nil, nil
			switch option {
			case 1, 2:
				b.Y = y
			case 3: // what Normalize writes decides
				b.Offset = offset
				y := make([]float32, n)
				Normalize(p, cpu.Generic, &s, &Forward[float32]{X: b.X, Y: y, Mean: b.Mean, Variance: b.Variance, Scale: b.Scale, Offset: offset, Epsilon: epsilon, ReLU: true})
				b.Y = y
			}
			want := naiveGradient(&b)
			if option == 3 {
				b.Y = nil
			}
			var first Backward[float32]
			for _, lv := range cpu.Levels() {
				var guards [2][]float32
				b.DScale, b.DOffset = make([]float32, cols), make([]float32, cols)
				b.DX, guards[0] = guarded(n, r.IntN(16))
				if option == 2 {
					b.DResidual, guards[1] = guarded(n, r.IntN(16))
				}
				GradSums(p, lv, &s, &b)
				near(t, lv.String()+" dOffset", b.DOffset, want.dOffset, want.tolOffset)
				near(t, lv.String()+" dScale", b.DScale, want.dScale, want.tolScale)
				GradInput(p, lv, &s, &b)
				dx, tolX := want.dx(&b)
				near(t, lv.String()+" dx", b.DX, dx, tolX)
				if b.DResidual != nil {
					near(t, lv.String()+" dResidual", b.DResidual, want.g, make([]float64, n))
				}
				if lv == cpu.Generic {
					first = b
				}
				identical(t, lv.String()+" dOffset", b.DOffset, first.DOffset)
				identical(t, lv.String()+" dScale", b.DScale, first.DScale)
				identical(t, lv.String()+" dx", b.DX, first.DX)
				if !intact(guards[0], n) || option == 2 && !intact(guards[1], n) {
					t.Fatalf("%s: [%d %d]: wrote past the end", lv, rows, cols)
				}
			}
		}
	})
}

// A gradient is what Backward is documented to be, in float64.
type gradient struct {
	g, dOffset, dScale  []float64
	tolOffset, tolScale []float64
}

func naiveGradient(b *Backward[float32]) gradient {
	cols := len(b.Scale)
	sums := func() []float64 { return make([]float64, cols) }
	w := gradient{make([]float64, len(b.X)), sums(), sums(), sums(), sums()}
	for i := range b.X {
		c := i % cols
		if b.Y == nil || b.Y[i] > 0 {
			w.g[i] = float64(b.DY[i])
		}
		gx := w.g[i] * xhat(b, i)
		w.dOffset[c] += w.g[i]
		w.dScale[c] += gx
		w.tolOffset[c] += (blockRows + 4) * u * math.Abs(w.g[i])
		w.tolScale[c] += (blockRows + 6) * u * math.Abs(gx)
	}
	return w
}

// dx uses the sums in b, which have been checked, rather than its own.
func (w gradient) dx(b *Backward[float32]) (dx, tol []float64) {
	cols := len(b.Scale)
	rows := float64(len(b.X) / cols)
	dx, tol = make([]float64, len(b.X)), make([]float64, len(b.X))
	for i := range b.X {
		c := i % cols
		a := float64(b.Scale[c]) / math.Sqrt(float64(b.Variance[c])+float64(b.Epsilon))
		p, q, r := a*w.g[i], -a*float64(b.DOffset[c])/rows, -a*xhat(b, i)*float64(b.DScale[c])/rows
		dx[i] = p + q + r
		tol[i] = 6 * u * (math.Abs(p) + math.Abs(q) + math.Abs(r))
	}
	return dx, tol
}

func xhat(b *Backward[float32], i int) float64 {
	c := i % len(b.Scale)
	return (float64(b.X[i]) - float64(b.Mean[c])) / math.Sqrt(float64(b.Variance[c])+float64(b.Epsilon))
}

// TestLargeTensors is about tensors that are written past the caches. Every other
// one is not aligned, so it cannot be.
func TestLargeTensors(t *testing.T) {
	const rows, cols = 1<<22/48 + 1, 48
	p := pool.New(2)
	defer p.Close()
	var s Scratch
	r := rand.New(rand.NewPCG(6, 6))
	x, dy, y := input(r, rows, cols), draw(r, rows*cols), draw(r, rows*cols)
	f := Forward[float32]{X: x, Epsilon: epsilon}
	f.Mean, f.Variance, f.Scale, f.Offset = parameters(r, cols)
	b := Backward[float32]{X: x, DY: dy, Mean: f.Mean, Variance: f.Variance, Scale: f.Scale, Epsilon: epsilon, DScale: f.Offset, DOffset: f.Scale}
	var first [3][]float32
	for offset, lv := range slices.Concat(cpu.Levels(), cpu.Levels()) {
		var outs, guards [3][]float32
		for i := range outs {
			outs[i], guards[i] = guarded(rows*cols, offset/len(cpu.Levels()))
		}
		f.Y, b.DX, b.DResidual = outs[0], outs[1], outs[2]
		f.Residual, f.ReLU, b.Y = dy, true, y
		Normalize(p, lv, &s, &f)
		GradInput(p, lv, &s, &b)
		if offset == 0 {
			first = outs
		}
		for i := range outs {
			identical(t, lv.String(), outs[i], first[i])
			if !intact(guards[i], rows*cols) {
				t.Fatalf("%s: wrote past the end", lv)
			}
		}
	}
}

// TestVarianceFarFromZero is where E[x²] - E[x]² would lose every digit.
func TestVarianceFarFromZero(t *testing.T) {
	p := pool.New(1)
	defer p.Close()
	var s Scratch
	r := rand.New(rand.NewPCG(4, 4))
	x := make([]float32, 1<<17)
	var sum, sum2 float64
	for i := range x {
		x[i] = float32(1000 + r.NormFloat64())
		sum += float64(x[i])
	}
	for _, v := range x {
		d := float64(v) - sum/float64(len(x))
		sum2 += d * d
	}
	want := sum2 / float64(len(x))
	for _, lv := range cpu.Levels() {
		var mean, variance [1]float32
		Stats(p, lv, &s, x, mean[:], variance[:])
		if got := float64(variance[0]); !(math.Abs(got-want) <= 1e-6*want) {
			t.Errorf("%s: variance %g, want %g", lv, got, want)
		}
	}
}

func TestNaNStaysNaN(t *testing.T) {
	p := pool.New(1)
	defer p.Close()
	var s Scratch
	nan := float32(math.NaN())
	one := make([]float32, 64)
	for i := range one {
		one[i] = 1
	}
	x := make([]float32, 3*64+64)
	x[70] = nan
	for _, lv := range cpu.Levels() {
		mean, variance := make([]float32, 64), make([]float32, 64)
		Stats(p, lv, &s, x, mean, variance)
		f := Forward[float32]{X: x, Y: make([]float32, len(x)), Mean: one, Variance: one, Scale: one, Offset: one, Epsilon: epsilon, ReLU: true}
		Normalize(p, lv, &s, &f)
		if mean[6] == mean[6] || variance[6] == variance[6] || f.Y[70] == f.Y[70] {
			t.Errorf("%s: NaN became mean %g, variance %g, y %g", lv, mean[6], variance[6], f.Y[70])
		}
	}
}

func TestWorkersDoNotChangeTheBits(t *testing.T) {
	const rows, cols = 9001, 48
	r := rand.New(rand.NewPCG(5, 5))
	x, dy := input(r, rows, cols), draw(r, rows*cols)
	var first [5][]float32
	for _, workers := range []int{1, 2, 5} {
		p := pool.New(workers)
		var s Scratch
		mean, variance, scale, _ := parameters(r, cols)
		Stats(p, cpu.Detect(), &s, x, mean, variance)
		copy(scale, mean)
		b := Backward[float32]{X: x, DY: dy, Mean: mean, Variance: variance, Scale: scale, Epsilon: epsilon,
			DScale: make([]float32, cols), DOffset: make([]float32, cols), DX: make([]float32, rows*cols)}
		GradSums(p, cpu.Detect(), &s, &b)
		GradInput(p, cpu.Detect(), &s, &b)
		p.Close()
		all := [5][]float32{mean, variance, b.DScale, b.DOffset, b.DX}
		if workers == 1 {
			first = all
		}
		for i := range all {
			identical(t, "result", all[i], first[i])
		}
	}
}
