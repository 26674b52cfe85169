package tile

import (
	"math/rand/v2"
	"testing"

	"alike/internal/kernel/cpu"
)

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*r.Float32() - 1
	}
	return x
}

func TestProductsAgreeToTheBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, lv := range cpu.Levels() {
		for _, channels := range []int{16, 32} {
			width, groups := Width(lv, channels)
			for _, s := range []struct{ rows, run int }{{1, 1}, {1, 7}, {3, 12}, {7, 5}, {3, 96}} {
				d := Dot{Width: width, Groups: groups, Rows: s.rows, Run: s.run, Pixel: 3, Row: s.run + 2, YPixel: width + 5}
				d.X = random(r, groups*20+3*d.Pixel+s.rows*d.Row)
				d.W = random(r, s.rows*s.run*width)
				size := groups * 4 * d.YPixel
				for g := range groups {
					d.At[g], d.To[g] = 20*g, g*4*d.YPixel
				}
				got, want := make([]float32, size), make([]float32, size)
				d.Y = want
				d.generic()
				d.Y = got
				d.Do(lv)
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("%v, %d channels, %d rows of %d: element %d is %g, generic %g", lv, channels, s.rows, s.run, i, got[i], want[i])
					}
				}
			}
		}
	}
}

func TestOuterProductsAgreeToTheBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, lv := range cpu.Levels() {
		for _, channels := range []int{16, 32} {
			width, _ := Width(lv, channels)
			for _, n := range []int{4, 8} {
				for _, s := range []struct{ rows, columns int }{{1, 1}, {1, 9}, {4, 3}} {
					q := Outer{N: n, Width: width, Rows: s.rows, Columns: s.columns, Pixel: 11, Row: 11*s.columns + 6, DYPixel: width + 3, DWRow: width + 1}
					q.X = random(r, s.rows*q.Row+n)
					q.DY = random(r, s.rows*s.columns*q.DYPixel)
					start := random(r, n*q.DWRow)
					want, got := append([]float32(nil), start...), append([]float32(nil), start...)
					q.DW = want
					q.generic()
					q.DW = got
					q.Do(lv)
					for i := range want {
						if got[i] != want[i] {
							t.Fatalf("%v, %dx%d, %d rows of %d: element %d is %g, generic %g", lv, n, width, s.rows, s.columns, i, got[i], want[i])
						}
					}
				}
			}
		}
	}
}
