package method

import (
	"github.com/gomlx/gomlx/core/graph"

	"alike/loss"
)

// twoViews are methods that learn from unlabelled images by two views of each,
// and embed with h.
type twoViews struct{}

// Validate implements Method.
func (twoViews) Validate() error { return nil }

// Views implements Method.
func (twoViews) Views() int { return 2 }

// Supervised implements Method.
func (twoViews) Supervised() bool { return false }

// Positive implements Method.
func (v twoViews) Positive(g *graph.Graph, images int, _ *graph.Node) *graph.Node {
	return loss.ViewPositives(g, images, v.Views())
}

// Layer implements Method.
func (twoViews) Layer() string { return LayerH }
