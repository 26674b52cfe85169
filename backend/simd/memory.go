package simd

import (
	"slices"
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/page"
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
func alignedFloats(n int) []float32 { return aligned(page.Floats, n) }

func aligned(allocate func(n int) []float32, n int) []float32 {
	b := allocate(n + line - 1)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) / 4 % line)
	return b[skip : skip+n : skip+n]
}

// roundUp is the next multiple of a cache line.
func roundUp(n int) int { return (n + line - 1) / line * line }

// lifetime is memory that is wanted from one step to another, both included.
type lifetime struct {
	size        int // floats
	first, last int // steps
}

// place gives each lifetime an offset in one block of floats, so that no two that meet in a
// step overlap, and returns the block's size. The largest come first, each into the lowest
// gap: placed in the order of the steps, which is all that can be done while they run,
// large ones would find gaps that small ones have broken up.
func place(wanted []lifetime) (offsets []int, size int) {
	offsets = make([]int, len(wanted))
	order := make([]int, len(wanted))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return wanted[j].size - wanted[i].size })
	var placed []int // in the order of their offsets
	for _, i := range order {
		w := wanted[i]
		n, at := roundUp(w.size), 0
		for _, j := range placed {
			other := wanted[j]
			if other.first > w.last || w.first > other.last {
				continue
			}
			if offsets[j]-at >= n {
				break
			}
			at = max(at, offsets[j]+roundUp(other.size))
		}
		offsets[i] = at
		size = max(size, at+n)
		where, _ := slices.BinarySearchFunc(placed, at, func(j, at int) int { return offsets[j] - at })
		placed = slices.Insert(placed, where, i)
	}
	return offsets, size
}
