package nearest

import (
	"sync"
	"time"

	"alike/internal/kernel/bf16"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/gemm"
	"alike/internal/kernel/pool"
)

// CoarseUnit is what Options.Coarse is best set to on this CPU: the unit for bfloat16 if
// a pass on it is well below one in float32. AMX is ten times as fast. VDPBF16PS
// has twice the rate of float32 on some CPUs and half of it on others, so it is tried,
// once and for a few milliseconds. Results do not depend on the outcome.
var CoarseUnit = sync.OnceValue(func() cpu.BF16 {
	unit := cpu.DetectBF16()
	if unit == cpu.BF16Vector && float64(timeHalf(unit)) > 0.7*float64(timeFloat()) {
		return cpu.BF16Float
	}
	return unit
})

// The product that is timed, [triedRows, triedDepth] by [triedDepth, triedColumns].
const (
	triedRows    = 96
	triedColumns = 256
	triedDepth   = 512
)

func timeFloat() time.Duration {
	p := pool.New(1)
	defer p.Close()
	a, b, c := make([]float32, triedRows*triedDepth), make([]float32, triedColumns*triedDepth), make([]float32, triedRows*triedColumns)
	return fastest(func() {
		gemm.Run(p, cpu.Detect(), &gemm.Args{
			M: triedRows, N: triedColumns, K: triedDepth,
			A: a, LDA: triedDepth, B: b, LDB: triedDepth, TransB: true, C: c, LDC: triedColumns,
		})
	})
}

func timeHalf(unit cpu.BF16) time.Duration {
	k := bf16.For(unit)
	p := bf16.Product{
		Outer: 1, ARow: triedDepth, CRow: triedColumns,
		A: make([]bf16.T, triedRows*triedDepth), B: make([]bf16.T, triedDepth*bf16.Width),
	}
	p.Inner, p.Block = bf16.Blocks(triedDepth)
	var groups []bf16.Group
	for i := 0; i < triedRows; i += k.Rows {
		groups = append(groups, bf16.Group{A: i * triedDepth, C: i * triedColumns})
	}
	c := make([]float32, triedRows*triedColumns)
	return fastest(func() {
		for j := 0; j < triedColumns; j += bf16.Width {
			k.Float(&p, c[j:], false, groups)
		}
	})
}

// fastest is the least time of a few calls.
func fastest(f func()) time.Duration {
	best := time.Hour
	for range 6 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}
