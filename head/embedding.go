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
	Heads.Add("embedding", "one linear layer to unit vectors, which are the embedding: ICE's, and with a bias ISIF's",
		func() Head { return &Embedding{Out: 512, Init: InitXavier, L2Normalize: true} })
}

// The values of Embedding.Init.
const (
	InitXavier  = "xavier"
	InitPyTorch = "pytorch"
)

// Embedding is one linear layer, z = h W + b with W [H, Out], whose rows are
// then divided by their length. As registered it is ICE's; ISIF's has
// {dim: 128, bias: true, init: pytorch}. Parameters: Out H, and Out with a bias.
type Embedding struct {
	// Out is the width of z; 512 in ICE, 128 in ISIF.
	Out int `yaml:"dim"`

	// Bias adds b. ICE has none.
	Bias bool `yaml:"bias"`

	// Init is "xavier", Caffe's filler of that name: weights uniform in ±√(3/H),
	// so of variance 1/H (Glorot and Bengio's is 2/(H+Out)), b = 0; or "pytorch",
	// torch.nn.Linear's default: weights and b uniform in ±√(1/H).
	Init string `yaml:"init"`

	// L2Normalize makes z unit vectors, as both papers have it.
	L2Normalize bool `yaml:"l2_normalize"`
}

// Validate implements Head.
func (e *Embedding) Validate() error {
	var errs []error
	if e.Out < 1 {
		errs = append(errs, fmt.Errorf("dim %d: must be at least 1 (ICE has 512, ISIF 128)", e.Out))
	}
	if e.Init != InitXavier && e.Init != InitPyTorch {
		errs = append(errs, fmt.Errorf("init %q: must be %s or %s", e.Init, InitXavier, InitPyTorch))
	}
	return errors.Join(errs...)
}

// Dim implements Head.
func (e *Embedding) Dim(int) int { return e.Out }

// Graph implements Head.
func (e *Embedding) Graph(scope *model.Scope, h *Node) *Node {
	inputs := float64(h.Shape().Dim(-1))
	weight, bias := nn.Uniform(math.Sqrt(3/inputs)), nn.Constant(0)
	if e.Init == InitPyTorch {
		weight, bias = nn.Uniform(math.Sqrt(1/inputs)), nn.Uniform(math.Sqrt(1/inputs))
	}
	linear := scope.In("0")
	z := nn.Linear(linear, h, e.Out, false, weight)
	if e.Bias {
		z = nn.Bias(linear, z, bias)
	}
	if e.L2Normalize {
		z = nn.Unit(z)
	}
	return z
}
