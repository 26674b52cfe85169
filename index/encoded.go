package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"alike/eval"
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/dot"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
	"alike/internal/rng"
)

// The forms of the vectors of an index, beside float32.
const (
	Int8   = "int8"   // each vector less the mean scaled so that its largest value is 127 or -127: a quarter of the bytes
	Binary = "binary" // a bit a value, whether it is above the mean of all vectors there: a 32nd
)

// Encodings are the names of the forms.
func Encodings() []string { return []string{Int8, Binary} }

// encoded are vectors in another form than float32. Goroutines may share it.
type encoded interface {
	// scorer returns what writes to dst the similarities of a query of unit length to the
	// rows from a place on. Several goroutines may call it.
	scorer(query []float32) func(dst []float32, from int)
	// decode writes about what row i was.
	decode(dst []float32, i int)
	write(w io.Writer) error
}

// encodedBytes is the size of a file of n vectors of d values.
func encodedBytes(encoding string, n, d int) (int64, bool) {
	switch encoding {
	case "":
		return 4 * int64(n) * int64(d), true
	case Int8:
		return 4*int64(d) + int64(n)*int64(d+4), true
	case Binary:
		return 4*int64(d) + 8*int64(n)*int64(words(d)), true
	}
	return 0, false
}

// extensions of the files of vectors.
var extensions = map[string]string{"": "f32", Int8: "i8", Binary: "bits"}

// encodeAs returns rows of unit length in a form.
func encodeAs(p *pool.Pool, encoding string, rows nearest.Rows) (encoded, error) {
	switch encoding {
	case Int8:
		return encode(p, rows), nil
	case Binary:
		return toBits(p, rows), nil
	}
	return nil, fmt.Errorf("unknown form of vectors %q; have %s", encoding, Encodings())
}

// decodeFile reads a file of vectors whose size fits.
func decodeFile(encoding string, file []byte, n, d int) encoded {
	if encoding == Int8 {
		c := &codes{n: n, d: d, level: cpu.Detect(), mean: floatsIn(file, d), scale: floatsIn(file[4*d:], n), values: make([]int8, n*d)}
		for i, v := range file[4*(d+n):] {
			c.values[i] = int8(v)
		}
		return c
	}
	b := &bitRows{n: n, d: d, mean: floatsIn(file, d), words: make([]uint64, n*words(d))}
	for i := range b.words {
		b.words[i] = binary.LittleEndian.Uint64(file[4*d+8*i:])
	}
	return b
}

// floatsIn are the first n floats of a file.
func floatsIn(file []byte, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(file[4*i:]))
	}
	return x
}

// inOrder are the rows of a block, one after the other.
var inOrder = func() (rows [nearest.ScanBlock]uint32) {
	for i := range rows {
		rows[i] = uint32(i)
	}
	return rows
}()

func (c *codes) scorer(query []float32) func(dst []float32, from int) {
	words := make([]int16, c.d)
	scale, base := encodeRow(words, query, float64(dot.Widest(c.d))), float32(product(c.mean, query))
	return func(dst []float32, from int) {
		var sums [nearest.ScanBlock]int32
		dot.Ints(c.level, sums[:], words, c.values[from*c.d:], inOrder[:len(dst)])
		for i := range dst {
			dst[i] = base + float32(float32(sums[i])*scale*c.scale[from+i])
		}
	}
}

func (c *codes) decode(dst []float32, i int) {
	for k, v := range c.values[i*c.d:][:c.d] {
		dst[k] = c.mean[k] + float32(float32(v)*c.scale[i])
	}
}

// write writes the mean [D] and the scales [N] as float32, then the values [N, D] as int8.
func (c *codes) write(w io.Writer) error {
	return errors.Join(binary.Write(w, binary.LittleEndian, c.mean), binary.Write(w, binary.LittleEndian, c.scale), binary.Write(w, binary.LittleEndian, c.values))
}

// bitRows are vectors as bits.
type bitRows struct {
	n, d  int
	mean  []float32 // [d]
	words []uint64  // [n, words(d)], value k in bit k%64 of word k/64
}

// words is the number of words of d bits.
func words(d int) int { return (d + 63) / 64 }

func toBits(p *pool.Pool, rows nearest.Rows) *bitRows {
	b := &bitRows{rows.N, rows.D, meanOf(rows), make([]uint64, rows.N*words(rows.D))}
	const perTask = 256
	p.Run((rows.N+perTask-1)/perTask, func(task int) {
		for i := task * perTask; i < min((task+1)*perTask, rows.N); i++ {
			b.bits(b.words[i*words(b.d):][:words(b.d)], rows.Data[i*b.d:])
		}
	})
	return b
}

