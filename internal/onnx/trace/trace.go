// Package trace writes a GoMLX program as a graph of ONNX. It is an engine that computes nothing:
// a program that is built for it, as for any other, is recorded operation by operation, with known
// weights in the place of its parameters. So what is exported is the network that is trained, and
// neither encoders nor heads know of it.
//
// GoMLX's images are NHWC, ONNX's NCHW. A recorded value therefore says which axis of the program lies where in
// the graph, and is transposed only where two disagree; constants are transposed, and computed, beforehand.
// What GoMLX spells out and ONNX has an operator for, as ReLU and means, is recognised.
package trace

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/notimplemented"
	"github.com/gomlx/compute/shapes"

	"alike/internal/onnx"
)

// Opset is the version of ONNX's operators that is written, and irVersion that of the format that goes with it.
const (
	Opset     = 18
	irVersion = 8
)

// Batch is the number of images that a program is built for. It stands for any: a length that is a
// multiple of it, a prime that no network has, is open in the graph.
const Batch = 1_000_003

// Names of the graph's input, its output and the axis that is open.
const (
	ImagesName   = "images"
	FeaturesName = "features" // where the program is given vectors, [N, D]
	OutputName   = "embedding"
	batchName    = "N"
)

// Options choose what the graph is given, and its types.
type Options struct {
	// Uint8 takes images as bytes [N, H, W, 3]; else as numbers in [0, 1], [N, 3, H, W].
	Uint8 bool
	// Prepare, if set, takes images of any size and makes of them what the program is given.
	Prepare func(g *Graph, images string) string
	// Half keeps the weights of convolutions, and what is computed from them up to the next sum, in float16.
	Half bool
}

// Engine records. Its one program has one input, images [Batch, H, W, 3] in [0, 1] or features [Batch, D], and
// one output.
type Engine struct {
	notimplemented.Backend
	options Options
	weights func(parameter string) *Weight
	graph   *Graph
	forms   map[form]string
	inputs  int
	fault   error // of the output
}

// Weight is the value of a program's parameter.
type Weight struct {
	Name string // in the file
	Flat []float32
}

// New returns an engine for one program. weights knows the values of its parameters; what it
// returns nil for is the input.
func New(o Options, weights func(parameter string) *Weight) *Engine {
	return &Engine{options: o, weights: weights, graph: newGraph(), forms: map[form]string{}}
}

// Model is the recorded program, once it is compiled.
func (e *Engine) Model() (*onnx.Model, error) {
	if e.fault != nil {
		return nil, e.fault
	}
	return &onnx.Model{IRVersion: irVersion, Opset: Opset, Metadata: map[string]string{}, Graph: e.graph.finish()}, nil
}

// Name implements compute.Backend.
func (e *Engine) Name() string { return "onnx" }

func (e *Engine) String() string { return e.Name() }

// Description implements compute.Backend.
func (e *Engine) Description() string { return "writes programs as ONNX" }

// Capabilities implements compute.Backend. Batch norm is the one operation that programs ask for.
func (e *Engine) Capabilities() compute.Capabilities {
	return compute.Capabilities{
		Operations: map[compute.OpType]bool{compute.OpTypeBatchNormForInference: true},
		DTypes:     map[dtypes.DType]bool{dtypes.Float32: true, dtypes.Int32: true, dtypes.Int64: true, dtypes.Bool: true},
	}
}

// Builder implements compute.Backend.
func (e *Engine) Builder(name string) compute.Builder {
	b := &builder{name: name}
	b.main = &function{Function: notimplemented.Function{ErrFn: unknown}, builder: b, engine: e}
	return b
}

func unknown(op compute.OpType) error {
	return fmt.Errorf("the operation %s cannot be written as ONNX yet: %w", op, compute.ErrNotImplemented)
}

// builder implements compute.Builder.
type builder struct {
	notimplemented.Builder
	name string
	main *function
}

func (b *builder) Name() string                                   { return b.name }
func (b *builder) Main() compute.Function                         { return b.main }
func (b *builder) OpShape(op compute.Value) (shapes.Shape, error) { return b.main.Shape(op) }
func (b *builder) DeviceAssignment(...compute.DeviceNum) error    { return nil }

// Compile implements compute.Builder: what is compiled cannot be executed.
func (b *builder) Compile() (compute.Executable, error) { return executable{}, nil }

type executable struct{ compute.Executable }

func (executable) Finalize() {}
