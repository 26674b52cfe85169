package losstest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"go.yaml.in/yaml/v3"

	"alike/internal/registry"
	"alike/loss"
)

// Claims are what the documentation of a loss says beyond what all losses do.
type Claims struct {
	// Collapsed is the value for n > 1 images in two equal views, all rows alike.
	Collapsed func(n int) float64

	// OneImage is the value for a single image in two views.
	OneImage float64

	// ScaleInvariant losses see only the direction of the rows of z.
	ScaleInvariant bool

	// Configurations are further ones, in YAML, that must stay finite.
	Configurations []string
}

// Tolerances for float64: what two ways of summing may differ by, and what
// central differences of step 1e-5 leave.
const (
	exact      = 1e-12
	difference = 1e-8
)

// Run checks a registered loss: the invariances of every loss, its claims,
// its gradient against central differences, and that nothing makes it NaN.
func Run(t *testing.T, name string, claims Claims) {
	l, err := loss.Losses.Default(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	e := New(t)
	b := Views(4, 5, 1)
	t.Run("permuted rows have the same loss", func(t *testing.T) { permuted(t, e, l, b) })
	t.Run("swapped views have the same loss", func(t *testing.T) { swapped(t, e, l, b) })
	t.Run("the gradient agrees with central differences", func(t *testing.T) { gradient(t, e, l, b) })
	t.Run("a weight of 0 drops the anchor", func(t *testing.T) { weighted(t, e, l, b) })
	t.Run("collapsed embeddings", func(t *testing.T) { collapsed(t, e, l, claims) })
	t.Run("one image", func(t *testing.T) { oneImage(t, e, l, claims) })
	if claims.ScaleInvariant {
		t.Run("the length of a row does not matter", func(t *testing.T) { scaled(t, e, l, b) })
	}
	t.Run("nothing is NaN", func(t *testing.T) { finite(t, e, name, claims) })
}

// permuted checks that no row has a special place.
func permuted(t *testing.T, e Eval, l loss.Loss, b Batch) {
	value, grad := e.Loss(l, b)
	order := rand.New(rand.NewPCG(2, 0)).Perm(len(b.Z))
	value2, grad2 := e.Loss(l, b.Permute(order))
	Close(t, "loss", []float64{value2}, []float64{value}, exact, exact)
	for i, from := range order {
		Close(t, fmt.Sprintf("gradient of row %d", from), grad2[i], grad[from], exact, exact)
	}
}

func swapped(t *testing.T, e Eval, l loss.Loss, b Batch) {
	n := len(b.Z) / 2
	value, _ := e.Loss(l, b)
	b.Z = slices.Concat(b.Z[n:], b.Z[:n]) // the positives stay as they are
	value2, _ := e.Loss(l, b)
	Close(t, "loss", []float64{value2}, []float64{value}, exact, exact)
}

func gradient(t *testing.T, e Eval, l loss.Loss, b Batch) {
	_, grad := e.Loss(l, b)
	const h = 1e-5
	for i, row := range b.Z {
		for k := range row {
			up, down := b.Scale(1), b.Scale(1)
			up.Z[i][k] += h
			down.Z[i][k] -= h
			high := e.Value(l.Graph, up)[0]
			low := e.Value(l.Graph, down)[0]
			Close(t, fmt.Sprintf("gradient of z[%d][%d]", i, k),
				[]float64{grad[i][k]}, []float64{(high - low) / (2 * h)}, difference, difference)
		}
	}
}

// weighted checks that the loss is the mean of the anchors' losses, which
// weights that single out one anchor each make visible.
func weighted(t *testing.T, e Eval, l loss.Loss, b Batch) {
	value, _ := e.Loss(l, b)
	mean := 0.0
	for i := range b.Z {
		b.Weight = make([]float64, len(b.Z))
		b.Weight[i] = 2 // any but 1: weights are relative
		mean += e.Value(l.Graph, b)[0] / float64(len(b.Z))
	}
	Close(t, "mean of the anchors' losses", []float64{mean}, []float64{value}, exact, exact)
}

func collapsed(t *testing.T, e Eval, l loss.Loss, claims Claims) {
	for _, n := range []int{2, 5} {
		b := Views(n, 3, 3)
		for i := range b.Z {
			b.Z[i] = b.Z[0]
		}
		value, _ := e.Loss(l, b)
		Close(t, fmt.Sprintf("loss of %d images", n), []float64{value}, []float64{claims.Collapsed(n)}, exact, exact)
	}
}

func oneImage(t *testing.T, e Eval, l loss.Loss, claims Claims) {
	value, grad := e.Loss(l, Views(1, 4, 4))
	Close(t, "loss", []float64{value}, []float64{claims.OneImage}, exact, exact)
	Close(t, "gradient", slices.Concat(grad...), make([]float64, 8), 0, exact)
}

// scaled checks that c z has the loss of z and 1/c of its gradient, which is
// orthogonal to z.
func scaled(t *testing.T, e Eval, l loss.Loss, b Batch) {
	value, grad := e.Loss(l, b)
	for _, c := range []float64{1e-3, 7, 1e3} {
		value2, grad2 := e.Loss(l, b.Scale(c))
		Close(t, fmt.Sprintf("loss at %g z", c), []float64{value2}, []float64{value}, exact, exact)
		for i := range grad {
			for k := range grad[i] {
				grad2[i][k] *= c
			}
			Close(t, fmt.Sprintf("gradient at %g z, row %d", c, i), grad2[i], grad[i], exact, exact)
		}
	}
	for i := range grad {
		dot := 0.0
		for k := range grad[i] {
			dot += grad[i][k] * b.Z[i][k]
		}
		Close(t, fmt.Sprintf("gradient along row %d", i), []float64{dot}, []float64{0}, 0, exact)
	}
}

// finite tries what breaks naive code, in both float types.
func finite(t *testing.T, e Eval, name string, claims Claims) {
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.Float64} {
		e.DType = dtype
		for _, config := range append([]string{name}, claims.Configurations...) {
			var choice registry.Choice
			if err := yaml.Unmarshal([]byte(config), &choice); err != nil {
				t.Fatal(err)
			}
			l, err := loss.Losses.New(choice)
			if err != nil {
				t.Fatal(err)
			}
			for what, b := range hostile() {
				value, grad := e.Loss(l, b)
				for _, x := range append(slices.Concat(grad...), value) {
					if math.IsNaN(x) || math.IsInf(x, 0) {
						t.Errorf("%s, %s in %s: loss %g, gradient %g", config, what, dtype, value, grad)
						break
					}
				}
			}
		}
	}
}

// hostile returns batches that break naive code.
func hostile() map[string]Batch {
	zeroRow, zeros, opposite := Views(3, 4, 5), Views(3, 4, 5).Scale(0), Views(3, 4, 5)
	zeroRow.Z[1] = make([]float64, 4)
	for i := range 3 {
		opposite.Z[i+3] = opposite.Scale(-1).Z[i] // positives as unlike as can be
	}
	return map[string]Batch{
		"a row of zeros":     zeroRow,
		"zeros":              zeros,
		"opposite positives": opposite,
		"tiny rows":          Views(3, 4, 5).Scale(1e-18),
		"huge rows":          Views(3, 4, 5).Scale(1e15),
		"one image":          Views(1, 4, 5),
	}
}
