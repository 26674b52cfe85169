package onnx

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Program is a model that is ready to run.
type Program struct {
	model   *Model
	weights map[string]*Array
	frees   [][]string // by node: the tensors that it uses last
}

// operator computes a node's first output, the only one that is known. Inputs that are left out are nil. Values are
// computed in float64 and rounded to the type of the output afterwards.
type operator func(n *Node, in []*Array) (*Array, error)

// Load checks that all of a model can be run, and decodes its weights.
func Load(m *Model) (*Program, error) {
	p := &Program{model: m, weights: map[string]*Array{}}
	for i := range m.Graph.Initializers {
		t := &m.Graph.Initializers[i]
		a, err := t.Array()
		if err != nil {
			return nil, err
		}
		p.weights[t.Name] = a
	}
	known := map[string]bool{"": true}
	for name := range p.weights {
		known[name] = true
	}
	for _, v := range m.Graph.Inputs {
		known[v.Name] = true
	}
	for i := range m.Graph.Nodes {
		n := &m.Graph.Nodes[i]
		if !Known(n.Op) {
			return nil, fmt.Errorf("node %s: the operator %s is not known; have %s", n.Name, n.Op, strings.Join(Operators(), ", "))
		}
		if len(n.Outputs) == 0 {
			return nil, fmt.Errorf("node %s (%s) has no output", n.Name, n.Op)
		}
		for _, name := range n.Inputs {
			if !known[name] {
				return nil, fmt.Errorf("node %s (%s) uses %q, which nothing before it makes", n.Name, n.Op, name)
			}
		}
		for _, name := range n.Made() {
			if known[name] {
				return nil, fmt.Errorf("%q is made twice", name)
			}
			known[name] = true
		}
	}
	for _, v := range m.Graph.Outputs {
		if !known[v.Name] {
			return nil, fmt.Errorf("the output %q is made by nothing", v.Name)
		}
	}
	p.planFrees()
	return p, nil
}

// planFrees finds after which node each tensor is not needed any more.
func (p *Program) planFrees() {
	g := &p.model.Graph
	p.frees = make([][]string, len(g.Nodes))
	seen := map[string]bool{}
	for _, v := range g.Outputs {
		seen[v.Name] = true
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		for _, name := range append(slices.Clone(g.Nodes[i].Inputs), g.Nodes[i].Outputs...) {
			if !seen[name] {
				seen[name] = true
				p.frees[i] = append(p.frees[i], name)
			}
		}
	}
}

// Run computes the graph's outputs from its inputs, both in the order of the graph. Every type and
// every length that the file states is checked. Goroutines may share a Program.
func (p *Program) Run(inputs ...*Array) ([]*Array, error) {
	g := &p.model.Graph
	var wanted []ValueInfo
	for _, v := range g.Inputs {
		if p.weights[v.Name] == nil {
			wanted = append(wanted, v)
		}
	}
	if len(inputs) != len(wanted) {
		return nil, fmt.Errorf("%d inputs, want %d", len(inputs), len(wanted))
	}
	values := maps.Clone(p.weights)
	named := map[string]int{}
	for i, v := range wanted {
		if err := v.check(inputs[i], named); err != nil {
			return nil, fmt.Errorf("input %w", err)
		}
		values[v.Name] = inputs[i]
	}
	for i := range g.Nodes {
		out, err := apply(&g.Nodes[i], values)
		if err != nil {
			return nil, fmt.Errorf("node %s (%s): %w", g.Nodes[i].Name, g.Nodes[i].Op, err)
		}
		for k, name := range g.Nodes[i].Made() {
			values[name] = out[k]
		}
		for _, name := range p.frees[i] {
			delete(values, name)
		}
	}
	outputs := make([]*Array, len(g.Outputs))
	for i, v := range g.Outputs {
		outputs[i] = values[v.Name]
		if err := v.check(outputs[i], named); err != nil {
			return nil, fmt.Errorf("output %w", err)
		}
	}
	return outputs, nil
}

func apply(n *Node, values map[string]*Array) ([]*Array, error) {
	in := make([]*Array, len(n.Inputs))
	for i, name := range n.Inputs {
		in[i] = values[name]
	}
	return Apply(n, in)
}

// Made are the outputs that are computed: all of a Split, the first of any other.
func (n *Node) Made() []string {
	if n.Op == "Split" {
		return n.Outputs
	}
	return n.Outputs[:1]
}

// Operators are the names of those that Apply computes.
func Operators() []string { return slices.Sorted(maps.Keys(operators)) }

// Known says whether Apply computes nodes of an operator.
func Known(op string) bool { return op == "Split" || operators[op] != nil }

// Apply computes one node: what it makes. A fault in it is an error, though operators index their inputs freely.
func Apply(n *Node, in []*Array) (out []*Array, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("its inputs do not fit: %v", p)
		}
	}()
	switch op := operators[n.Op]; {
	case n.Op == "Split":
		out, err = split(n, in)
	case op == nil:
		err = errors.New("the operator is not known")
	default:
		out = make([]*Array, 1)
		out[0], err = op(n, in)
	}
	if err != nil {
		return nil, err
	}
	for _, a := range out {
		a.round()
	}
	return out, nil
}

// check compares a value with what the file says of it; axes of one name have one length.
func (v *ValueInfo) check(a *Array, named map[string]int) error {
	fits := a.Type == v.Type && len(a.Dims) == len(v.Dims)
	for i := 0; fits && i < len(v.Dims); i++ {
		want := v.Dims[i].Size
		if name := v.Dims[i].Name; name != "" {
			if _, ok := named[name]; !ok {
				named[name] = a.Dims[i]
			}
			want = named[name]
		}
		fits = a.Dims[i] == want
	}
	if !fits {
		return fmt.Errorf("%s is %s %v, want %s %v", v.Name, a.Type, a.Dims, v.Type, v.Dims)
	}
	return nil
}

// parallel calls f for 0 to n-1 on all processors. What f does for one does not depend on others.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), n)
	faults := make([]any, workers)
	for w := range workers {
		wg.Go(func() {
			defer func() { faults[w] = recover() }()
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
	for _, p := range faults {
		if p != nil {
			panic(p)
		}
	}
}
