//go:build !purego

package cpu

import (
	"sync"

	"golang.org/x/sys/cpu"
)

// DetectBF16 returns the best unit of this CPU that the system lets us use. A
// CPU with AMX has VDPBF16PS too, whose conversions the AMX kernels use.
func DetectBF16() BF16 {
	x := &cpu.X86
	switch {
	case Detect() < AVX512 || !x.HasAVX512BF16:
		return BF16Float
	case x.HasAMXTile && x.HasAMXBF16 && tilesAllowed():
		return BF16Tile
	}
	return BF16Vector
}

// tilesAllowed asks the system for the state of tiles, which a process must
// before its first instruction of AMX.
var tilesAllowed = sync.OnceValue(requestTiles)
