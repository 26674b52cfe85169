package loss

import (
	"errors"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// ViewPositives returns the positives [V N, V N] of N images in V views
// stacked in blocks, view v of image i in row v N + i: the other views of the
// same image.
func ViewPositives(g *Graph, images, views int) *Node {
	same := Diagonal(g, images)
	rows := make([]*Node, views)
	for i := range rows {
		rows[i] = same
	}
	block := Concatenate(rows, 0)
	for i := range rows {
		rows[i] = block
	}
	tiled := Concatenate(rows, 1)
	return LogicalAnd(tiled, LogicalNot(Diagonal(g, images*views)))
}

// LabelPositives returns the positives [M, M] of rows with classes label [M]
// int32: the other rows of the same class. A row with a negative label has none.
func LabelPositives(label *Node) *Node {
	labelled := GreaterOrEqual(label, ZerosLike(label))
	same := LogicalAnd(alike(label), ExpandDims(labelled, -1))
	return LogicalAnd(same, LogicalNot(Diagonal(label.Graph(), label.Shape().Dim(0))))
}

// BlockViews returns the view [V N] int32 of each row of N images in V views
// stacked in blocks.
func BlockViews(g *Graph, images, views int) *Node {
	return Reshape(Iota(g, shapes.Make(dtypes.Int32, views, images), 0), views*images)
}

// alike returns [M, M] bool: which entries of x [M] are equal.
func alike(x *Node) *Node { return Equal(ExpandDims(x, -1), ExpandDims(x, 0)) }

// others returns [M, M] bool: every row but the anchor.
func (b Batch) others() *Node { return LogicalNot(Diagonal(b.Z.Graph(), b.Z.Shape().Dim(0))) }

// negatives returns [M, M] bool: every row but the anchor and its positives.
func (b Batch) negatives() *Node { return LogicalAnd(b.others(), LogicalNot(b.Positive)) }

// otherViewNegatives returns the negatives that are not of the anchor's view;
// all of them where there is one view.
func (b Batch) otherViewNegatives() *Node {
	if b.View == nil {
		return b.negatives()
	}
	return LogicalAnd(b.negatives(), LogicalNot(alike(b.View)))
}

// anchors returns [M] bool: the rows that have a positive.
func (b Batch) anchors() *Node { return LogicalAny(b.Positive, -1) }

// members returns [M, C] bool: the class of each row.
func (b Batch) members() *Node {
	if b.Label == nil || b.Proxies == nil {
		panic(errors.New("this loss needs labels, and parameters for their classes"))
	}
	m, c := b.Z.Shape().Dim(0), b.Proxies.Shape().Dim(0)
	return Equal(ExpandDims(b.Label, -1), Iota(b.Z.Graph(), shapes.Make(b.Label.DType(), m, c), 1))
}
