package pretrained

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"alike/internal/onnx"
	"alike/internal/onnx/build"
)

// Penultimate is the layer that the last product with a matrix takes: of a classifier, what it classifies.
const Penultimate = "penultimate"

// How what is not a vector of each image becomes one.
const (
	classToken = ":cls"  // the first of [N, T, D]
	meanToken  = ":mean" // the average over [N, T, D]
)

// preferred are names of outputs that exporters give embeddings, the best first.
var preferred = []string{"embedding", "embeddings", "image_embeds", "pooler_output", "features"}

// findLayer finds the tensor that a layer names, and how it is pooled. Without a name it is an output: one with a name
// that is preferred, or the first that is a vector of each image, or the first.
func findLayer(m *onnx.Model, layer string) (n *build.Network, pool string, err error) {
	name, pool := layer, ""
	for _, p := range []string{classToken, meanToken} {
		if rest, ok := strings.CutSuffix(layer, p); ok {
			name, pool = rest, p
		}
	}
	switch name {
	case "":
		n, err = defaultOutput(m)
		return n, pool, err
	case Penultimate:
		if n, err = defaultOutput(m); err == nil {
			name, err = beforeLastProduct(m, n.Output)
		}
		if err != nil {
			return nil, "", err
		}
	}
	n, err = build.New(m, name)
	return n, pool, err
}

func defaultOutput(m *onnx.Model) (*build.Network, error) {
	outputs := slices.Clone(m.Graph.Outputs)
	rank := func(v onnx.ValueInfo) int {
		if i := slices.Index(preferred, v.Name); i >= 0 {
			return i - len(preferred)
		}
		if len(v.Dims) == 2 {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(outputs, func(a, b onnx.ValueInfo) int { return rank(a) - rank(b) })
	var first error
	for _, v := range outputs {
		n, err := build.New(m, v.Name)
		if err == nil {
			return n, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// beforeLastProduct goes back from an output to the first product with a matrix, and returns what it takes.
func beforeLastProduct(m *onnx.Model, output string) (string, error) {
	maker := map[string]*onnx.Node{}
	for i := range m.Graph.Nodes {
		for _, name := range m.Graph.Nodes[i].Outputs {
			if name != "" { // an output that is left out
				maker[name] = &m.Graph.Nodes[i]
			}
		}
	}
	fixed := func(n *onnx.Node) bool { // made of weights alone, or of nothing
		return n == nil || n.Op == "Constant" || n.Op == "Identity" && (len(n.Inputs) == 0 || maker[n.Inputs[0]] == nil)
	}
	n := maker[output]
	for range m.Graph.Nodes { // a circle has no end
		if n == nil || len(n.Inputs) == 0 {
			break
		}
		if n.Op == "Gemm" || n.Op == "MatMul" {
			return n.Inputs[0], nil
		}
		next := maker[n.Inputs[0]]
		for _, name := range n.Inputs[1:] { // a bias may stand first
			if fixed(next) {
				next = maker[name]
			}
		}
		n = next
	}
	return "", errors.New("no product with a matrix leads to the output: --layer names a tensor instead")
}

// pooled makes of a tensor a vector for each image.
func pooled(v *build.Value, pool string, last bool) *Node {
	x, dims := v.Plain(), v.Dims()
	switch {
	case len(dims) == 2 && pool == "":
		return x
	case len(dims) == 3 && pool != meanToken:
		return Squeeze(SliceAxis(x, 1, AxisElem(0)), 1)
	case len(dims) == 3:
		return ReduceMean(x, 1)
	case len(dims) == 4 && last:
		return ReduceMean(x, 1, 2)
	case len(dims) == 4:
		return ReduceMean(x, 2, 3)
	}
	panic(fmt.Errorf("the tensor is %v; want a vector of each image [N, D], tokens [N, T, D] or pixels [N, D, H, W]", dims))
}
