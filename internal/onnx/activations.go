package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// The functions of single values that networks have between their layers, and what normalises.

func identity(_ *Node, in []*Array) (*Array, error) { return in[0].As(in[0].Type), nil }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus is log(1 + e^x).
func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// gelu is x Φ(x), or its approximation by tanh.
func gelu(n *Node, in []*Array) (*Array, error) {
	f := func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) }
	if n.StringOr("approximate", "none") == "tanh" {
		f = func(x float64) float64 { return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) }
	}
	return unary(f)(n, in)
}

func hardSigmoid(n *Node, in []*Array) (*Array, error) {
	a, b := n.FloatOr("alpha", 0.2), n.FloatOr("beta", 0.5)
	return unary(func(x float64) float64 { return math.Min(1, math.Max(0, a*x+b)) })(n, in)
}

func leakyRelu(n *Node, in []*Array) (*Array, error) {
	a := n.FloatOr("alpha", 0.01)
	return unary(func(x float64) float64 { return math.Max(x, 0) + a*math.Min(x, 0) })(n, in)
}

func elu(n *Node, in []*Array) (*Array, error) {
	a := n.FloatOr("alpha", 1)
	return unary(func(x float64) float64 { return math.Max(x, 0) + a*math.Expm1(math.Min(x, 0)) })(n, in)
}

// clip keeps values between two inputs, or two attributes of older versions.
func clip(n *Node, in []*Array) (*Array, error) {
	low, high := n.FloatOr("min", float32(math.Inf(-1))), n.FloatOr("max", float32(math.Inf(1)))
	if v := input(in, 1); v != nil {
		low = v.Data[0]
	}
	if v := input(in, 2); v != nil {
		high = v.Data[0]
	}
	return unary(func(x float64) float64 { return math.Min(math.Max(x, low), high) })(n, in)
}

