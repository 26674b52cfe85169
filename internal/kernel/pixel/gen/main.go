// Command gen writes the vector kernels of package pixel. Each does what the portable
// loop of its name does, with the same operations in the same order, for a positive
// multiple of sixteen pixels.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	ConstraintExpr("!purego")
	for _, s := range []set{{"AVX512", 16}, {"AVX2", 8}} {
		scale(s)
		gray(s)
		graySum(s)
		saturate(s)
		hue(s)
		interleave(s)
		rows(s, "down")
		rows(s, "smooth")
		across(s)
	}
	constants.emit()
	Generate()
}
