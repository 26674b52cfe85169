// Package cpu says which vector instructions the kernels may use, and how fast
// the processor is at its best.
package cpu

import "fmt"

// Level is a set of instructions that kernels are written for. A higher level
// includes the lower ones. The same level gives the same bits on every machine
// of one architecture; different levels round differently.
type Level int

// Generic is portable Go. AVX2 is 256-bit vectors with FMA. AVX512 is 512-bit
// vectors: the foundation with DQ, BW and VL.
const (
	Generic Level = iota
	AVX2
	AVX512
)

var names = [...]string{Generic: "generic", AVX2: "avx2", AVX512: "avx512"}

// String is the name that Parse reads.
func (l Level) String() string {
	if l < 0 || int(l) >= len(names) {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return names[l]
}

// Parse returns the level of that name.
func Parse(name string) (Level, error) {
	for l, n := range names {
		if n == name {
			return Level(l), nil
		}
	}
	return Generic, fmt.Errorf("unknown CPU level %q; have %q", name, names)
}

// Levels lists what this CPU can run, the portable one first.
func Levels() []Level {
	levels := make([]Level, 0, len(names))
	for l := Generic; l <= Detect(); l++ {
		levels = append(levels, l)
	}
	return levels
}
