package nn

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Conv is a square convolution without bias on x [N, H, W, C]. Its zero
// padding is symmetric and depends on the kernel only, (kernel-1)/2 on every
// side, as in the authors' code and PyTorch (TensorFlow's SAME is asymmetric
// where the stride is 2). The output is [N, ceil(H/stride), ceil(W/stride), out]
// for odd kernels. Parameter: "weight" [kernel, kernel, C, out].
func Conv(scope *model.Scope, x *Node, out, kernel, stride int) *Node {
	in := x.Shape().Dim(-1)
	weight := Param(scope, "weight", shapes.Make(wideType(x.DType()), kernel, kernel, in, out), FanIn(kernel*kernel*in))
	pad := [2]int{(kernel - 1) / 2, (kernel - 1) / 2}
	return Convolve(x, use(weight, x)).Strides(stride).PaddingPerDim([][2]int{pad, pad}).Done()
}

// Bias adds b_c to each channel c, the last axis of x [..., C]. Parameter:
// "bias" [C] drawn with init.
func Bias(scope *model.Scope, x *Node, init Init) *Node {
	b := Param(scope, "bias", shapes.Make(wideType(x.DType()), x.Shape().Dim(-1)), init)
	return Add(x, perChannel(use(b, x), x))
}

// Linear returns x W (+ b) for x [N, C]. Parameters: "weight" [C, out] drawn
// with init and, where bias is set, "bias" [out] starting at 0.
func Linear(scope *model.Scope, x *Node, out int, bias bool, init Init) *Node {
	in := x.Shape().Dim(-1)
	weight := Param(scope, "weight", shapes.Make(wideType(x.DType()), in, out), init)
	y := Dot(x, use(weight, x)).Product()
	if bias {
		y = Bias(scope, y, Constant(0))
	}
	return y
}

// ReLU is max(x, 0) with gradient 0 at 0, as in PyTorch; NaN stays NaN, so that a
// run gone wrong shows. Written as a choice its gradient can be recovered from
// its output; GoMLX's Max has gradient 1 at 0.
func ReLU(x *Node) *Node {
	zero := ScalarZero(x.Graph(), x.DType())
	return Where(LessOrEqual(x, zero), zero, x)
}
