package train

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
	"alike/loss"
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
// come out, weights and optimiser state are updated in the store.
type program struct {
	exec *model.Exec
}

// newProgram compiles the training step of a resolved configuration.
func newProgram(b compute.Backend, store *model.Store, c *Config) (*program, error) {
	p, err := c.build()
	if err != nil {
		return nil, err
	}
	store.RootScope().SetParam(nn.SeedParam, c.Seed)
	step := func(scope *model.Scope, x, label, lr *Node) []*Node {
		g := x.Graph()
		scope.Store().SetTraining(g, true)
		z := p.head.Graph(scope.In(headScope), p.encoder.Graph(scope, inDType(values(x), c.DType)))
		batch := loss.Batch{Z: z, Label: label}
		if views := p.method.Views(); views > 1 {
			batch.View = loss.BlockViews(g, c.Batch, views)
		}
		batch.Positive = p.method.Positive(g, c.Batch, label)
		if l, ok := p.loss.(loss.ClassLoss); ok {
			batch.Proxies, batch.Bias = l.Parameters(scope.In(lossScope), z, c.classes)
		}
		l := p.loss.Graph(batch)
		params := optimize.Gradients(scope, l)
		optimize.ScaleLR(params, "/"+headScope, c.Schedule.HeadLR)
		p.optimizer.Update(scope, lr, params)
		return []*Node{l, loss.ContrastiveAccuracy(z, batch.Positive), gradientNorm(params)}
	}
	exec, err := model.NewExec(b, store, step)
	if err != nil {
		return nil, compileError("training step", err)
	}
	rows := p.method.Views() * c.Batch
	_, err = exec.Compile(viewsShape(c.Pixels, rows, c.Size), shapes.Make(dtypes.Int32, rows), shapes.Make(dtypes.Float32))
	return &program{exec}, compileError("training step", err)
}

// gradientNorm is the Euclidean norm of all gradients together.
func gradientNorm(params []optimize.Param) *Node {
	var sum *Node
	for _, p := range params {
		s := ReduceAllSum(Square(p.Gradient))
		if sum == nil {
			sum = s
			continue
		}
		sum = Add(sum, s)
	}
	return Sqrt(sum)
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

// run makes one step.
func (p *program) run(views, labels *tensors.Tensor, lr float64) (Stats, error) {
	out, err := p.exec.Call(views, labels, float32(lr))
	if err != nil {
		return Stats{}, compileError("training step", err)
	}
	var v [3]float64
	for i, t := range out {
		v[i] = float64(tensors.ToScalar[float32](t))
		if err := t.FinalizeAll(); err != nil {
			return Stats{}, err
		}
	}
	return Stats{v[0], v[1], v[2]}, nil
}
