// Package build makes of a graph of ONNX a program of GoMLX, which runs on any of its engines: the inverse of
// package trace. It is for encoders of images: one input, images, and one output.
//
// ONNX's images are NCHW, those of GoMLX's fast engines NHWC. A value therefore says which of its axes lies where in
// its node, and is transposed only where an operator needs another order. What does not depend on the images, as
// the arithmetic of shapes that exporters write out, is computed while the program is built, by the
// interpreter of package onnx. All floating-point numbers are float32; so are integers that depend on the images.
package build

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/onnx"
)

// Network is one tensor of a graph as a function of its images.
type Network struct {
	Input  onnx.ValueInfo // the images
	Output string

	nodes   []*onnx.Node // that the output depends on, each after those that it uses
	weights map[string]*weight
}

// New finds what a tensor depends on, and checks that all of it is known.
func New(m *onnx.Model, output string) (*Network, error) {
	n := &Network{Output: output, weights: map[string]*weight{}}
	for i := range m.Graph.Initializers {
		t := &m.Graph.Initializers[i]
		n.weights[t.Name] = &weight{tensor: t, key: fmt.Sprint("w", i)}
	}
	maker := map[string]int{}
	for i := range m.Graph.Nodes {
		node := &m.Graph.Nodes[i]
		if len(node.Outputs) == 0 {
			return nil, fmt.Errorf("node %s (%s) has no output", node.Name, node.Op)
		}
		for _, name := range node.Outputs {
			if _, ok := maker[name]; name != "" && (ok || n.weights[name] != nil) {
				return nil, fmt.Errorf("%q is made twice", name)
			}
			maker[name] = i
		}
	}
	if _, ok := maker[output]; !ok || output == "" {
		return nil, fmt.Errorf("there is no tensor %q; the outputs are %s", output, strings.Join(outputs(m), ", "))
	}
	wanted := map[string]bool{output: true}
	for i := len(m.Graph.Nodes) - 1; i >= 0; i-- {
		node := &m.Graph.Nodes[i]
		if !slices.ContainsFunc(node.Outputs, func(name string) bool { return wanted[name] }) {
			continue
		}
		if err := checkOperator(node); err != nil {
			return nil, err
		}
		n.nodes = append(n.nodes, node)
		for _, name := range node.Inputs {
			if j, made := maker[name]; made && name != "" && j >= i {
				return nil, fmt.Errorf("node %s (%s) uses %q, which is made after it", node.Name, node.Op, name)
			}
			wanted[name] = true
		}
	}
	slices.Reverse(n.nodes)
	return n, n.findInput(m, wanted)
}

// findInput finds the one input that the output depends on.
func (n *Network) findInput(m *onnx.Model, wanted map[string]bool) error {
	var names []string
	for _, v := range m.Graph.Inputs {
		if wanted[v.Name] && n.weights[v.Name] == nil {
			names = append(names, v.Name)
			n.Input = v
		}
	}
	switch {
	case len(names) == 0:
		return fmt.Errorf("the tensor %q does not depend on an input", n.Output)
	case len(names) > 1:
		return fmt.Errorf("the tensor %q depends on %s; want one that depends on images alone", n.Output, strings.Join(names, ", "))
	case len(n.Input.Dims) != 4:
		return fmt.Errorf("the input %s is %v; want images, [N, 3, H, W] or [N, H, W, 3]", n.Input.Name, n.Input.Dims)
	}
	return nil
}

func outputs(m *onnx.Model) (names []string) {
	for _, v := range m.Graph.Outputs {
		names = append(names, v.Name)
	}
	return names
}

// checkOperator says what to do about an operator that is not known.
func checkOperator(n *onnx.Node) error {
	if operators[n.Op] != nil || onnx.Known(n.Op) {
		return nil
	}
	hint := "docs/interop.md lists those that are; --layer takes a tensor before it"
	switch op := n.Op; {
	case op == "If" || op == "Loop" || op == "Scan":
		hint = "control flow is not read: export the model for images of one size, or simplify the file (onnxsim)"
	case strings.HasPrefix(op, "QLinear") || strings.Contains(op, "Quantize") || strings.HasSuffix(op, "Integer"):
		hint = "quantised networks are not read: take the file in float32 or float16"
	case strings.Contains(op, "."):
		hint = "only the standard operators are: take the file as it was exported, not optimised for a runtime"
	}
	return fmt.Errorf("node %s: the operator %s is not known; %s", n.Name, n.Op, hint)
}

// Operators are the names of the operators that may depend on images.
func Operators() []string { return slices.Sorted(maps.Keys(operators)) }

// builder builds the program of a Network.
type builder struct {
	scope *model.Scope
	graph *Graph
	left  int // values that may still be computed beforehand
}

