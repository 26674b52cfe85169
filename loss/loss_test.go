package loss_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/gomlx/gomlx/core/graph"

	"alike/loss"
	"alike/loss/losstest"
)

// claims has what each loss's documentation says, by name.
var claims = map[string]losstest.Claims{
	"ntxent": {
		Collapsed:      func(n int) float64 { return math.Log(float64(2*n - 1)) },
		OneImage:       0, // the positive is the only candidate
		ScaleInvariant: true,
		Configurations: []string{
			"{name: ntxent, temperature: 0.01}",
			"{name: ntxent, temperature: 100}",
		},
	},
}

func TestConformance(t *testing.T) {
	for _, name := range loss.Losses.Names() {
		t.Run(name, func(t *testing.T) {
			c, ok := claims[name]
			if !ok {
				t.Fatal("has no entry in claims")
			}
			losstest.Run(t, name, c)
		})
	}
}

func TestViewPositives(t *testing.T) {
	for _, tc := range []struct {
		name          string
		images, views int
		want          []float64
	}{
		{"two views of two images", 2, 2, []float64{
			0, 0, 1, 0,
			0, 0, 0, 1,
			1, 0, 0, 0,
			0, 1, 0, 0}},
		{"three views of one image", 1, 3, []float64{
			0, 1, 1,
			1, 0, 1,
			1, 1, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := losstest.New(t).Value(func(z, _, _ *Node) *Node {
				return ConvertDType(loss.ViewPositives(z.Graph(), tc.images, tc.views), z.DType())
			}, losstest.Views(1, 1, 0))
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
