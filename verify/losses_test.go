package verify

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/google/go-cmp/cmp"

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
