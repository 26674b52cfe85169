package encoder

import (
	"fmt"
	"iter"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

func init() {
	Encoders.Add("inception_bn", "GoogLeNet V2 (Ioffe and Szegedy 2015), h of 1024: ICE's backbone",
		func() Encoder { return &InceptionBN{Stem: StemImageNet} })
}

// StemSmall is InceptionBN's stem for small images.
const StemSmall = "small"

// InceptionBN is GoogLeNet V2, Inception with batch normalisation (Ioffe and
// Szegedy 2015), in the form for Caffe that ICE was trained from. Every
// convolution is without bias and followed by batch norm and ReLU; h is the
// global average of the last module. Parameters: 10,072,640, under Caffe's
// layer names, for torchvision does not have this network. The stem is
//
//	conv1    7x7 64, stride 2
//	pool1    max 3x3, stride 2
//	conv2    1x1 64; 3x3 192
//	pool2    max 3x3, stride 2
//
// and inceptionBN has the modules. Pools of stride 2 round up as in Caffe. The
// sides after conv1, pool1, pool2, 3c and 4e are
//
//	227 pixels: 114, 57, 28, 14, 7
//	224:        112, 56, 28, 14, 7
//	 64:         32, 16,  8,  4, 2
//
// On a map of odd side, which none of these has in 3c and 4e, the pool would
// give a row less than the convolutions beside it, and Caffe could not join
// them; there it is padded by one all around, as the convolutions are.
type InceptionBN struct {
	// Stem is "imagenet", the published one, or "small": conv1 is 3x3 of stride 1
	// and pool1 left out, so that 64 pixels come to 64, 32, 16, 8 after conv1,
	// pool2, 3c and 4e, and 32 to 4x4 in the end, as with ResNet's CIFAR stem.
	Stem string `yaml:"stem"`
}

// Validate implements Encoder.
func (e *InceptionBN) Validate() error {
	if e.Stem != StemImageNet && e.Stem != StemSmall {
		return fmt.Errorf("stem %q: must be %s or %s", e.Stem, StemImageNet, StemSmall)
	}
	return nil
}

// Dim implements Encoder.
func (*InceptionBN) Dim() int { return 1024 }

// Graph implements Encoder.
func (e *InceptionBN) Graph(scope *model.Scope, x *Node) *Node { return representation(e, scope, x) }

// Blocks implements Encoder: "stem" and the modules, "inception_3a" and so on.
func (*InceptionBN) Blocks() []Block {
	blocks := []Block{{"stem", 192}}
	for _, m := range inceptionBN {
		dim := m.one + m.three + m.double + m.poolProjection
		if m.pool == halving {
			dim += blocks[len(blocks)-1].Dim
		}
		blocks = append(blocks, Block{"inception_" + m.name, dim})
	}
	return blocks
}

// Outputs implements Encoder.
func (e *InceptionBN) Outputs(scope *model.Scope, x *Node) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		y := e.stem(scope, x)
		more := yield(y)
		for i := 0; more && i < len(inceptionBN); i++ {
			y = inceptionBN[i].graph(scope.In("inception_%s", inceptionBN[i].name), y)
			more = yield(y)
		}
	}
}

func (e *InceptionBN) stem(scope *model.Scope, x *Node) *Node {
	var y *Node
	conv1, conv2 := scope.In("conv1"), scope.In("conv2")
	if e.Stem == StemSmall {
		y = convNormReLU(conv1.In("3x3"), x, 64, 3, 1)
	} else {
		y = convNormReLU(conv1.In("7x7_s2"), x, 64, 7, 2)
		y = nn.MaxPool2D(y, 3, 2, nn.RoundUp)
	}
	y = convNormReLU(conv2.In("3x3_reduce"), y, 64, 1, 1)
	y = convNormReLU(conv2.In("3x3"), y, 192, 3, 1)
	return nn.MaxPool2D(y, 3, 2, nn.RoundUp)
}

// inceptionBN are the modules between the stem's 192 channels and h.
var inceptionBN = []moduleBN{
	//    1x1  3x3       double 3x3  pool
	{"3a", 64, 64, 64, 64, 96, average, 32},       // 256 channels
	{"3b", 64, 64, 96, 64, 96, average, 64},       // 320
	{"3c", 0, 128, 160, 64, 96, halving, 0},       // 576
	{"4a", 224, 64, 96, 96, 128, average, 128},    // 576
	{"4b", 192, 96, 128, 96, 128, average, 128},   // 576
	{"4c", 160, 128, 160, 128, 160, average, 96},  // 576
	{"4d", 96, 128, 192, 160, 192, average, 96},   // 576
	{"4e", 0, 128, 192, 192, 256, halving, 0},     // 1024
	{"5a", 352, 192, 320, 160, 224, average, 128}, // 1024
	{"5b", 352, 192, 320, 160, 224, maximum, 128}, // 1024
}

// moduleBN holds the channels of a module's convolutions.
type moduleBN struct {
	name           string
	one            int // 0: no such branch
	reduce, three  int
	doubleReduce   int
	double         int // of both 3x3 convolutions
	pool           poolBranch
	poolProjection int
}

// poolBranch is what a module's last branch does before its projection.
type poolBranch int

const (
	average poolBranch = iota // 3x3, stride 1, padded by 1
	maximum                   // the same of maxima
	halving                   // maxima, 3x3, stride 2, without projection: the module's convolutions halve too
)

// graph joins the branches in the order of the table. Stride 2 is on the last
// convolution of a branch.
func (m moduleBN) graph(scope *model.Scope, x *Node) *Node {
	stride := 1
	if m.pool == halving {
		stride = 2
	}
	var branches []*Node
	if m.one > 0 {
		branches = append(branches, convNormReLU(scope.In("1x1"), x, m.one, 1, 1))
	}
	three := convNormReLU(scope.In("3x3_reduce"), x, m.reduce, 1, 1)
	three = convNormReLU(scope.In("3x3"), three, m.three, 3, stride)
	double := convNormReLU(scope.In("double_3x3_reduce"), x, m.doubleReduce, 1, 1)
	double = convNormReLU(scope.In("double_3x3_1"), double, m.double, 3, 1)
	double = convNormReLU(scope.In("double_3x3_2"), double, m.double, 3, stride)
	return Concatenate(append(branches, three, double, m.poolGraph(scope, x)), -1)
}

func (m moduleBN) poolGraph(scope *model.Scope, x *Node) *Node {
	switch {
	case m.pool == maximum:
		x = nn.MaxPool2D(x, 3, 1, nn.Symmetric)
		return convNormReLU(scope.In("pool_proj"), x, m.poolProjection, 1, 1)
	case m.pool == average:
		// The average commutes with a 1x1 convolution, and has fewer channels after it.
		proj := scope.In("pool_proj")
		y := nn.AvgPool2D(nn.Conv(proj, x, m.poolProjection, 1, 1), 3)
		return nn.ReLU(nn.BatchNorm(proj.In("bn"), y, nn.BatchNormOptions{}))
	case x.Shape().Dim(1)%2 == 1:
		return nn.MaxPool2D(x, 3, 2, nn.Symmetric)
	default:
		return nn.MaxPool2D(x, 3, 2, nn.RoundUp)
	}
}

// convNormReLU is a convolution, in whose scope "bn" is its batch norm.
func convNormReLU(scope *model.Scope, x *Node, out, kernel, stride int) *Node {
	y := nn.Conv(scope, x, out, kernel, stride)
	return nn.ReLU(nn.BatchNorm(scope.In("bn"), y, nn.BatchNormOptions{}))
}
