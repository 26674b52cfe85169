package head

import (
	"errors"
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

func init() {
	Heads.Add("projector", "linear layers with batch norm and ReLU between: the projectors of MoCo v2, BYOL, SimSiam, Barlow Twins, VICReg, NNCLR",
		func() Head { return &Projector{Layers: 2, Hidden: 2048, Out: 128} })
}

// Projector is a stack of linear layers with batch norm and ReLU between. Weights, and biases
// where no batch norm follows, start uniform in ±√(1/inputs), as torch.nn.Linear's.
type Projector struct {
	// Layers is the number of linear layers.
	Layers int `yaml:"layers"`

	// Hidden is the width between them.
	Hidden int `yaml:"hidden"`

	// Out is the width of z.
	Out int `yaml:"dim"`

	// NoNorm leaves the batch norms between the layers out, as MoCo v2 does.
	NoNorm bool `yaml:"no_norm"`

	// NormOut puts a batch norm without scale and shift behind the last layer, as
	// SimSiam does.
	NormOut bool `yaml:"norm_out"`
}

// Validate implements Head.
func (p *Projector) Validate() error {
	var errs []error
	for _, field := range []struct {
		name  string
		value int
	}{{"layers", p.Layers}, {"hidden", p.Hidden}, {"dim", p.Out}} {
		if field.value < 1 {
			errs = append(errs, fmt.Errorf("%s %d: must be at least 1", field.name, field.value))
		}
	}
	return errors.Join(errs...)
}

// Dim implements Head.
func (p *Projector) Dim(int) int { return p.Out }

// Graph implements Head. Layers are numbered as in a torch.nn.Sequential.
func (p *Projector) Graph(scope *model.Scope, h *Node) *Node {
	at := 0
	next := func() *model.Scope { at++; return scope.In("%d", at-1) }
	linear := func(x *Node, out int, bias bool) *Node {
		layer, draw := next(), nn.Uniform(math.Sqrt(1/float64(x.Shape().Dim(-1))))
		x = nn.Linear(layer, x, out, false, draw)
		if bias {
			x = nn.Bias(layer, x, draw)
		}
		return x
	}
	for range p.Layers - 1 {
		h = linear(h, p.Hidden, p.NoNorm)
		if !p.NoNorm {
			h = nn.BatchNorm(next(), h, nn.BatchNormOptions{})
		}
		h = nn.ReLU(h)
		next()
	}
	h = linear(h, p.Out, !p.NormOut)
	if p.NormOut {
		h = nn.BatchNorm(next(), h, nn.BatchNormOptions{NoShift: true, NoScale: true})
	}
	return h
}
