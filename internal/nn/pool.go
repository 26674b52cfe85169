package nn

import . "github.com/gomlx/gomlx/core/graph"

// Padding is how MaxPool2D treats the border of an image.
type Padding int

const (
	// Same is TensorFlow's SAME, which the authors of SimCLR used: just enough
	// padding for ceil(side/stride) windows, the odd pixel of it at the bottom
	// and right only (for an even side and 3x3 windows of stride 2: none above).
	Same Padding = iota
	// Symmetric pads (window-1)/2 on every side, as torchvision does.
	Symmetric
	// RoundUp is Caffe's pooling without padding: ceil((side-window)/stride) + 1
	// windows, the last of which may hang over the bottom and right. It gives
	// floor(side/2) for 3x3 windows of stride 2, where Same gives the ceiling.
	RoundUp
)

// MaxPool2D returns the maxima of square windows of x [N, H, W, C]; pixels
// outside the image do not count.
func MaxPool2D(x *Node, window, stride int, padding Padding) *Node {
	pads := make([][2]int, 2)
	for i := range pads {
		pads[i] = padding.sides(x.Shape().Dim(1+i), window, stride)
	}
	return MaxPool(x).Window(window).Strides(stride).PaddingPerDim(pads).Done()
}

// sides returns the pixels added before and after an image side.
func (p Padding) sides(side, window, stride int) [2]int {
	switch p {
	case Symmetric:
		return [2]int{(window - 1) / 2, (window - 1) / 2}
	case RoundUp:
		last := (max(side-window, 0) + stride - 1) / stride * stride // where the last window begins
		return [2]int{0, max(last+window-side, 0)}
	}
	windows := (side + stride - 1) / stride
	total := max((windows-1)*stride+window-side, 0)
	return [2]int{total / 2, total - total/2}
}

// AvgPool2D averages the square window around each pixel of x [N, H, W, C]; the
// window's side is odd. Pixels outside the image count as zeros: the divisor is
// always window², as in Caffe and with PyTorch's count_include_pad, where
// TensorFlow divides by the pixels inside.
func AvgPool2D(x *Node, window int) *Node {
	border := PadAxis{Start: window / 2, End: window / 2}
	// Padded beforehand: GoMLX's gradient of a padded sum needs a negative Pad,
	// which its Go backend does not have.
	w := wide(x)
	padded := Pad(w, ScalarZero(w.Graph(), w.DType()), PadAxis{}, border, border, PadAxis{})
	mean := DivScalar(SumPool(padded).Window(window).Strides(1).Done(), float64(window*window))
	return ConvertDType(mean, x.DType())
}

// GlobalAvgPool averages x [N, H, W, C] over its pixels: [N, C], in float32 where x is bfloat16.
func GlobalAvgPool(x *Node) *Node { return ReduceMean(wide(x), 1, 2) }
