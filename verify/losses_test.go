package verify

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"alike/loss"
	"alike/loss/losstest"
)

func TestEveryLossPassesItsChecks(t *testing.T) {
	reports, err := Losses(t.Context(), backends(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		t.Run(r.Name, func(t *testing.T) {
			for _, f := range r.Failures {
				t.Error(f)
			}
			t.Logf("%d checks", r.Checks)
		})
	}
	if d := cmp.Diff(loss.Losses.Names(), slices.Sorted(maps.Keys(claims))); d != "" {
		t.Errorf("losses and twins (-losses +twins):\n%s", d)
	}
}

// TestLossesAgreeWithTheirTwinsOnAnyClasses draws classes, views and weights. In
// one dimension all cosines tie, and rounding would decide what is semi-hard.
func TestLossesAgreeWithTheirTwinsOnAnyClasses(t *testing.T) {
	e := losstest.Engine{Backend: backends(t)[0], DType: dtypes.Float64}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(loss.Losses.Names()).Draw(t, "loss")
		l, err := loss.Losses.Default(name)
		if err != nil {
			t.Fatal(err)
		}
		label := rapid.SliceOfN(rapid.Int32Range(-1, 4), 1, 12).Draw(t, "label")
		b := losstest.Labelled(label, rapid.IntRange(2, 8).Draw(t, "dim"), rapid.Uint64().Draw(t, "seed"))
		for range label {
			b.View = append(b.View, rapid.Int32Range(0, 2).Draw(t, "view"))
			b.Weight = append(b.Weight, rapid.SampledFrom([]float64{0, 0.1, 1, 3}).Draw(t, "weight"))
		}
		r, err := e.Loss(l, b)
		if err != nil {
			t.Fatal(err)
		}
		want := claims[name].Twin(l, b, b)
		if !(math.Abs(r.Value-want) <= 1e-9*(1+math.Abs(want))) {
			t.Fatalf("%s: %.15g, want %.15g", name, r.Value, want)
		}
	})
}

// TestEveryLossCanFail changes each twin a little, in value or in slope only.
func TestEveryLossCanFail(t *testing.T) {
	for name, c := range claims {
		for _, tc := range []struct {
			name string
			off  func(b, fixed losstest.Batch) float64
		}{
			{"value", func(losstest.Batch, losstest.Batch) float64 { return 1e-3 }},
			{"slope", func(b, fixed losstest.Batch) float64 { return 1e-3 * (b.Z[0][0] - fixed.Z[0][0]) }},
		} {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				wrong := c
				wrong.Configurations = nil
				wrong.Twin = func(l loss.Loss, b, fixed losstest.Batch) float64 {
					return c.Twin(l, b, fixed) + tc.off(b, fixed)
				}
				r, err := losstest.Check(t.Context(), name, wrong, backends(t)[:1])
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Failures) == 0 {
					t.Error("no failures")
				}
			})
		}
	}
}

func TestContextEndsTheCheckOfLosses(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	stop(cause)
	if _, err := Losses(ctx, []compute.Backend{backends(t)[0]}); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}
