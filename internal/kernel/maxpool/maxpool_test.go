package maxpool

import (
	"math"
	"math/rand/v2"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// twin computes y and dx as they are defined.
func (s Shape) twin(x, dy []float32) (y, dx []float64) {
	y, dx = make([]float64, len(dy)), make([]float64, len(x))
	for i := range y {
		c, q, r, n := i%s.C, i/s.C%s.OutW, i/s.C/s.OutW%s.OutH, i/s.C/s.OutW/s.OutH
		best, where := math.Inf(-1), -1
		for h := range s.H {
			for w := range s.W {
				i, j := h-(r*s.StrideH-s.PadTop), w-(q*s.StrideW-s.PadLeft)
				at := ((n*s.H+h)*s.W+w)*s.C + c
				if v := float64(x[at]); i >= 0 && i < s.KH && j >= 0 && j < s.KW && (where < 0 || v > best) {
					best, where = v, at
				}
			}
		}
		if y[i] = best; where >= 0 {
			dx[where] += float64(dy[i])
		}
	}
	return y, dx
}

func TestAgainstTwin(t *testing.T) {
	for name, s := range map[string]Shape{
		"ResNet's stem":         {N: 3, H: 12, W: 10, C: 20, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, OutH: 6, OutW: 5},
		"TensorFlow's SAME":     {N: 2, H: 8, W: 8, C: 5, KH: 3, KW: 3, StrideH: 2, StrideW: 2, OutH: 4, OutW: 4},
		"stride 1":              {N: 1, H: 5, W: 6, C: 3, KH: 2, KW: 3, StrideH: 1, StrideW: 1, OutH: 4, OutW: 4},
		"a window beside":       {N: 1, H: 2, W: 2, C: 2, KH: 1, KW: 1, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, OutH: 2, OutW: 2},
		"windows without pixel": {N: 1, H: 1, W: 1, C: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1, PadTop: 2, PadLeft: 2, OutH: 5, OutW: 5},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			x, dy := make([]float32, s.N*s.H*s.W*s.C), make([]float32, s.N*s.OutH*s.OutW*s.C)
			for i := range x {
				x[i] = float32(r.IntN(9)) // with equal ones
			}
			for i := range dy {
				dy[i] = float32(r.IntN(100))
			}
			y, dx := s.twin(x, dy)
			for _, workers := range []int{1, 3} {
				p := pool.New(workers)
				defer p.Close()
				for _, lv := range cpu.Levels() {
					got := make([]float32, len(y))
					Forward(p, lv, s, x, got)
					for i, v := range y {
						if float64(got[i]) != v {
							t.Fatalf("%s: y[%d] is %g, want %g", lv, i, got[i], v)
						}
					}
				}
				got := make([]float32, len(dx))
				got[0] = 1e9 // to be overwritten
				Grad(p, s, x, dy, got)
				for i, v := range dx {
					if float64(got[i]) != v {
						t.Fatalf("dx[%d] is %g, want %g", i, got[i], v)
					}
				}
			}
		})
	}
}

func TestNaN(t *testing.T) {
	nan := float32(math.NaN())
	p := pool.New(1)
	s := Shape{N: 1, H: 1, W: 3, C: 1, KH: 1, KW: 3, StrideH: 1, StrideW: 1, OutH: 1, OutW: 1}
	y, dx := make([]float32, 1), make([]float32, 3)
	Forward(p, cpu.Detect(), s, []float32{1, nan, 2}, y)
	Grad(p, s, []float32{nan, nan, 2}, []float32{7}, dx)
	if y[0] == y[0] || dx[0] != 0 || dx[1]+dx[2] != 7 {
		t.Errorf("y is %g, dx %g", y, dx)
	}
}
