package norm

import (
	"math/rand/v2"
	"testing"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// TestMap finds the bits of Normalize, for all channels and for some, apart and in place.
func TestMap(t *testing.T) {
	p := pool.New(1)
	defer p.Close()
	var s, own Scratch
	shapes(func(rows, cols int) {
		r := rand.New(rand.NewPCG(7, uint64(rows*cols)))
		f := Forward[float32]{X: input(r, rows, cols), Y: make([]float32, rows*cols), Epsilon: epsilon, ReLU: cols%2 == 0}
		f.Mean, f.Variance, f.Scale, f.Offset = parameters(r, cols)
		for _, lv := range cpu.Levels() {
			Normalize(p, lv, &s, &f)
			m := own.Map(&f)
			y, all := guarded(rows*cols, r.IntN(16))
			m.Apply(lv, y, f.X)
			identical(t, lv.String(), y, f.Y)
			copy(y, f.X)
			m.Apply(lv, y, y)
			identical(t, lv.String()+" in place", y, f.Y)
			if !intact(all, len(y)) {
				t.Fatalf("%s: wrote past the end", lv)
			}
			from := cols / 3
			some := m.Channels(from, cols-from)
			for row := 0; row < rows*cols; row += cols {
				some.Apply(lv, y[:cols-from], f.X[row+from:row+cols])
				identical(t, lv.String()+" of some channels", y[:cols-from], f.Y[row+from:row+cols])
			}
		}
	})
}
