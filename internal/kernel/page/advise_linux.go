package page

import (
	"syscall"
	"unsafe"
)

// advise asks for large pages in the part of b that whole ones fit into. It is
// advice: a system that has none goes on with small ones.
func advise(b []float32) {
	const hugePage = 14 // MADV_HUGEPAGE
	p := unsafe.Pointer(unsafe.SliceData(b))
	skip := -uintptr(p) % size
	n := (4*uintptr(len(b)) - skip) / size * size
	_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Add(p, skip)), n), hugePage)
}
