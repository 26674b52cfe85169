package encoder

import (
	"iter"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

func init() {
	Encoders.Add("googlenet", "GoogLeNet V1 (Szegedy et al. 2015), h of 1024: ISIF's backbone for fine-grained images",
		func() Encoder { return &GoogLeNet{} })
}

// GoogLeNet is Inception V1 (Szegedy et al. 2015) in the form for Caffe that
// ISIF was trained from, without the two classifiers on the way. Convolutions
// have biases, no batch norm, and ReLU after each; h is the global average of
// the last module. Parameters: 5,973,552, under Caffe's layer names (what
// torchvision calls GoogLeNet has batch norm, and 3x3 for 5x5). The stem is
//
//	conv1    7x7 64, stride 2
//	pool1    max 3x3, stride 2; then localNorm
//	conv2    1x1 64; 3x3 192; then localNorm
//	pool2    max 3x3, stride 2
//
// and googLeNet has the modules. Pools of stride 2 round up as in Caffe: the
// sides are those of InceptionBN.
type GoogLeNet struct{}

// Validate implements Encoder.
func (*GoogLeNet) Validate() error { return nil }

// Dim implements Encoder.
func (*GoogLeNet) Dim() int { return 1024 }

// Graph implements Encoder.
func (e *GoogLeNet) Graph(scope *model.Scope, x *Node) *Node { return representation(e, scope, x) }

// Blocks implements Encoder: "stem", without pool2, and the modules, "inception_3a"
// and so on.
func (*GoogLeNet) Blocks() []Block {
	blocks := []Block{{"stem", 192}}
	for _, m := range googLeNet {
		blocks = append(blocks, Block{"inception_" + m.name, m.one + m.three + m.five + m.poolProjection})
	}
	return blocks
}

// Outputs implements Encoder.
func (e *GoogLeNet) Outputs(scope *model.Scope, x *Node) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		y := e.stem(scope, x)
		more := yield(y)
		for i := 0; more && i < len(googLeNet); i++ {
			m := googLeNet[i]
			if m.poolBefore {
				y = nn.MaxPool2D(y, 3, 2, nn.RoundUp)
			}
			y = m.graph(scope.In("inception_%s", m.name), y)
			more = yield(y)
		}
	}
}

func (*GoogLeNet) stem(scope *model.Scope, x *Node) *Node {
	conv2 := scope.In("conv2")
	y := convBiasReLU(scope.In("conv1").In("7x7_s2"), x, 64, 7, 2)
	y = localNorm(nn.MaxPool2D(y, 3, 2, nn.RoundUp))
	y = convBiasReLU(conv2.In("3x3_reduce"), y, 64, 1, 1)
	return localNorm(convBiasReLU(conv2.In("3x3"), y, 192, 3, 1))
}

// googLeNet are the modules between the stem's 192 channels and h.
var googLeNet = []moduleV1{
	// pool before, 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection
	{"3a", true, 64, 96, 128, 16, 32, 32},      // 256 channels
	{"3b", false, 128, 128, 192, 32, 96, 64},   // 480
	{"4a", true, 192, 96, 208, 16, 48, 64},     // 512
	{"4b", false, 160, 112, 224, 24, 64, 64},   // 512
	{"4c", false, 128, 128, 256, 24, 64, 64},   // 512
	{"4d", false, 112, 144, 288, 32, 64, 64},   // 528
	{"4e", false, 256, 160, 320, 32, 128, 128}, // 832
	{"5a", true, 256, 160, 320, 32, 128, 128},  // 832
	{"5b", false, 384, 192, 384, 48, 128, 128}, // 1024
}

// moduleV1 holds the channels of a module's convolutions.
type moduleV1 struct {
	name           string
	poolBefore     bool // a max 3x3 of stride 2 before the module; 3a's is pool2
	one            int
	reduce3, three int
	reduce5, five  int
	poolProjection int
}

// graph joins the branches in the order of the table.
func (m moduleV1) graph(scope *model.Scope, x *Node) *Node {
	three := convBiasReLU(scope.In("3x3_reduce"), x, m.reduce3, 1, 1)
	five := convBiasReLU(scope.In("5x5_reduce"), x, m.reduce5, 1, 1)
	return Concatenate([]*Node{
		convBiasReLU(scope.In("1x1"), x, m.one, 1, 1),
		convBiasReLU(scope.In("3x3"), three, m.three, 3, 1),
		convBiasReLU(scope.In("5x5"), five, m.five, 5, 1),
		convBiasReLU(scope.In("pool_proj"), nn.MaxPool2D(x, 3, 1, nn.Symmetric), m.poolProjection, 1, 1),
	}, -1)
}

// initialBias is that of Caffe's published training of the network.
const initialBias = 0.2

func convBiasReLU(scope *model.Scope, x *Node, out, kernel, stride int) *Node {
	return nn.ReLU(nn.Bias(scope, nn.Conv(scope, x, out, kernel, stride), nn.Constant(initialBias)))
}

// localNorm is Caffe's local response normalisation across channels, of 5 with
// α = 1e-4, β = 3/4 and k = 1: for each pixel of x [N, H, W, C],
//
//	y_c = x_c / s_c^(3/4),  s_c = 1 + α/5 Σ_{|c'-c| ≤ 2} x_c'²
//
// where channels outside count as zeros. The sum is a product with a band
// matrix, which engines do faster than windows over channels.
func localNorm(x *Node) *Node {
	g, channels := x.Graph(), x.Shape().Dim(-1)
	square := shapes.Make(dtypes.Int32, channels, channels)
	distance := Abs(Sub(Iota(g, square, 0), Iota(g, square, 1)))
	band := ConvertDType(LessOrEqual(distance, Scalar(g, dtypes.Int32, 2)), x.DType())
	sum := Dot(Reshape(Square(x), -1, channels), band).Product()
	root := Sqrt(AddScalar(MulScalar(Reshape(sum, x.Shape().Dimensions...), 1e-4/5), 1))
	return Div(x, Mul(root, Sqrt(root)))
}
