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

// codes are vectors in bytes: value k of row i is about scale[i] values[i D + k], where the
// largest of a row is 127 or -127.
type codes struct {
	n, d   int
	level  cpu.Level
	values []int8
	scale  []float32
}

// encode rounds rows to codes: the error of a value is at most half of scale[i].
func encode(p *pool.Pool, rows nearest.Rows) *codes {
	c := &codes{rows.N, rows.D, cpu.Detect(), make([]int8, rows.N*rows.D), make([]float32, rows.N)}
	const perTask = 256
	p.Run((rows.N+perTask-1)/perTask, func(task int) {
		for i := task * perTask; i < min((task+1)*perTask, rows.N); i++ {
			c.scale[i] = encodeRow(c.values[i*rows.D:][:rows.D], rows.Data[i*rows.D:], 127)
		}
	})
	return c
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

// To implements hnsw.Space.
func (c *codes) To(row int) hnsw.Score {
	query := make([]int16, c.d)
	for k, v := range c.values[row*c.d:][:c.d] {
		query[k] = int16(v)
	}
	return c.score(query, c.scale[row])
}

// of scores the rows by a query that is no row; its own rounding is some hundred times finer
// than theirs.
func (c *codes) of(query []float32) hnsw.Score {
	words := make([]int16, c.d)
	return c.score(words, encodeRow(words, query, float64(dot.Widest(c.d))))
}

func (c *codes) score(query []int16, scale float32) hnsw.Score {
	var sums []int32
	return func(dst []float32, rows []uint32) {
		if len(sums) < len(rows) {
			sums = make([]int32, max(64, len(rows)))
		}
		dot.Ints(c.level, sums, query, c.values, rows)
		for i, r := range rows {
			dst[i] = float32(sums[i]) * scale * c.scale[r]
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