// several joins any number of inputs, from left to right.
func several(f func(x, y float64) float64) operator {
	return func(n *Node, in []*Array) (out *Array, err error) {
		out = in[0].As(in[0].Type)
		for _, x := range in[1:] {
			if out, err = binary2(f)(n, []*Array{out, x}); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}

// power has the type of its first input, whatever that of the second.
func power(n *Node, in []*Array) (*Array, error) {
	return binary2(math.Pow)(n, []*Array{in[0], {in[0].Type, in[1].Dims, in[1].Data}})
}

// modulo has the sign of the divisor, or with fmod that of the number.
func modulo(n *Node, in []*Array) (*Array, error) {
	f := math.Mod
	if n.IntOr("fmod", 0) == 0 {
		f = func(x, y float64) float64 { return x - y*math.Floor(x/y) }
	}
	return binary2(f)(n, in)
}

// SoftmaxAxes are the axes that a Softmax sums over: one, or before version 13 that one and all behind it.
func SoftmaxAxes(n *Node, rank int) (from, to int, err error) {
	if n.Attribute(oldSoftmax) != nil {
		from, err = n.Axis(1, rank)
		return from, rank, err
	}
	from, err = n.Axis(-1, rank)
	return from, from + 1, err
}

// softmax is exp(x - max) over its sum.
func softmax(n *Node, in []*Array) (*Array, error) {
	x := in[0].As(in[0].Type)
	from, to, err := SoftmaxAxes(n, len(x.Dims))
	if err != nil {
		return nil, err
	}
	count, err := size(x.Dims[from:to])
	if err != nil || len(x.Data) == 0 {
		return x, err
	}
	inner := strides(x.Dims)[to-1]
	for i := range len(x.Data) / count {
		start := i/inner*inner*count + i%inner
		most, sum := math.Inf(-1), 0.0
		for j := range count {
			most = math.Max(most, x.Data[start+j*inner])
		}
		for j := range count {
			v := &x.Data[start+j*inner]
			*v = math.Exp(*v - most)
			sum += *v
		}
		for j := range count {
			x.Data[start+j*inner] /= sum
		}
	}
	return x, nil
}

// layerNormalization is γ (x - μ) / sqrt(v + ε) + β with mean and variance over the axes from axis on.
func layerNormalization(n *Node, in []*Array) (*Array, error) {
	x := in[0]
	axis, err := n.Axis(-1, len(x.Dims))
	if err != nil {
		return nil, err
	}
	count, err := size(x.Dims[axis:])
	if err != nil || count == 0 {
		return nil, errors.New("there is nothing to normalise")
	}
	affine := make([]*Array, 2)
	for i := range affine {
		if v := input(in, 1+i); v != nil {
			if affine[i], err = v.Broadcast(x.Dims[axis:]); err != nil {
				return nil, err
			}
		}
	}
	y, epsilon := NewArray(x.Type, slices.Clone(x.Dims)...), n.FloatOr("epsilon", 1e-5)
	for row := range len(x.Data) / count {
		from, to := x.Data[row*count:][:count], y.Data[row*count:][:count]
		var mean, variance float64
		for _, v := range from {
			mean += v / float64(count)
		}
		for _, v := range from {
			variance += (v - mean) * (v - mean) / float64(count)
		}
		for i, v := range from {
			to[i] = (v - mean) / math.Sqrt(variance+epsilon)
			if affine[0] != nil {
				to[i] *= affine[0].Data[i]
			}
			if affine[1] != nil {
				to[i] += affine[1].Data[i]
			}
		}
	}
	return y, nil
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

func selu(n *Node, in []*Array) (*Array, error) {
	a, g := n.FloatOr("alpha", 1.67326319), n.FloatOr("gamma", 1.05070102)
	return unary(func(x float64) float64 { return g * (math.Max(x, 0) + a*math.Expm1(math.Min(x, 0))) })(n, in)
}

func mean(n *Node, in []*Array) (*Array, error) {
	sum, err := several(func(x, y float64) float64 { return x + y })(n, in)
	if err != nil {
		return nil, err
	}
	return unary(func(x float64) float64 { return x / float64(len(in)) })(n, []*Array{sum})
}

func logSoftmax(n *Node, in []*Array) (*Array, error) {
	y, err := softmax(n, in)
	if err != nil {
		return nil, err
	}
	return unary(math.Log)(n, []*Array{y})
}

// lpNormalization divides by the length along an axis.
func lpNormalization(n *Node, in []*Array) (*Array, error) {
	axis, err := n.Axis(-1, len(in[0].Dims))
	if err != nil {
		return nil, err
	}
	norm := "ReduceL2"
	if n.IntOr("p", 2) == 1 {
		norm = "ReduceL1"
	}
	length, err := operators[norm](&Node{}, []*Array{in[0], IntVector(axis)})
	if err != nil {
		return nil, err
	}
	return divide(n, []*Array{in[0], length})
}

// groupNormalization normalises each group of channels of [N, C, ...]; of InstanceNormalization, each channel. Scale and
// shift are of each channel, or before version 21 of each group.
func groupNormalization(n *Node, in []*Array) (*Array, error) {
	x, channels := in[0], in[0].Dims[1]
	groups := channels
	if n.Op == "GroupNormalization" {
		groups = n.IntOr("num_groups", 0)
	}
	if groups < 1 || channels%groups != 0 {
		return nil, fmt.Errorf("%d channels are not made of %d groups", channels, groups)
	}
	rows := &Array{x.Type, []int{x.Dims[0] * groups, len(x.Data) / (x.Dims[0] * groups)}, x.Data}
	unit, err := layerNormalization(&Node{Attributes: []Attribute{Float("epsilon", float32(n.FloatOr("epsilon", 1e-5)))}}, []*Array{rows})
	if err != nil {
		return nil, err
	}
	y := &Array{x.Type, slices.Clone(x.Dims), unit.Data}
	plane := strides(x.Dims)[1]
	for i := range y.Data {
		c := i / plane % channels
		y.Data[i] = y.Data[i]*in[1].Data[c*len(in[1].Data)/channels] + in[2].Data[c*len(in[2].Data)/channels]
	}
	return y, nil
}

// localResponse is x / (k + α/n Σ x²)^β, with the sum over n neighbouring channels.
func localResponse(n *Node, in []*Array) (*Array, error) {
	x, size, channels := in[0], n.IntOr("size", 1), in[0].Dims[1]
	y, plane := NewArray(x.Type, x.Dims...), strides(x.Dims)[1]
	for i, v := range x.Data {
		c, sum := i/plane%channels, 0.0
		for j := max(0, c-(size-1)/2); j <= min(channels-1, c+size/2); j++ {
			w := x.Data[i+(j-c)*plane]
			sum += w * w
		}
		y.Data[i] = v / math.Pow(n.FloatOr("bias", 1)+n.FloatOr("alpha", 1e-4)/float64(size)*sum, n.FloatOr("beta", 0.75))
	}
	return y, nil
}
