package nn

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Layers compute in the type of what they are given. In bfloat16 only activations, and the
// operands of products, have that type: parameters are kept in float32 and rounded
// where they are used, products are summed in float32, and batch norm, its statistics and
// all means are computed in float32.

// wideType is the type in which parameters and sums are kept of layers that compute in dtype.
func wideType(dtype dtypes.DType) dtypes.DType {
	if dtype == dtypes.BFloat16 {
		return dtypes.Float32
	}
	return dtype
}

// wide is x in its wideType.
func wide(x *Node) *Node { return ConvertDType(x, wideType(x.DType())) }

// use is the value of a parameter in the type of x.
func use(v *model.Variable, x *Node) *Node { return ConvertDType(v.NodeValue(x), x.DType()) }
