package trace

import (
	"fmt"

	"alike/internal/onnx"
)

// Graph is a graph of ONNX that is being written.
type Graph struct {
	graph onnx.Graph
	names map[string]int // how often a name was asked for
}

func newGraph() *Graph { return &Graph{names: map[string]int{}} }

// unique makes a name that nothing else has.
func (g *Graph) unique(name string) string {
	g.names[name]++
	if n := g.names[name]; n > 1 {
		return g.unique(fmt.Sprintf("%s_%d", name, n))
	}
	return name
}

// Node adds an operation and returns its output.
func (g *Graph) Node(op string, inputs []string, attributes ...onnx.Attribute) string {
	return g.named(op, op, inputs, attributes...)
}

// named is Node with a name that says what the operation is for.
func (g *Graph) named(name, op string, inputs []string, attributes ...onnx.Attribute) string {
	name = g.unique(name)
	g.graph.Nodes = append(g.graph.Nodes, onnx.Node{Name: name, Op: op, Inputs: inputs, Outputs: []string{name}, Attributes: attributes})
	return name
}

// Constant adds a value that is known and returns its name.
func (g *Graph) Constant(name string, a *onnx.Array) string {
	name = g.unique(name)
	g.graph.Initializers = append(g.graph.Initializers, a.Tensor(name))
	return name
}

// output says which tensor is the output, and names it.
func (g *Graph) output(tensor string, dims []onnx.Dim) {
	name := g.unique(OutputName)
	for i := range g.graph.Nodes {
		n := &g.graph.Nodes[i]
		for _, list := range [][]string{n.Inputs, n.Outputs} {
			for j := range list {
				if list[j] == tensor {
					list[j] = name
				}
			}
		}
	}
	g.graph.Outputs = []onnx.ValueInfo{{Name: name, Type: onnx.Float32, Dims: dims}}
}

// finish returns the graph without what its output does not need.
func (g *Graph) finish() onnx.Graph {
	needed := map[string]bool{}
	for _, v := range g.graph.Outputs {
		needed[v.Name] = true
	}
	kept := make([]bool, len(g.graph.Nodes))
	for i := len(kept) - 1; i >= 0; i-- {
		n := g.graph.Nodes[i]
		if kept[i] = needed[n.Outputs[0]]; kept[i] {
			for _, name := range n.Inputs {
				needed[name] = true
			}
		}
	}
	out := onnx.Graph{Name: "alike", Inputs: g.graph.Inputs, Outputs: g.graph.Outputs}
	for i, n := range g.graph.Nodes {
		if kept[i] {
			out.Nodes = append(out.Nodes, n)
		}
	}
	for _, t := range g.graph.Initializers {
		if needed[t.Name] {
			out.Initializers = append(out.Initializers, t)
		}
	}
	return out
}
