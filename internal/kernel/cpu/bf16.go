package cpu

import "fmt"

// BF16 is what multiplies bfloat16. The same one gives the same bits on every
// machine; they differ in the order of a sum.
type BF16 int

// BF16Float widens to float32 and computes there. BF16Vector is VDPBF16PS of
// AVX-512, sums of pairs. BF16Tile is AMX, products of 16x32 by 32x16, which a
// process may use once DetectBF16 has said so.
const (
	BF16Float BF16 = iota
	BF16Vector
	BF16Tile
)

var bf16Names = [...]string{BF16Float: "float", BF16Vector: "avx512bf16", BF16Tile: "amx"}

// String is the name that ParseBF16 reads.
func (u BF16) String() string {
	if u < 0 || int(u) >= len(bf16Names) {
		return fmt.Sprintf("BF16(%d)", int(u))
	}
	return bf16Names[u]
}

// ParseBF16 returns the unit of that name.
func ParseBF16(name string) (BF16, error) {
	for u, n := range bf16Names {
		if n == name {
			return BF16(u), nil
		}
	}
	return BF16Float, fmt.Errorf("unknown unit for bfloat16 %q; have %q", name, bf16Names)
}

// BF16Units lists what this CPU can run, the portable one first.
func BF16Units() []BF16 {
	units := make([]BF16, 0, len(bf16Names))
	for u := BF16Float; u <= DetectBF16(); u++ {
		units = append(units, u)
	}
	return units
}
