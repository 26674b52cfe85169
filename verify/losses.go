package verify

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"

	"alike/loss"
	"alike/loss/losstest"
)

// claims are what is checked of the losses, by name; each twin's file adds its own.
var claims = map[string]losstest.Claims{}

// Losses checks every registered loss against its float64 twin and for what
// all losses promise, on every backend and float type. The error says that the
// context ended or that a loss has no twin; disagreement is in the reports.
func Losses(ctx context.Context, backends []compute.Backend) ([]losstest.Report, error) {
	reports := []losstest.Report{}
	for _, name := range loss.Losses.Names() {
		c, ok := claims[name]
		if !ok {
			return nil, fmt.Errorf("loss %s has no twin", name)
		}
		r, err := losstest.Check(ctx, name, c, backends)
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// claim adds the twin of a loss, written for its own type.
func claim[L loss.Loss](name string, defaultLogit float64, twin func(l L, b twinBatch) float64, configurations ...losstest.Configuration) {
	claims[name] = losstest.Claims{
		Twin: func(l loss.Loss, b, fixed losstest.Batch) float64 {
			return twin(l.(L), twinBatch{b, fixed})
		},
		DefaultLogit:   defaultLogit,
		Configurations: configurations,
		ScaleInvariant: func(loss.Loss) bool { return true },
	}
}

// amend changes the claims of a loss.
func amend(name string, change func(c *losstest.Claims)) {
	c := claims[name]
	change(&c)
	claims[name] = c
}

// twinBatch is a batch for a twin, and what of it does not move where a loss stops
// the gradient.
type twinBatch struct {
	losstest.Batch
	fixed losstest.Batch
}

func (b twinBatch) weight(a int) float64 {
	if b.Weight == nil {
		return 1
	}
	return b.Weight[a]
}

func (b twinBatch) negative(a, n int) bool { return a != n && !b.Positive[a][n] }

// repelled says whether n is a negative of a that counts where only those of
// other views do.
func (b twinBatch) repelled(a, n int, otherView bool) bool {
	return b.negative(a, n) && (!otherView || b.View == nil || b.View[a] != b.View[n])
}

// positives returns the positives of a row.
func (b twinBatch) positives(a int) []int { return where(b.Positive[a]) }

func where(x []bool) (index []int) {
	for i, yes := range x {
		if yes {
			index = append(index, i)
		}
	}
	return index
}

// average collects a weighted mean; of nothing it is 0.
type average struct{ sum, total float64 }

func (m *average) add(weight, x float64) {
	m.sum += weight * x
	m.total += weight
}

func (m average) value() float64 {
	if m.total == 0 {
		return 0
	}
	return m.sum / m.total
}
