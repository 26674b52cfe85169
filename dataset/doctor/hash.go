package doctor

import "math"

// hash is a perceptual hash: bit k is the sign of the k-th coefficient of the
// thumbnail's discrete cosine transform
//
//	c(u,v) = Σ_x Σ_y t(x,y) cos(πu(x+1/2)/side) cos(πv(y+1/2)/side)
//
// in the order of rising u+v, then of rising u, without c(0,0). Brightness and
// contrast do not change it. A mirrored image has the opposite signs where u is
// odd: its hash is hash ^ mirror.
type hash uint64

const hashBits = 64

// frequency is a coefficient's place, horizontally and vertically.
type frequency struct{ u, v int }

var (
	frequencies [hashBits]frequency
	mirror      hash
	cosines     [][side]float32 // by frequency and pixel
)

func init() {
	for k, sum := 0, 1; k < hashBits; sum++ {
		for u := 0; u <= sum && k < hashBits; u++ {
			frequencies[k] = frequency{u, sum - u}
			mirror |= hash(u%2) << k
			k++
		}
	}
	cosines = make([][side]float32, frequencies[hashBits-1].u+frequencies[hashBits-1].v+1)
	for u := range cosines {
		for x := range side {
			cosines[u][x] = float32(math.Cos(math.Pi * float64(u) * (float64(x) + 0.5) / side))
		}
	}
}

// hash hashes the thumbnail, first its rows, then the columns of what is left.
func (t *thumbnail) hash() (h hash) {
	rows := make([][side]float32, len(cosines)) // by u and y
	for y := range side {
		line := t[y*side:][:side]
		for u := range rows {
			var sum float32
			for x, v := range line {
				sum += float32(float32(v) * cosines[u][x])
			}
			rows[u][y] = sum
		}
	}
	for k, f := range frequencies {
		var sum float32
		for y, v := range rows[f.u] {
			sum += float32(v * cosines[f.v][y])
		}
		if sum > 0 {
			h |= 1 << k
		}
	}
	return h
}
