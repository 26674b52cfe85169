// Package page asks for memory on large pages.
//
// A training step goes over hundreds of megabytes, and the transforms of package
// winograd write to 36 places at once: on pages of 4 KB most of what they
// touch has to be looked up first, and what fetches ahead stops at the end of each.
package page

import "runtime"

// size is that of a large page, in bytes.
const size = 2 << 20

// scarce is from where on memory is worth a collection, in bytes.
const scarce = 8 << 20

// Floats allocates n floats, on large pages where the system offers them on demand.
func Floats(n int) []float32 {
	b := make([]float32, n)
	if 4*n >= 2*size {
		advise(b)
	}
	return b
}

// Scarce is Floats for what is allocated seldom and kept: a large piece is allocated
// after a collection, which takes some milliseconds. What came before, such as compiling or
// smaller pieces, would be kept until the heap has doubled.
func Scarce(n int) []float32 {
	if 4*n >= scarce {
		runtime.GC()
	}
	return Floats(n)
}
