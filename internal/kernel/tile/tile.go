// Package tile is the innermost loops of convolutions and matrix products: a
// tile of the result is held in registers while the sum runs.
//
// Each element is one chain of fused multiply-adds in the order of the sum, so
// all variants (generic, AVX2, AVX-512) give the same bits.
package tile

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg tile

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/fma"
)

// MaxGroups is the most groups of four pixels that a product computes at once.
const MaxGroups = 6

// Width is the number of channels of a product's tile, and Groups the number
// of groups of four pixels, for a result of that many channels.
func Width(lv cpu.Level, channels int) (width, groups int) {
	switch {
	case lv == cpu.AVX512 && (channels+15)/16%2 == 0:
		return 32, 3
	case lv == cpu.AVX512 && channels > 64: // a few channels more beat narrow tiles
		return 32, 3
	case lv == cpu.AVX512:
		return 16, 6
	default:
		return 8, 3
	}
}

// Dot is a product: for each group g, each of its pixels p < 4 and each channel
// o < Width,
//
//	Y[To[g] + p YPixel + o] = Σ_{r < Rows, k < Run} X[At[g] + p Pixel + r Row + k] W[(r Run + k) Width + o]
//
// Rows and Run are at least 1. Everything that is read and written must lie
// within the slices.
type Dot struct {
	Width, Groups int
	Rows, Run     int
	X             []float32
	At            [MaxGroups]int
	Pixel, Row    int
	W             []float32
	Y             []float32
	To            [MaxGroups]int
	YPixel        int
}

// Do computes the product.
func (d *Dot) Do(lv cpu.Level) {
	for g := range d.Groups { // what vector kernels cannot check
		_ = d.X[d.At[g]+3*d.Pixel+(d.Rows-1)*d.Row+d.Run-1]
		_ = d.Y[d.To[g]+3*d.YPixel+d.Width-1]
	}
	_ = d.W[d.Rows*d.Run*d.Width-1]
	if !d.vector(lv) {
		d.generic()
	}
}

func (d *Dot) generic() {
	for g := range d.Groups {
		for p := range 4 {
			y := d.Y[d.To[g]+p*d.YPixel:][:d.Width]
			clear(y)
			w := d.W
			for r := range d.Rows {
				for _, x := range d.X[d.At[g]+p*d.Pixel+r*d.Row:][:d.Run] {
					for o := range y {
						y[o] = fma.Float32(x, w[o], y[o])
					}
					w = w[d.Width:]
				}
			}
		}
	}
}

// Outer is a sum of outer products: for i < N and o < Width,
//
//	DW[i DWRow + o] += Σ_{r < Rows, c < Columns} X[r Row + c Pixel + i] DY[(r Columns + c) DYPixel + o]
//
// N is 8 or 4; Rows and Columns are at least 1.
type Outer struct {
	N, Width      int
	Rows, Columns int
	X             []float32
	Pixel, Row    int
	DY            []float32
	DYPixel       int
	DW            []float32
	DWRow         int
}

// Do adds the products.
func (q *Outer) Do(lv cpu.Level) {
	_ = q.X[(q.Rows-1)*q.Row+(q.Columns-1)*q.Pixel+q.N-1]
	_ = q.DY[(q.Rows*q.Columns-1)*q.DYPixel+q.Width-1]
	_ = q.DW[(q.N-1)*q.DWRow+q.Width-1]
	if !q.vector(lv) {
		q.generic()
	}
}

func (q *Outer) generic() {
	for r := range q.Rows {
		for c := range q.Columns {
			dy := q.DY[(r*q.Columns+c)*q.DYPixel:][:q.Width]
			for i, x := range q.X[r*q.Row+c*q.Pixel:][:q.N] {
				dw := q.DW[i*q.DWRow:][:q.Width]
				for o := range dw {
					dw[o] = fma.Float32(x, dy[o], dw[o])
				}
			}
		}
	}
}
