package loss_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/loss"
	"alike/loss/losstest"
)

// reference is a test of testdata/ntxent.json.
type reference struct {
	ID     string
	Inputs struct{ Z [][]float64 }
	Params struct {
		Temperature float64
		Layout      string
		L2Normalize bool `json:"l2_normalize"`
	}
	Expected struct {
		Loss     float64
		TwoMeans float64     `json:"loss_two_half_means"`
		PerRow   []float64   `json:"per_row_loss"`
		GradZ    [][]float64 `json:"grad_wrt_input"`
		GradU    [][]float64 `json:"grad_wrt_unit_vectors"`
		Accuracy float64     `json:"contrastive_accuracy_all_candidates"`
	}
}

// batch returns the test's rows with the positives of its layout.
func (r reference) batch() losstest.Batch {
	m := len(r.Inputs.Z)
	b := losstest.Views(m/2, 1, 0)
	if r.Params.Layout == "interleaved" {
		order := make([]int, m)
		for i := range order {
			order[i] = i/2 + i%2*m/2
		}
		b = b.Permute(order)
	}
	b.Z = r.Inputs.Z
	return b
}

func references(t *testing.T) []reference {
	raw, err := os.ReadFile("testdata/ntxent.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Tests []reference }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Tests) == 0 {
		t.Fatal("no tests in testdata/ntxent.json")
	}
	return file.Tests
}

func TestNTXentAgreesWithReferenceValues(t *testing.T) {
	for _, ref := range references(t) {
		for _, tol := range []struct {
			dtype              dtypes.DType
			relative, absolute float64
		}{{dtypes.Float64, 1e-9, 1e-11}, {dtypes.Float32, 1e-4, 1e-5}} {
			t.Run(ref.ID+"/"+tol.dtype.String(), func(t *testing.T) {
				e := engine(t)
				e.DType = tol.dtype
				check := func(what string, got, want []float64) {
					t.Helper()
					closeTo(t, what, got, want, tol.relative, tol.absolute)
				}
				l := &loss.NTXent{Temperature: ref.Params.Temperature, L2Normalize: ref.Params.L2Normalize}
				b, want := ref.batch(), ref.Expected
				r := evaluate(t, e, l, b)
				check("loss", []float64{r.Value, 2 * r.Value}, []float64{want.Loss, want.TwoMeans})
				check("gradient", slices.Concat(r.Z...), slices.Concat(want.GradZ...))
				for i := range b.Z { // a weight on one anchor shows its own loss
					one := b
					one.Weight = make([]float64, len(b.Z))
					one.Weight[i] = 1
					check(fmt.Sprintf("loss of row %d", i), value(t, e, l.Graph, one), want.PerRow[i:i+1])
				}
				if l.L2Normalize {
					r := evaluate(t, e, &loss.NTXent{Temperature: l.Temperature}, units(b))
					check("gradient of unit vectors", slices.Concat(r.Z...), slices.Concat(want.GradU...))
					check("accuracy", value(t, e, accuracy, b), []float64{want.Accuracy})
				}
			})
		}
	}
}

func accuracy(b loss.Batch) *Node { return loss.ContrastiveAccuracy(b.Z, b.Positive) }

// units returns the batch with rows of length 1.
func units(b losstest.Batch) losstest.Batch {
	b = b.Scale(1)
	for _, row := range b.Z {
		norm := math.Sqrt(dot(row, row))
		for k := range row {
			row[k] /= norm
		}
	}
	return b
}

func dot(x, y []float64) float64 {
	s := 0.0
	for k := range x {
		s += x[k] * y[k]
	}
	return s
}

func TestContrastiveAccuracy(t *testing.T) {
	e := engine(t)
	b := losstest.Views(3, 4, 1)
	for _, tc := range []struct {
		name string
		z    func(i int) []float64 // row i of 6
		want float64
	}{
		{"equal views are all found", func(i int) []float64 { return b.Z[i%3] }, 1},
		{"collapsed embeddings find nothing", func(int) []float64 { return b.Z[0] }, 0},
		{"zeros find nothing", func(int) []float64 { return make([]float64, 4) }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := b.Scale(1)
			for i := range c.Z {
				c.Z[i] = tc.z(i)
			}
			if got := value(t, e, accuracy, c)[0]; got != tc.want {
				t.Errorf("got %g, want %g", got, tc.want)
			}
		})
	}
}