func (b *bitRows) bits(dst []uint64, row []float32) {
	for k, m := range b.mean {
		if row[k] > m {
			dst[k/64] |= 1 << (k % 64)
		}
	}
}

// scorer takes the share of bits that differ for the angle, as for planes drawn at random
// (Charikar 2002): cos(π differing/D).
func (b *bitRows) scorer(query []float32) func(dst []float32, from int) {
	q := make([]uint64, words(b.d))
	b.bits(q, query)
	cosine := make([]float32, b.d+1)
	for h := range cosine {
		cosine[h] = float32(math.Cos(math.Pi * float64(h) / float64(b.d)))
	}
	return func(dst []float32, from int) {
		for i := range dst {
			differ := 0
			for j, w := range b.words[(from+i)*len(q):][:len(q)] {
				differ += bits.OnesCount64(w ^ q[j])
			}
			dst[i] = cosine[differ]
		}
	}
}

// decode can only tell the sides of the mean; it gives values as far from it as they are on
// average where all have unit length.
func (b *bitRows) decode(dst []float32, i int) {
	step := float32(math.Sqrt(max(0, 1-product(b.mean, b.mean)) / float64(b.d)))
	for k, m := range b.mean {
		if b.words[i*words(b.d)+k/64]>>(k%64)&1 == 1 {
			dst[k] = m + step
		} else {
			dst[k] = m - step
		}
	}
}

// write writes the means [D] float32, then the words.
func (b *bitRows) write(w io.Writer) error {
	return errors.Join(binary.Write(w, binary.LittleEndian, b.mean), binary.Write(w, binary.LittleEndian, b.words))
}

// Quantized is what an index lost by its form.
type Quantized struct {
	FloatBytes int64   `json:"float_bytes"` // that the vectors had as float32
	Bytes      int64   `json:"bytes"`
	K          int     `json:"k"`
	Sample     int     `json:"sample"` // of the vectors, as queries
	Recall     float64 `json:"recall"` // share of the k nearest by float32 that it finds
}

// Quantize writes the index in dir to another directory, with its vectors in another form,
// and measures what is lost.
func Quantize(ctx context.Context, dir, encoding, to string) (*Quantized, error) {
	if same(dir, to) {
		return nil, fmt.Errorf("%s is the index %s itself, whose vectors could not be got back; name another directory", to, dir)
	}
	x, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	if x.encoded != nil {
		return nil, fmt.Errorf("the vectors of %s are %s already; quantize the index that they came from", dir, x.About.Encoding)
	}
	p := pool.New(0)
	defer p.Close()
	e, err := encodeAs(p, encoding, x.rows)
	if err != nil {
		return nil, err
	}
	a := x.About
	size, _ := encodedBytes(encoding, a.Count, a.Dim)
	q := &Quantized{FloatBytes: a.Files.Vectors.Bytes, Bytes: size, K: min(recallAt, max(1, a.Count-1))}
	if err := x.loss(ctx, p, e, q); err != nil {
		return nil, err
	}
	a.Encoding, a.Quantized = encoding, q
	return q, write(to, a, x.Rows, e)
}

// loss measures the recall of a form.
func (x *Index) loss(ctx context.Context, p *pool.Pool, e encoded, q *Quantized) error {
	sample := rng.New(rng.Split, 1).Perm(x.Len())[:min(sampleSize, x.Len())]
	q.Sample = len(sample)
	queries := &eval.Features{N: len(sample), D: x.rows.D}
	for _, i := range sample {
		queries.Data = append(queries.Data, x.Vector(i)...)
	}
	rows := nearest.Rows{N: queries.N, D: queries.D, Data: queries.Data}
	others := func(i int, near []nearest.Neighbour) []nearest.Neighbour {
		near = slices.DeleteFunc(slices.Clone(near), func(n nearest.Neighbour) bool { return n.Index == sample[i] })
		return near[:min(q.K, len(near))]
	}
	o := nearest.Options{K: q.K + 1, Pool: p, Level: cpu.Detect()}
	want, right, all := make([][]nearest.Neighbour, len(sample)), 0, 0
	if err := nearest.Search(ctx, o, rows, x.rows, func(i int, near []nearest.Neighbour) { want[i] = others(i, near) }); err != nil {
		return err
	}
	err := nearest.Scan(ctx, o, len(sample), x.Len(), func(i int) func([]float32, int) { return e.scorer(x.Vector(sample[i])) }, func(i int, near []nearest.Neighbour) {
		all += len(want[i])
		for _, n := range others(i, near) {
			if slices.ContainsFunc(want[i], func(w nearest.Neighbour) bool { return w.Index == n.Index }) {
				right++
			}
		}
	})
	q.Recall = 1
	if all > 0 {
		q.Recall = float64(right) / float64(all)
	}
	return err
}
