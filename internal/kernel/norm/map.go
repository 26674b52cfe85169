package norm

import "alike/internal/kernel/cpu"

// Map is a Forward without its tensors, for a kernel that reads X where it would read
// Y: one that copies what it reads can normalise it on the way, and Y is never stored.
type Map struct {
	affine
	cols int
	relu bool
}

// Map returns the normalisation of f, which must have no Residual; its tensors are not
// looked at. It lies in s and is valid until s is used again.
func (s *Scratch) Map(f *Forward[float32]) *Map {
	t := newTable(0, len(f.Scale))
	params := s.tile(t, 3)
	m := &Map{affine{params[0], params[1], params[2]}, t.cols, f.ReLU}
	m.set(f.Mean, f.Variance, f.Scale, f.Offset, f.Epsilon)
	t.repeat(params...)
	return m
}

// Channels is the part of m for n channels from one on.
func (m *Map) Channels(from, n int) *Map {
	if n == m.cols {
		return m
	}
	t := newTable(0, n)
	part := func(v []float32) []float32 {
		if t.width == n {
			return v[from : from+n]
		}
		out := make([]float32, t.width)
		copy(out, v[from:from+n])
		t.repeat(out)
		return out
	}
	return &Map{affine{part(m.mean), part(m.scale), part(m.offset)}, n, m.relu}
}

// Apply writes to y what Normalize makes of x, in the caller alone: whole rows of
// channels, of y's length. y may be x.
func (m *Map) Apply(lv cpu.Level, y, x []float32) {
	f := Forward[float32]{X: x[:len(y)], Y: y, ReLU: m.relu}
	width := len(m.mean) // the table's
	rows, left := len(y)/width, len(y)%width
	if rows > 0 {
		normalize(lv, &f, m.affine, span{0, rows, width, width})
	}
	if left > 0 {
		normalize(lv, &f, m.affine, span{rows * width, 1, left, width})
	}
}
