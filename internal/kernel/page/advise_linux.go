package page

import (
	"syscall"
	"unsafe"
)

// advise asks for large pages in the part of b that whole ones fit into, and to
// join the small ones that are there already where the heap used the memory before. It is
// advice: a system that has none goes on with small ones.
func advise(b []float32) {
	const hugePage, collapse = 14, 25 // MADV_HUGEPAGE; MADV_COLLAPSE, of Linux 6.1
	p := unsafe.Pointer(unsafe.SliceData(b))
	skip := -uintptr(p) % size
	n := (4*uintptr(len(b)) - skip) / size * size
	whole := unsafe.Slice((*byte)(unsafe.Add(p, skip)), n)
	_ = syscall.Madvise(whole, hugePage)
	_ = syscall.Madvise(whole, collapse)
}
