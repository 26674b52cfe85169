package train

import (
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
	"alike/loss"
	"alike/method"
	"alike/optimize"
)

// headScope is the scope of the projection head; the encoder is at the root.
const headScope = "head"

// lossScope is the scope of what a loss learns of the classes.
const lossScope = "loss"

// Stats are what a training step reports.
type Stats struct {
	Loss         float64
	Accuracy     float64 // share of rows whose most similar other row is a positive
	GradientNorm float64 // of all gradients together
}

// program is one training step: views and the learning rate go in, statistics
// come out, weights, optimiser state and the method's memory are updated in the store.
type program struct {
	exec   *model.Exec
	params []param
}

// param is a trained tensor, in the order of a step's outputs.
type param struct {
	path string
	bias int // values of a bias, 0 of others
}

// newProgram compiles the training step of a resolved configuration.
func newProgram(b compute.Backend, store *model.Store, c *Config) (*program, error) {
	p, err := c.build()
	if err != nil {
		return nil, err
	}
	store.RootScope().SetParam(nn.SeedParam, c.Seed)
	store.RootScope().SetParam(nn.CheckpointParam, c.CheckpointBlocks)
	if len(c.Freeze) > 0 {
		store.RootScope().SetParam(nn.FrozenParam, c.frozen)
	}
	program := &program{}
	step := func(scope *model.Scope, x, label, index, lr, done *Node) []*Node {
		scope.Store().SetTraining(x.Graph(), true)
		o := p.plainStep
		if c.Chunk > 0 {
			o = p.cachedStep
		}
		s := o(c, scope, &method.Step{
			Scope:  scope.In(method.Scope),
			Views:  values(x),
			Label:  label,
			Index:  index,
			Done:   done,
			Images: c.Batch,
			Total:  c.Schedule.Images,
		})
		c.scaleLR(s.params)
		p.optimizer.Update(scope, lr, s.params)
		positive := p.method.Positive(x.Graph(), c.Batch, label)
		squares, biases := program.gradients(x.Graph(), s.params)
		return []*Node{s.loss, loss.ContrastiveAccuracy(s.z, positive), squares, biases, ConvertDType(s.z, dtypes.Float32)}
	}
	program.exec, err = model.NewExec(b, store, step)
	if err != nil {
		return nil, compileError("training step", err)
	}
	rows, scalar := p.method.Views()*c.Batch, shapes.Make(dtypes.Float32)
	_, err = program.exec.Compile(c.inputShape(c.Pixels, rows), shapes.Make(dtypes.Int32, rows), shapes.Make(dtypes.Int32, rows), scalar, scalar)
	if err == nil {
		err = c.checkPatterns(store, len(program.params))
	}
	return program, compileError("training step", err)
}

// gradients are what a step tells of them: the sum of squares of each parameter's [P], and
// those of all biases in a row. It notes which parameters these are.
func (p *program) gradients(g *Graph, params []optimize.Param) (squares, biases *Node) {
	var sums, rows []*Node
	p.params = nil
	for _, q := range params {
		path := q.Variable.Path()
		this := param{path: path}
		if _, name := model.SplitPath(path); name == "bias" {
			this.bias = q.Variable.Shape().Size()
			rows = append(rows, q.Gradient)
		}
		p.params = append(p.params, this)
		sums = append(sums, Reshape(ReduceAllSum(Square(q.Gradient)), 1))
	}
	nothing := Zeros(g, shapes.Make(dtypes.Float32, 1)) // where all is frozen, or has no bias
	return concatenate(append(sums, nothing)), concatenate(append(rows, nothing))
}

// objective is the loss of a step with the embeddings z [V N, D] and all gradients.
type objective struct {
	loss, z *Node
	params  []optimize.Param
}

// network is g(f(x)) with the weights below a scope. A step may call it more than once.
func (p *parts) network(c *Config, scope *model.Scope, x *Node) *Node {
	scope = scope.Store().Scope(scope.Scope()) // which has not been visited
	return p.head.Graph(scope.In(headScope), p.encoder.Graph(scope, inDType(x, c.DType)))
}

// plainStep embeds the whole batch at once.
func (p *parts) plainStep(c *Config, scope *model.Scope, s *method.Step) (o objective) {
	s.Network = func(scope *model.Scope, x *Node) *Node { return p.network(c, scope, x) }
	s.Loss = func(b loss.Batch) *Node { return p.lossOf(c, scope, b) }
	if own, ok := p.method.(method.Objective); ok {
		o.loss, o.z = own.Objective(s)
	} else {
		o.z = s.Network(scope, s.Views)
		o.loss = p.batchLoss(c, scope, s, o.z)
	}
	o.params = optimize.Gradients(scope, o.loss)
	return o
}

// batchLoss is the configured loss of the embeddings of a whole batch.
func (p *parts) batchLoss(c *Config, scope *model.Scope, s *method.Step, z *Node) *Node {
	b := loss.Batch{Z: z, Label: s.Label}
	if views := p.method.Views(); views > 1 {
		b.View = loss.BlockViews(z.Graph(), c.Batch, views)
	}
	b.Positive = p.method.Positive(z.Graph(), c.Batch, s.Label)
	return p.lossOf(c, scope, b)
}

// lossOf is the configured loss, with the parameters that it may have.
func (p *parts) lossOf(c *Config, scope *model.Scope, b loss.Batch) *Node {
	if l, ok := p.loss.(loss.ClassLoss); ok {
		b.Proxies, b.Bias = l.Parameters(scope.At(lossScope), b.Z, c.classes)
	}
	return p.loss.Graph(b)
}

// compileError names what was being built. GoMLX turns every panic of graph
// building into an error; a runtime.Error among them is our own bug and crashes.
func compileError(what string, err error) error {
	if err == nil {
		return nil
	}
	if bug := runtime.Error(nil); errors.As(err, &bug) {
		panic(bug)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// inputs are what a step reads of a batch: the views [V N, size, size, 3], and
// of each row its label and its image's place in the data set, [V N] int32.
type inputs struct{ views, labels, index *tensors.Tensor }

func (in inputs) finalize() error {
	return errors.Join(in.views.FinalizeAll(), in.labels.FinalizeAll(), in.index.FinalizeAll())
}

// seen is what a step shows of itself.
type seen struct {
	Stats
	squares []float32 // of each parameter's gradient, their sum [P]
	biases  []float32 // the gradients of all biases
	z       []float32 // [V N, D]
}

// run makes one step at a learning rate, with a share of the schedule done before it.
func (p *program) run(in inputs, lr, done float64) (Stats, error) {
	s, err := p.look(in, lr, done, false)
	return s.Stats, err
}

// look is run; whole says whether biases and z are wanted too.
func (p *program) look(in inputs, lr, done float64, whole bool) (s seen, err error) {
	out, err := p.exec.Call(in.views, in.labels, in.index, float32(lr), float32(done))
	if err != nil {
		return s, compileError("training step", err)
	}
	s.Loss, s.Accuracy = float64(tensors.ToScalar[float32](out[0])), float64(tensors.ToScalar[float32](out[1]))
	copies := []*[]float32{nil, nil, &s.squares, &s.biases, &s.z}
	var errs []error
	for i, t := range out {
		if i == 2 || i > 2 && whole {
			*copies[i], err = tensors.CopyFlatData[float32](t)
			errs = append(errs, err)
		}
		errs = append(errs, t.FinalizeAll())
	}
	sum := 0.0
	for _, x := range s.squares {
		sum += float64(x)
	}
	s.GradientNorm = math.Sqrt(sum)
	return s, errors.Join(errs...)
}
