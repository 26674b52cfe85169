//go:build !purego

package cpu

import "golang.org/x/sys/cpu"

// Detect returns the highest level that this CPU and system can run.
// GODEBUG=cpu.avx512f=off and the like lower it.
func Detect() Level {
	x := &cpu.X86
	switch {
	case !(x.HasAVX2 && x.HasFMA):
		return Generic
	case !(x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL):
		return AVX2
	}
	return AVX512
}
