package tile

// Pack copies a matrix B of rows by columns, at most width, to dst as
// [rows][width], filled with zeros: B[r][j] is src[r row + j column].
func Pack(dst []float32, width int, src []float32, rows, row, columns, column int) {
	if columns < width {
		clear(dst[:rows*width])
	}
	if column == 1 {
		for r := range rows {
			copy(dst[r*width:][:columns], src[r*row:])
		}
		return
	}
	const together = 4 // columns, so that each line of dst is written few times
	j := 0
	for ; j+together <= columns && row == 1; j += together {
		a, b := src[j*column:][:rows], src[(j+1)*column:][:rows]
		c, d := src[(j+2)*column:][:rows], src[(j+3)*column:][:rows]
		for r := range rows {
			to := dst[r*width+j:][:together]
			to[0], to[1], to[2], to[3] = a[r], b[r], c[r], d[r]
		}
	}
	for ; j < columns; j++ {
		for r := range rows {
			dst[r*width+j] = src[r*row+j*column]
		}
	}
}
