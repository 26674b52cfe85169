package simd

import (
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"alike/internal/kernel/bf16"
)

// line is the length of a cache line in floats: tensors begin on one.
const line = 16

func isFloat32(s shapes.Shape) bool { return s.DType == dtypes.Float32 }

// inArena says whether tensors of that type live in the arena.
func inArena(s shapes.Shape) bool { return isFloat32(s) || isHalf(s) }

// arenaFloats is the memory of a tensor in the arena, in floats.
func arenaFloats(s shapes.Shape) int { return int(s.ByteSize()+3) / 4 }

// typed is memory of the arena as the elements of a tensor.
func typed(s shapes.Shape, floats []float32) any {
	if isHalf(s) {
		return bf16.Of(floats)[:s.Size():s.Size()]
	}
	return floats[:s.Size():s.Size()]
}

// alignedFloats allocates n floats that begin on a cache line.
func alignedFloats(n int) []float32 {
	b := make([]float32, n+line-1)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) / 4 % line)
	return b[skip : skip+n : skip+n]
}

// roundUp is the next multiple of a cache line.
func roundUp(n int) int { return (n + line - 1) / line * line }

// arena hands out offsets in one block of floats, first fit.
type arena struct {
	size int
	free []gap // in order, never adjacent
}

type gap struct{ at, n int }

func (a *arena) take(n int) int {
	n = roundUp(n)
	for i, g := range a.free {
		if g.n >= n {
			if a.free[i] = (gap{g.at + n, g.n - n}); g.n == n {
				a.free = append(a.free[:i], a.free[i+1:]...)
			}
			return g.at
		}
	}
	at := a.size
	if k := len(a.free) - 1; k >= 0 && a.free[k].at+a.free[k].n == a.size { // the last gap ends the block: extend it
		at = a.free[k].at
		a.free = a.free[:k]
	}
	a.size = at + n
	return at
}

func (a *arena) give(at, n int) {
	n = roundUp(n)
	if n == 0 {
		return
	}
	i := 0
	for i < len(a.free) && a.free[i].at < at {
		i++
	}
	a.free = append(a.free, gap{})
	copy(a.free[i+1:], a.free[i:])
	a.free[i] = gap{at, n}
	if i+1 < len(a.free) && at+n == a.free[i+1].at {
		a.free[i].n += a.free[i+1].n
		a.free = append(a.free[:i+1], a.free[i+2:]...)
	}
	if i > 0 && a.free[i-1].at+a.free[i-1].n == at {
		a.free[i-1].n += a.free[i].n
		a.free = append(a.free[:i], a.free[i+1:]...)
	}
}
