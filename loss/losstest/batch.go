// Package losstest holds the checks that every loss passes: agreement with a
// float64 twin, in value and gradient, its invariances, and that nothing
// makes it NaN.
package losstest

import (
	"math/rand/v2"
	"slices"
)

// Batch is loss.Batch on the host. Every batch has classes and parameters of
// them, whether a loss looks at them or not.
type Batch struct {
	Z        [][]float64 // [M, D]
	Positive [][]bool    // [M, M]
	Weight   []float64   // [M], or nil
	View     []int32     // [M], or nil
	Label    []int32     // [M]
	Proxies  [][]float64 // [C, D]
	Bias     []float64   // [C]
}

// Views returns a batch of n images in two views stacked in blocks, with z
// [2n, dim] drawn from N(0, 1), each image a class.
func Views(n, dim int, seed uint64) Batch { return MultiViews(n, 2, dim, seed) }

// MultiViews is Views with any number of views.
func MultiViews(n, views, dim int, seed uint64) Batch {
	label := make([]int32, n*views)
	for i := range label {
		label[i] = int32(i % n)
	}
	b := Labelled(label, dim, seed)
	for i := range label {
		b.View = append(b.View, int32(i/n))
	}
	return b
}

// Labelled returns a batch with rows of the given classes, without views.
func Labelled(label []int32, dim int, seed uint64) Batch {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := Batch{Z: normals(rng, len(label), dim), Label: label}
	for i := range label {
		b.Positive = append(b.Positive, make([]bool, len(label)))
		for j := range label {
			b.Positive[i][j] = i != j && label[i] >= 0 && label[i] == label[j]
		}
	}
	classes := int(slices.Max(label)) + 1
	b.Proxies, b.Bias = normals(rng, max(classes, 1), dim), normals(rng, 1, max(classes, 1))[0]
	return b
}

func normals(rng *rand.Rand, rows, columns int) [][]float64 {
	x := make([][]float64, rows)
	for i := range x {
		x[i] = make([]float64, columns)
		for k := range x[i] {
			x[i][k] = rng.NormFloat64()
		}
	}
	return x
}

// Permute returns the batch with row order[i] at i.
func (b Batch) Permute(order []int) Batch {
	p := Batch{Proxies: b.Proxies, Bias: b.Bias}
	for _, from := range order {
		p.Z = append(p.Z, b.Z[from])
		p.Label = append(p.Label, b.Label[from])
		positive := make([]bool, len(order))
		for j, to := range order {
			positive[j] = b.Positive[from][to]
		}
		p.Positive = append(p.Positive, positive)
		if b.View != nil {
			p.View = append(p.View, b.View[from])
		}
		if b.Weight != nil {
			p.Weight = append(p.Weight, b.Weight[from])
		}
	}
	return p
}

// Scale returns the batch with every row of z multiplied by c.
func (b Batch) Scale(c float64) Batch {
	return b.Map(func(i int, row []float64) {
		for k := range row {
			row[k] *= c
		}
	})
}

// Map returns the batch with every row of z changed by f, which may write to it.
func (b Batch) Map(f func(i int, row []float64)) Batch {
	b.Z = clone(b.Z)
	for i, row := range b.Z {
		f(i, row)
	}
	return b
}

// Clone returns a copy of which every number may be written.
func (b Batch) Clone() Batch {
	b.Z, b.Proxies, b.Bias = clone(b.Z), clone(b.Proxies), slices.Clone(b.Bias)
	return b
}

func clone(x [][]float64) [][]float64 {
	y := make([][]float64, len(x))
	for i := range x {
		y[i] = slices.Clone(x[i])
	}
	return y
}

// single returns the batch with its numbers rounded to float32.
func (b Batch) single() Batch {
	b = b.Clone()
	b.Weight = slices.Clone(b.Weight)
	for _, x := range slices.Concat(b.Z, b.Proxies, [][]float64{b.Bias, b.Weight}) {
		for i := range x {
			x[i] = float64(float32(x[i]))
		}
	}
	return b
}

// ordinary are batches of random numbers, by name.
func ordinary() map[string]Batch {
	weighted := Labelled([]int32{0, 1, 0, 1, 2, 2, 0}, 4, 7)
	weighted.Weight = []float64{0.5, 1, 0, 2, 0.1, 3, 1}
	weightedViews := Views(3, 4, 8)
	weightedViews.Weight = []float64{1, 0, 0.3, 2, 0.7, 1}
	return map[string]Batch{
		"two views":       Views(4, 5, 1),
		"three views":     MultiViews(3, 3, 4, 2),
		"classes":         Labelled([]int32{0, 0, 0, 1, 1, 2, 2, 2, 2, 3, -1}, 5, 3),
		"weights":         weighted,
		"weighted views":  weightedViews,
		"one positive":    Labelled([]int32{0, 1, 2, 2, 1, 0}, 8, 4),
		"one-dimensional": Views(3, 1, 6),
	}
}

// hostile are batches that break naive code, by name.
func hostile() map[string]Batch {
	equal, zeroRow := Views(3, 4, 5), Views(3, 4, 5)
	opposite, coinciding := Views(3, 4, 5), Labelled([]int32{0, 1, 0, 1, 2, 2}, 4, 5)
	noWeight, zeroParameters := Views(3, 4, 5), Views(3, 4, 5)
	for i := range equal.Z {
		equal.Z[i] = equal.Z[0]
	}
	zeroRow.Z[1] = make([]float64, 4)
	for i := range 3 {
		opposite.Z[i+3] = opposite.Scale(-1).Z[i] // positives as unlike as can be
	}
	coinciding.Z[1] = coinciding.Z[0] // negatives as alike as can be
	noWeight.Weight = make([]float64, 6)
	for c := range zeroParameters.Proxies {
		zeroParameters.Proxies[c] = make([]float64, 4)
	}
	onProxies := Labelled([]int32{0, 0, 1, 1, 2, 2}, 4, 5)
	onProxies = onProxies.Map(func(i int, row []float64) { copy(row, onProxies.Proxies[onProxies.Label[i]]) })
	awayFromProxies := onProxies.Scale(-1)
	return map[string]Batch{
		"equal rows":            equal,
		"a row of zeros":        zeroRow,
		"zeros":                 Views(3, 4, 5).Scale(0),
		"opposite positives":    opposite,
		"coinciding negatives":  coinciding,
		"tiny rows":             Views(3, 4, 5).Scale(1e-18),
		"huge rows":             Views(3, 4, 5).Scale(1e15),
		"long rows":             Views(3, 4, 5).Scale(100),
		"one image":             Views(1, 4, 5),
		"a class of one":        Labelled([]int32{0, 0, 1, 1, 2}, 4, 5),
		"classes of one":        Labelled([]int32{0, 1, 2, 3}, 4, 5),
		"one class":             Labelled([]int32{0, 0, 0, 0}, 4, 5),
		"no class":              Labelled([]int32{-1, -1, -1}, 4, 5),
		"one row":               Labelled([]int32{0}, 4, 5),
		"weights of zero":       noWeight,
		"zero parameters":       zeroParameters,
		"rows on their proxies": onProxies,
		"rows facing away":      awayFromProxies,
	}
}
