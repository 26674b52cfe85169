//go:build !purego

package bf16

import "alike/internal/kernel/cpu"

// raw is the address of an element, as the kernels take it.
func raw(x []T) *uint16 { return (*uint16)(&x[0]) }

func widenVector(lv cpu.Level, dst []float32, src []T) int {
	n := len(src) / 16 * 16
	if lv < cpu.AVX512 || n == 0 {
		return 0
	}
	_ = dst[n-1]
	widenAVX512(&dst[0], raw(src), n)
	return n
}

func narrowVector(lv cpu.Level, dst []T, src []float32) int {
	n := len(src) / 16 * 16
	if lv < cpu.AVX512 || n == 0 {
		return 0
	}
	_ = dst[n-1]
	narrowAVX512(raw(dst), &src[0], n)
	return n
}

// interleaveVector returns how many columns it has done.
func interleaveVector(lv cpu.Level, dst []T, dstRow int, src []T, srcRow, pairs, columns int) int {
	n := columns / 16 * 16
	if lv < cpu.AVX512 || n*pairs == 0 {
		return 0
	}
	_, _ = dst[(pairs-1)*dstRow+2*n-1], src[(2*pairs-1)*srcRow+n-1]
	interleaveAVX512(raw(dst), 2*dstRow, raw(src), raw(src[srcRow:]), 4*srcRow, n, pairs)
	return n
}

// transposeWordsVector does whole blocks, and returns how many rows and words
// those have.
func transposeWordsVector(lv cpu.Level, dst []T, dstRow int, src []T, srcRow, rows, words int) (int, int) {
	rows, words = rows/block*block, words/block*block
	if lv < cpu.AVX512 || rows*words == 0 {
		return 0, 0
	}
	_, _ = dst[(words-1)*dstRow+2*rows-1], src[(rows-1)*srcRow+2*words-1]
	for i := 0; i < rows; i += block {
		transposeWords(raw(dst[2*i:]), 2*dstRow, raw(src[i*srcRow:]), 2*srcRow, words/block)
	}
	return rows, words
}

// transposeRowsVector does whole blocks, and returns how many words those have.
func transposeRowsVector(lv cpu.Level, dst []T, dstRow int, src []T, at *[block]int, words int) int {
	words = words / block * block
	if lv < cpu.AVX512 || words == 0 {
		return 0
	}
	_ = dst[(words-1)*dstRow+2*block-1]
	var bytes [block]int
	for i, first := range at {
		_ = src[first : first+2*words]
		bytes[i] = 2 * first
	}
	transposePlaces(raw(dst), 2*dstRow, raw(src), &bytes[0], words/block)
	return words
}

func transposeVector(lv cpu.Level, dst []T, dstRow int, src []T, srcRow, rows, columns int) bool {
	if lv < cpu.AVX512 || rows*columns == 0 {
		return lv >= cpu.AVX512
	}
	_, _ = dst[(columns-1)*dstRow+rows-1], src[(rows-1)*srcRow+columns-1]
	for i := 0; i < rows; i += 2 * block {
		transposePairs(raw(dst[i:]), 2*dstRow, raw(src[i*srcRow:]), 2*srcRow, columns/block)
	}
	return true
}

// shape is what LDTILECFG reads: the rows and the bytes in a row of eight tiles,
// four of C, two of A and two of B, for blocks of a sum of that length.
type shape struct {
	palette byte
	_       [15]byte
	bytes   [16]uint16
	rows    [16]byte
}

func shapeOf(length int) shape {
	s := shape{palette: 1}
	for t := range 8 {
		s.rows[t], s.bytes[t] = 16, 64
	}
	for _, t := range []int{4, 5} {
		s.bytes[t] = uint16(2 * length)
	}
	for _, t := range []int{6, 7} {
		s.rows[t] = byte(length / 2)
	}
	return s
}

func (k Kernel) halfVector(p *Product, c, plus []T, groups []Group, rows, columns int, scratch []float32) bool {
	at, tiles, mask := &groups[0].A, len(groups)/k.Groups, uint32(1<<columns-1)
	var sum *uint16
	if plus != nil {
		sum = raw(plus)
	}
	switch k.unit {
	case cpu.BF16Tile:
		s := shapeOf(p.Block)
		_ = scratch[ScratchFloats-1]
		tileHalf(&s.palette, at, tiles, raw(p.A), 2*p.ARow, 2*p.Block, 2*(p.AOuter-p.Inner*p.Block), raw(p.B), p.Block*2*Width,
			p.Outer, p.Inner, 2*p.CRow, raw(c), sum, rows, mask, &scratch[0])
	case cpu.BF16Vector:
		vectorHalf(at, tiles, raw(p.A), 2*p.ARow, 4, 2*(p.AOuter-p.Inner*p.Block), raw(p.B), 4*Width,
			p.Outer, p.Inner*p.Block/2, 2*p.CRow, raw(c), sum, rows, mask, nil)
	default:
		return false
	}
	return true
}

func (k Kernel) floatVector(p *Product, c []float32, add bool, groups []Group) bool {
	at, tiles := &groups[0].A, len(groups)/k.Groups
	switch k.unit {
	case cpu.BF16Tile:
		s := shapeOf(p.Block)
		tileFloat(&s.palette, at, tiles, raw(p.A), 2*p.ARow, 2*p.Block, 2*(p.AOuter-p.Inner*p.Block), raw(p.B), p.Block*2*Width,
			p.Outer, p.Inner, 4*p.CRow, &c[0], add)
	case cpu.BF16Vector:
		vectorFloat(at, tiles, raw(p.A), 2*p.ARow, 4, 2*(p.AOuter-p.Inner*p.Block), raw(p.B), 4*Width,
			p.Outer, p.Inner*p.Block/2, 4*p.CRow, &c[0], add)
	default:
		return false
	}
	return true
}
