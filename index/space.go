package index

import (
	"context"
	"math"

	"alike/index/hnsw"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/dot"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// codes are vectors in bytes: value k of row i is about
//
//	mean[k] + scale[i] values[i D + k]
//
// where the largest of a row's values is 127 or -127. The mean of all rows is apart since
// embeddings have much in common: what is left is small, and so is the error.
type codes struct {
	n, d   int
	level  cpu.Level
	mean   []float32 // [d]
	values []int8    // [n, d]
	scale  []float32 // [n]
	common []float32 // [n], the product of the mean with a row less the mean; for To
	square float32   // the product of the mean with itself; for To
}

// encode rounds rows to codes: the error of a value is at most half of scale[i].
func encode(p *pool.Pool, rows nearest.Rows) *codes {
	c := &codes{rows.N, rows.D, cpu.Detect(), meanOf(rows), make([]int8, rows.N*rows.D), make([]float32, rows.N), make([]float32, rows.N), 0}
	c.square = float32(product(c.mean, c.mean))
	const perTask = 256
	p.Run((rows.N+perTask-1)/perTask, func(task int) {
		rest := make([]float32, rows.D)
		for i := task * perTask; i < min((task+1)*perTask, rows.N); i++ {
			for k, v := range rows.Data[i*rows.D:][:rows.D] {
				rest[k] = v - c.mean[k]
			}
			c.scale[i] = encodeRow(c.values[i*rows.D:][:rows.D], rest, 127)
			c.common[i] = float32(product(c.mean, rest))
		}
	})
	return c
}

// meanOf is the mean of the rows.
func meanOf(rows nearest.Rows) []float32 {
	sums, mean := make([]float64, rows.D), make([]float32, rows.D)
	for i := range rows.N {
		for k, v := range rows.Data[i*rows.D:][:rows.D] {
			sums[k] += float64(v)
		}
	}
	for k, s := range sums {
		mean[k] = float32(s / float64(max(rows.N, 1)))
	}
	return mean
}

func product(x, y []float32) float64 {
	sum := 0.0
	for k, v := range x {
		sum += float64(v) * float64(y[k])
	}
	return sum
}

// encodeRow rounds values to integers up to widest, and returns what they are to be
// multiplied by.
func encodeRow[T int8 | int16](dst []T, row []float32, widest float64) (scale float32) {
	largest := 0.0
	for k := range dst {
		largest = max(largest, math.Abs(float64(row[k])))
	}
	if largest == 0 {
		clear(dst)
		return 0
	}
	for k := range dst {
		dst[k] = T(math.RoundToEven(float64(row[k]) / largest * widest))
	}
	return float32(largest / widest)
}

// Len implements hnsw.Space.
func (c *codes) Len() int { return c.n }

// To implements hnsw.Space. With m the mean and r a row less the mean, the product of two rows
// is m·m + m·r + m·r' + r·r'.
func (c *codes) To(row int) hnsw.Score {
	query := make([]int16, c.d)
	for k, v := range c.values[row*c.d:][:c.d] {
		query[k] = int16(v)
	}
	score := c.score(query, c.scale[row], c.square+c.common[row])
	return func(dst []float32, rows []uint32) {
		score(dst, rows)
		for i, r := range rows {
			dst[i] += c.common[r]
		}
	}
}

// of scores the rows by a query that is no row: q·m + q·r. The rounding of q is some hundred
// times finer than theirs.
func (c *codes) of(query []float32) hnsw.Score {
	words := make([]int16, c.d)
	scale := encodeRow(words, query, float64(dot.Widest(c.d)))
	return c.score(words, scale, float32(product(c.mean, query)))
}

func (c *codes) score(query []int16, scale, base float32) hnsw.Score {
	var sums []int32
	return func(dst []float32, rows []uint32) {
		if len(sums) < len(rows) {
			sums = make([]int32, max(64, len(rows)))
		}
		dot.Ints(c.level, sums, query, c.values, rows)
		for i, r := range rows {
			dst[i] = base + float32(float32(sums[i])*scale*c.scale[r])
		}
	}
}

// amongRows finds the most similar of some rows among each other, exactly.
func amongRows(p *pool.Pool, all nearest.Rows) hnsw.Among {
	return func(ctx context.Context, rows []uint32, k int, visit func(i int, near []hnsw.Near)) error {
		some := nearest.Rows{N: len(rows), D: all.D, Data: make([]float32, 0, len(rows)*all.D)}
		for _, r := range rows {
			some.Data = append(some.Data, all.Data[int(r)*all.D:][:all.D]...)
		}
		o := nearest.Options{K: k, ExcludeSelf: true, Pool: p, Level: cpu.Detect()}
		return nearest.Search(ctx, o, some, some, func(i int, near []nearest.Neighbour) {
			others := make([]hnsw.Near, len(near))
			for j, n := range near {
				others[j] = hnsw.Near{Row: int(rows[n.Index]), Similarity: n.Similarity}
			}
			visit(i, others)
		})
	}
}
