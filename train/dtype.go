package train

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"alike/backend"
)

// Types in which an encoder is trained. Whichever it is, weights, the optimiser's state, the head and
// the loss are float32, and so is the network once it is trained: embeddings are
// computed in float32.
const (
	DTypeFloat32 = "fp32"
	// DTypeBFloat16 keeps activations in bfloat16 and multiplies in it, with sums in float32.
	DTypeBFloat16 = "bf16"
)

// inDType is what an encoder is given to compute in the named type: x, rounded.
func inDType(x *Node, name string) *Node {
	if name == DTypeBFloat16 {
		return ConvertDType(x, dtypes.BFloat16)
	}
	return x
}

// EngineVariant names what decides the bits of a run's weights on an engine.
func (c *Config) EngineVariant(b compute.Backend) string {
	if c.DType == DTypeBFloat16 {
		return backend.HalfVariant(b)
	}
	return backend.Variant(b)
}
