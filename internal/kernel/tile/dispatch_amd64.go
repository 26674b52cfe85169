//go:build !purego

package tile

import "alike/internal/kernel/cpu"

// vector computes the product by a vector kernel, if there is one.
func (d *Dot) vector(lv cpu.Level) bool {
	var x, y [MaxGroups]*float32
	for g := range d.Groups {
		x[g], y[g] = &d.X[d.At[g]], &d.Y[d.To[g]]
	}
	x3, y3 := (*[3]*float32)(x[:]), (*[3]*float32)(y[:])
	skip := 4 * (d.Row - d.Run)
	switch {
	case lv == cpu.AVX512 && d.Width == 32 && d.Groups == 3:
		product32AVX512(d.Rows, d.Run, x3, 4*d.Pixel, skip, &d.W[0], y3, 4*d.YPixel)
	case lv == cpu.AVX512 && d.Width == 16 && d.Groups == 6:
		product16AVX512(d.Rows, d.Run, &x, 4*d.Pixel, skip, &d.W[0], &y, 4*d.YPixel)
	case lv == cpu.AVX2 && d.Width == 8 && d.Groups == 3:
		product8AVX2(d.Rows, d.Run, x3, 4*d.Pixel, skip, &d.W[0], y3, 4*d.YPixel)
	default:
		return false
	}
	return true
}

// vector adds the products by a vector kernel, if there is one.
func (q *Outer) vector(lv cpu.Level) bool {
	kernel := outerKernel(lv, q.N, q.Width)
	if kernel == nil {
		return false
	}
	kernel(q.Rows, q.Columns, &q.X[0], 4*q.Pixel, 4*(q.Row-q.Columns*q.Pixel), &q.DY[0], 4*q.DYPixel, &q.DW[0], 4*q.DWRow)
	return true
}

func outerKernel(lv cpu.Level, n, width int) func(rows, columns int, x *float32, xPixel, xRow int, dy *float32, dyPixel int, dw *float32, dwRow int) {
	switch {
	case lv == cpu.AVX512 && n == 8 && width == 32:
		return outer8x32AVX512
	case lv == cpu.AVX512 && n == 4 && width == 32:
		return outer4x32AVX512
	case lv == cpu.AVX512 && n == 8 && width == 16:
		return outer8x16AVX512
	case lv == cpu.AVX512 && n == 4 && width == 16:
		return outer4x16AVX512
	case lv == cpu.AVX2 && n == 8 && width == 8:
		return outer8x8AVX2
	case lv == cpu.AVX2 && n == 4 && width == 8:
		return outer4x8AVX2
	}
	return nil
}
