package dot

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"alike/internal/kernel/cpu"
)

// sizes are lengths around those that the kernels take at once.
var sizes = []int{1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 511, 512, 515}

func TestFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range sizes {
		const n = 9
		bank, query := make([]float32, n*d), make([]float32, d)
		for i := range bank {
			bank[i] = float32(r.NormFloat64())
		}
		for i := range query {
			query[i] = float32(r.NormFloat64())
		}
		for count := range 9 {
			rows := make([]uint32, count)
			for i := range rows {
				rows[i] = r.Uint32N(n)
			}
			for _, lv := range cpu.Levels() {
				dst := slices.Repeat([]float32{float32(math.NaN())}, count+1)
				Floats(lv, dst[:count], query, bank, rows)
				for i, row := range rows {
					var want, mag float64
					for k, q := range query {
						p := float64(q) * float64(bank[int(row)*d+k])
						want, mag = want+p, mag+math.Abs(p)
					}
					if tol := float64(d+1) * 0x1p-24 * mag; !(math.Abs(float64(dst[i])-want) <= tol) {
						t.Fatalf("%v: d=%d, %d rows: row %d gives %g, want %g ± %g", lv, d, count, i, dst[i], want, tol)
					}
				}
				if dst[count] == dst[count] {
					t.Fatalf("%v: d=%d: wrote beyond %d sums", lv, d, count)
				}
			}
		}
	}
}

func TestInts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, d := range sizes {
		const n = 9
		widest := Widest(d)
		bank, query := make([]int8, n*d), make([]int16, d)
		for i := range bank {
			bank[i] = int8(r.IntN(255) - 127)
			if i < d { // the largest sums that there can be
				bank[i] = 127
			}
		}
		for i := range query {
			query[i] = int16(widest)
			if i%3 == 1 && d > 64 {
				query[i] = int16(r.IntN(2*widest+1) - widest)
			}
		}
		for count := range 9 {
			rows := make([]uint32, count)
			for i := range rows {
				rows[i] = r.Uint32N(n)
			}
			for _, lv := range cpu.Levels() {
				dst := make([]int32, count)
				Ints(lv, dst, query, bank, rows)
				for i, row := range rows {
					want := int64(0)
					for k, q := range query {
						want += int64(q) * int64(bank[int(row)*d+k])
					}
					if int64(dst[i]) != want {
						t.Fatalf("%v: d=%d, %d rows: row %d gives %d, want %d", lv, d, count, i, dst[i], want)
					}
				}
			}
		}
	}
}

func BenchmarkDot(b *testing.B) {
	const n, d, count = 50_000, 512, 32
	r := rand.New(rand.NewPCG(5, 6))
	floats, ints := make([]float32, n*d), make([]int8, n*d)
	for i := range floats { // memory that is not written to is one page of zeros
		floats[i], ints[i] = r.Float32(), int8(i)
	}
	rows := make([][]uint32, 1024)
	for i := range rows {
		for range count {
			rows[i] = append(rows[i], r.Uint32N(n))
		}
	}
	for _, lv := range cpu.Levels() {
		b.Run(fmt.Sprintf("type=float32/d=%d/impl=%v", d, lv), func(b *testing.B) {
			query, dst := make([]float32, d), make([]float32, count)
			i := 0
			for b.Loop() {
				i++
				Floats(lv, dst, query, floats, rows[i%len(rows)])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/row")
		})
		b.Run(fmt.Sprintf("type=int8/d=%d/impl=%v", d, lv), func(b *testing.B) {
			query, dst := make([]int16, d), make([]int32, count)
			i := 0
			for b.Loop() {
				i++
				Ints(lv, dst, query, ints, rows[i%len(rows)])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/row")
		})
	}
}
