package simd

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"
)

// value is an output of a node, as compute.Value.
type value struct {
	node *node
	out  int
}

func (v *value) shape() shapes.Shape { return v.node.shapes[v.out] }

// node is an operation of a recorded graph. Nodes are numbered in the order of
// recording, so inputs come before what uses them.
type node struct {
	id     int
	op     compute.OpType
	inputs []*value
	shapes []shapes.Shape // of the outputs
	attrs  any            // what the operation needs besides its inputs
	replay replay
	outs   []*value
}

// replay records the operation on another backend's function.
type replay func(f compute.Function, inputs []compute.Value) ([]compute.Value, error)

// builder implements compute.Builder.
type builder struct {
	notimplemented.Builder
	backend *Backend
	name    string
	main    *function
}

func newBuilder(b *Backend, name string) *builder {
	bl := &builder{backend: b, name: name}
	bl.main = &function{Function: notimplemented.Function{ErrFn: unsupported}, builder: bl}
	return bl
}

func unsupported(op compute.OpType) error {
	return fmt.Errorf("backend %s: %s: %w", Name, op, compute.ErrNotImplemented)
}

func (b *builder) Name() string           { return b.name }
func (b *builder) Main() compute.Function { return b.main }

func (b *builder) OpShape(op compute.Value) (shapes.Shape, error) { return b.main.Shape(op) }

func (b *builder) DeviceAssignment(devices ...compute.DeviceNum) error {
	if len(devices) > 1 || len(devices) == 1 && devices[0] != 0 {
		return fmt.Errorf("backend %s has device 0 only, not %v", Name, devices)
	}
	return nil
}

func (b *builder) Compile() (compute.Executable, error) {
	if !b.main.returned {
		return nil, fmt.Errorf("backend %s: %q has no Return yet", Name, b.name)
	}
	return compile(b.backend, b.name, b.main)
}

// function implements compute.Function by recording.
type function struct {
	notimplemented.Function
	builder    *builder
	nodes      []*node
	parameters []*node
	names      []string
	outputs    []*value
	returned   bool
}

func (f *function) Builder() compute.Builder { return f.builder }

func (f *function) Shape(v compute.Value) (shapes.Shape, error) {
	x, err := f.own(v)
	if err != nil {
		return shapes.Invalid(), err
	}
	return x.shape(), nil
}

// own returns a Value as one of this function's.
func (f *function) own(v compute.Value) (*value, error) {
	x, ok := v.(*value)
	if !ok || x == nil || x.node.id >= len(f.nodes) || f.nodes[x.node.id] != x.node {
		return nil, fmt.Errorf("backend %s: the value %v belongs to another function", Name, v)
	}
	return x, nil
}

// add appends a node whose output shapes are known.
func (f *function) add(op compute.OpType, attrs any, inputs []*value, out []shapes.Shape, r replay) (*node, error) {
	if f.returned {
		return nil, errors.New("the function has returned: nothing can be added to it")
	}
	n := &node{id: len(f.nodes), op: op, inputs: inputs, shapes: out, attrs: attrs, replay: r}
	for i := range out {
		n.outs = append(n.outs, &value{n, i})
	}
	f.nodes = append(f.nodes, n)
	return n, nil
}

// record appends an operation that the Go backend knows: its shapes are what
// that backend infers, its faults what that backend finds.
func (f *function) record(op compute.OpType, attrs any, inputs []compute.Value, r replay) ([]*value, error) {
	in := make([]*value, len(inputs))
	for i, v := range inputs {
		x, err := f.own(v)
		if err != nil {
			return nil, err
		}
		in[i] = x
	}
	_, outs, err := f.builder.backend.rehearse(in, r)
	if err != nil {
		return nil, err
	}
	n, err := f.add(op, attrs, in, outs, r)
	if err != nil {
		return nil, err
	}
	return n.outs, nil
}

// rehearse builds the operation alone on the Go backend.
func (b *Backend) rehearse(inputs []*value, r replay) (compute.Builder, []shapes.Shape, error) {
	bl := b.portable.Builder("operation")
	main := bl.Main()
	in := make([]compute.Value, len(inputs))
	for i, x := range inputs {
		p, err := main.Parameter(fmt.Sprint(i), x.shape(), nil)
		if err != nil {
			return nil, nil, err
		}
		in[i] = p
	}
	results, err := r(main, in)
	if err != nil {
		return nil, nil, err
	}
	outs := make([]shapes.Shape, len(results))
	for i, v := range results {
		if outs[i], err = bl.OpShape(v); err != nil {
			return nil, nil, err
		}
	}
	return bl, outs, main.Return(results, nil)
}

func (f *function) Parameter(name string, shape shapes.Shape, spec *compute.ShardingSpec) (compute.Value, error) {
	if spec != nil {
		return nil, fmt.Errorf("backend %s cannot shard parameter %q", Name, name)
	}
	if slices.Contains(f.names, name) {
		return nil, fmt.Errorf("backend %s: two parameters are named %q", Name, name)
	}
	if slices.ContainsFunc(shape.Dimensions, func(d int) bool { return d < 0 }) {
		return nil, fmt.Errorf("backend %s has static shapes only, parameter %q is %s", Name, name, shape)
	}
	n, err := f.add(compute.OpTypeParameter, nil, nil, []shapes.Shape{shape}, nil)
	if err != nil {
		return nil, err
	}
	f.parameters, f.names = append(f.parameters, n), append(f.names, name)
	return n.outs[0], nil
}

func (f *function) Constant(flat any, dims ...int) (compute.Value, error) {
	rv := reflect.ValueOf(flat)
	if rv.Kind() != reflect.Slice {
		return nil, fmt.Errorf("backend %s: a constant is a slice, not %T", Name, flat)
	}
	shape := shapes.Make(dtypes.FromGoType(rv.Type().Elem()), dims...)
	if shape.Size() != rv.Len() {
		return nil, fmt.Errorf("backend %s: %d values for a constant of shape %s", Name, rv.Len(), shape)
	}
	data := newFlat(shape)
	if err := copyFlat(data, flat); err != nil {
		return nil, err
	}
	n, err := f.add(compute.OpTypeConstant, data, nil, []shapes.Shape{shape}, nil)
	if err != nil {
		return nil, err
	}
	return n.outs[0], nil
}

func (f *function) Return(outputs []compute.Value, shardings []*compute.ShardingSpec) error {
	if f.returned {
		return errors.New("the function has returned already")
	}
	if len(outputs) == 0 {
		return errors.New("Return needs at least one output")
	}
	if slices.ContainsFunc(shardings, func(s *compute.ShardingSpec) bool { return s != nil }) {
		return fmt.Errorf("backend %s cannot shard outputs", Name)
	}
	for _, v := range outputs {
		x, err := f.own(v)
		if err != nil {
			return err
		}
		f.outputs = append(f.outputs, x)
	}
	f.returned = true
	return nil
}
