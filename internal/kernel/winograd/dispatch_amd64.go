//go:build !purego

package winograd

import "alike/internal/kernel/cpu"

type kernel = func(src *float32, srcRow, srcCol int, dst *float32, dstRow, dstCol int, n int)

// kernels are those of AVX-512 and of AVX2, by kind of transform.
var kernels = [...][2]kernel{
	inputKind:       {inputAVX512, inputAVX2},
	outputKind:      {outputAVX512, outputAVX2},
	outputAddKind:   {outputAddAVX512, outputAddAVX2},
	outputGradKind:  {outputGradAVX512, outputGradAVX2},
	weightsKind:     {weightsAVX512, weightsAVX2},
	weightsGradKind: {weightsGradAVX512, weightsGradAVX2},
}

// vector transforms whole vectors of channels, and returns how many channels those are.
func (t *transform) vector(lv cpu.Level, dst, src grid, channels int) int {
	lanes, run := 16, kernels[t.kind][0]
	switch lv {
	case cpu.AVX512:
	case cpu.AVX2:
		lanes, run = 8, kernels[t.kind][1]
	default:
		return 0
	}
	n := channels / lanes
	if n > 0 {
		run(&src.x[src.from], 4*src.row, 4*src.col, &dst.x[dst.from], 4*dst.row, 4*dst.col, n)
	}
	return n * lanes
}