// The most values that are computed beforehand, besides four times those of the file, and that a tensor may have in a
// program: a file that states more is broken, or hostile.
const (
	mostKnown  = 1 << 24
	mostValues = 1 << 31
)

// Build builds the network for images [N, H, W, 3], with values as the graph's input wants them, which is
// NHWC if last says so, else NCHW. Weights become variables of the scope, shared by all programs that are built in
// it. It panics as graph building does, with an error that names the node.
func (n *Network) Build(scope *model.Scope, images *Node, last bool) *Value {
	b := &builder{scope: scope, graph: images.Graph(), left: mostKnown}
	for _, w := range n.weights {
		b.left += 4 * len(w.tensor.Raw) / max(1, w.tensor.Type.Bytes())
	}
	values := map[string]*Value{"": nil}
	order := []int{0, 2, 3, 1}
	if last {
		order = identity(4)
	}
	values[n.Input.Name] = b.made(n.Input.Type, images, order)
	for name, w := range n.weights {
		values[name] = &Value{b: b, typ: w.tensor.Type, dims: w.tensor.Dims, weight: w, order: identity(len(w.tensor.Dims))}
	}
	for _, node := range n.nodes {
		out := b.apply(node, values)
		for i, v := range out {
			values[node.Outputs[i]] = v
		}
	}
	return values[n.Output]
}

// apply builds one node. Faults in it, of which operators find some by indexing freely, get its name.
func (b *builder) apply(n *onnx.Node, values map[string]*Value) (out []*Value) {
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Errorf("node %s (%s): %w", n.Name, n.Op, fault(p)))
		}
	}()
	in := make([]*Value, len(n.Inputs))
	for i, name := range n.Inputs {
		v, ok := values[name]
		if !ok {
			panic(fmt.Errorf("it uses %q, which nothing before it makes", name))
		}
		in[i] = v
	}
	if v := b.renamed(n, in); v != nil {
		return []*Value{v}
	}
	if onnx.Known(n.Op) && !slices.Contains(neverKnown, n.Op) && !slices.ContainsFunc(in, func(v *Value) bool { return v != nil && !v.known() }) {
		return b.compute(n, in)
	}
	op := operators[n.Op]
	if op == nil {
		panic(errors.New("the operator is only known where its inputs do not depend on the images"))
	}
	if out = op(b, n, in); len(out) > len(n.Outputs) {
		out = out[:len(n.Outputs)]
	}
	return out
}

// fault is a panic's value as an error of the file's.
func fault(p any) error {
	if bug, ok := p.(interface{ RuntimeError() }); ok { // an index out of range, a nil input
		return fmt.Errorf("its inputs do not fit: %v", bug)
	}
	if err, ok := p.(error); ok {
		return err
	}
	return fmt.Errorf("%v", p)
}

// compute computes a node of known inputs beforehand.
func (b *builder) compute(n *onnx.Node, in []*Value) (out []*Value) {
	arrays := make([]*onnx.Array, len(in))
	for i, v := range in {
		if v != nil {
			arrays[i] = v.array()
		}
	}
	b.spend(onnx.Grown(n, arrays))
	made, err := onnx.Apply(n, arrays)
	if err != nil {
		panic(err)
	}
	for _, a := range made {
		b.spend(len(a.Data))
		out = append(out, b.constant(a))
	}
	return out
}

// neverKnown are operators that take long and that no shape is computed with: they are built whatever their inputs are.
var neverKnown = []string{"Conv", "MaxPool", "AveragePool", "Einsum", "LRN"}

// spend counts values that are computed beforehand.
func (b *builder) spend(values int) {
	if b.left -= values; b.left < 0 {
		panic(errors.New("too many values would have to be computed beforehand"))
	}
}

// renamed is the value of a node that only gives another name or order to a weight or a value, which is then not
// computed with; else nil.
func (b *builder) renamed(n *onnx.Node, in []*Value) *Value {
	switch n.Op {
	case "Identity", "Dropout":
		return in[0]
	case "Cast":
		if to := onnx.ElemType(n.IntOr("to", 0)); in[0].typ.IsFloat() && to.IsFloat() { // all of which are float32 here
			v := *in[0]
			if v.typ = onnx.Float32; v.known() {
				v.typ = to // what is computed beforehand has types
			}
			return &v
		}
	case "Transpose":
		order, err := n.Permutation(len(in[0].dims))
		if err != nil {
			panic(err)
		}
		return in[0].transposed(order)
	case "Constant":
		if a := n.Attribute("value"); a != nil && a.Tensor != nil {
			t := a.Tensor
			return &Value{b: b, typ: t.Type, dims: t.Dims, weight: &weight{tensor: t, key: "c" + n.Outputs[0]}, order: identity(len(t.Dims))}
		}
	}
	return nil
}
