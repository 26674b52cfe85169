package encoder

import (
	"errors"
	"fmt"
	"iter"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
)

func init() {
	add := func(name, summary string, groups, blocks []int, kind blockKind) {
		Encoders.Add(name, summary, func() Encoder { return newResNet(groups, blocks, kind) })
	}
	small, large := []int{16, 32, 64}, []int{64, 128, 256, 512}
	add("resnet8", "ResNet of widths 16-32-64, one basic block each, CIFAR stem", small, []int{1, 1, 1}, basic)
	add("resnet14", "ResNet of widths 16-32-64, two basic blocks each, CIFAR stem", small, []int{2, 2, 2}, basic)
	add("resnet20", "ResNet of widths 16-32-64, three basic blocks each, CIFAR stem (He et al. 2016)", small, []int{3, 3, 3}, basic)
	add("resnet18", "ResNet-18 v1 (He et al. 2016), h of 512", large, []int{2, 2, 2, 2}, basic)
	add("resnet34", "ResNet-34 v1 (He et al. 2016), h of 512", large, []int{3, 4, 6, 3}, basic)
	add("resnet50", "ResNet-50 v1 (He et al. 2016), h of 2048: the paper's default", large, []int{3, 4, 6, 3}, bottleneck)
	add("resnet101", "ResNet-101 v1 (He et al. 2016), h of 2048", large, []int{3, 4, 23, 3}, bottleneck)
	add("resnet152", "ResNet-152 v1 (He et al. 2016), h of 2048", large, []int{3, 8, 36, 3}, bottleneck)
}

// The values of ResNet's choices.
const (
	StemAuto     = "auto"
	StemCIFAR    = "cifar"
	StemImageNet = "imagenet"

	ShortcutProjection = "projection"
	ShortcutIdentity   = "identity"

	PoolSame      = "same"
	PoolSymmetric = "symmetric"
)

// ResNet is a residual network v1 with batch normalisation (He et al. 2016) as
// the authors of SimCLR built it. Its output is the global average of the
// last group's features. Convolutions have no bias. The stride is on a group's
// first block, in a bottleneck on the 3x3 convolution.
type ResNet struct {
	// Width multiplies every channel count, the stem's included: 1, 2 or 4 in
	// the paper.
	Width int `yaml:"width"`

	// Stem is "cifar", a 3x3 convolution of stride 1 without pooling; "imagenet",
	// a 7x7 convolution of stride 2 and a 3x3 max pool of stride 2; or "auto":
	// CIFAR's for images of side up to 32 and for the 16-32-64 family.
	Stem string `yaml:"stem"`

	// Shortcut is "projection", a 1x1 convolution and batch norm in the first
	// block of every group, as in the authors' code; or "identity", the same only
	// where shapes differ, as in torchvision.
	Shortcut string `yaml:"shortcut"`

	// Pool is the border of the ImageNet stem's max pool: "same", TensorFlow's
	// as the authors used it, or "symmetric", torchvision's.
	Pool string `yaml:"pool"`

	// ZeroInit starts the scale of each residual branch's last batch norm at 0,
	// so that every block starts as its shortcut; the authors' default.
	ZeroInit bool `yaml:"zero_init"`

	groups []int // channels of each group before expansion, at width 1
	blocks []int // blocks of each group
	kind   blockKind
}

// blockKind is the residual branch: f channels, the stride on the first 3x3.
type blockKind int

const (
	basic      blockKind = iota // 3x3 (f) - BN - ReLU - 3x3 (f) - BN
	bottleneck                  // 1x1 (f) - BN - ReLU - 3x3 (f) - BN - ReLU - 1x1 (4f) - BN
)

// expansion is the ratio of a block's output channels to f.
func (k blockKind) expansion() int {
	if k == bottleneck {
		return 4
	}
	return 1
}

func newResNet(groups, blocks []int, kind blockKind) *ResNet {
	return &ResNet{
		Width: 1, Stem: StemAuto, Shortcut: ShortcutProjection, Pool: PoolSame, ZeroInit: true,
		groups: groups, blocks: blocks, kind: kind,
	}
}

// Validate implements Encoder.
func (r *ResNet) Validate() error {
	var errs []error
	if r.Width < 1 || r.Width > 16 {
		errs = append(errs, fmt.Errorf("width %d: must be 1 to 16 (the paper has 1, 2 and 4)", r.Width))
	}
	if r.Stem != StemAuto && r.Stem != StemCIFAR && r.Stem != StemImageNet {
		errs = append(errs, fmt.Errorf("stem %q: must be %s, %s or %s", r.Stem, StemAuto, StemCIFAR, StemImageNet))
	}
	if r.Shortcut != ShortcutProjection && r.Shortcut != ShortcutIdentity {
		errs = append(errs, fmt.Errorf("shortcut %q: must be %s or %s", r.Shortcut, ShortcutProjection, ShortcutIdentity))
	}
	if r.Pool != PoolSame && r.Pool != PoolSymmetric {
		errs = append(errs, fmt.Errorf("pool %q: must be %s or %s", r.Pool, PoolSame, PoolSymmetric))
	}
	return errors.Join(errs...)
}

// Dim implements Encoder: 512 w for ResNet-18 and 34, 2048 w from 50 on, 64 w
// for the 16-32-64 family.
func (r *ResNet) Dim() int {
	return r.groups[len(r.groups)-1] * r.Width * r.kind.expansion()
}

// Graph implements Encoder.
func (r *ResNet) Graph(scope *model.Scope, x *Node) *Node { return representation(r, scope, x) }

// Blocks implements Encoder: "stem", then for each group its blocks, "layer1.0" and
// so on, of which the last is the group, "layer1".
func (r *ResNet) Blocks() []Block {
	blocks := []Block{{"stem", r.groups[0] * r.Width}}
	for i, channels := range r.groups {
		for j := range r.blocks[i] {
			name := fmt.Sprintf("layer%d.%d", i+1, j)
			if j == r.blocks[i]-1 {
				name = fmt.Sprintf("layer%d", i+1)
			}
			blocks = append(blocks, Block{name, channels * r.Width * r.kind.expansion()})
		}
	}
	return blocks
}

// Outputs implements Encoder.
func (r *ResNet) Outputs(scope *model.Scope, x *Node) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		y := r.stem(scope, x)
		more := yield(y)
		for i, channels := range r.groups {
			group := scope.In("layer%d", i+1)
			for j := 0; more && j < r.blocks[i]; j++ {
				stride := 1
				if i > 0 && j == 0 {
					stride = 2
				}
				y = nn.Block(scope, y, func(x *Node) *Node { return r.block(group.In("%d", j), x, channels*r.Width, stride, j == 0) })
				more = yield(y)
			}
		}
	}
}

func (r *ResNet) stem(scope *model.Scope, x *Node) *Node {
	channels := r.groups[0] * r.Width
	small := x.Shape().Dim(1) <= 32 || len(r.groups) == 3
	if r.Stem == StemCIFAR || r.Stem == StemAuto && small {
		return nn.ReLU(convNorm(scope, 1, x, channels, 3, 1, false))
	}
	y := nn.ReLU(convNorm(scope, 1, x, channels, 7, 2, false))
	if r.Pool == PoolSymmetric {
		return nn.MaxPool2D(y, 3, 2, nn.Symmetric)
	}
	return nn.MaxPool2D(y, 3, 2, nn.Same)
}

// block returns ReLU(branch(x) + shortcut(x)).
func (r *ResNet) block(scope *model.Scope, x *Node, f, stride int, first bool) *Node {
	var y *Node
	out := f * r.kind.expansion()
	if r.kind == basic {
		y = nn.ReLU(convNorm(scope, 1, x, f, 3, stride, false))
		y = convNorm(scope, 2, y, out, 3, 1, r.ZeroInit)
	} else {
		y = nn.ReLU(convNorm(scope, 1, x, f, 1, 1, false))
		y = nn.ReLU(convNorm(scope, 2, y, f, 3, stride, false))
		y = convNorm(scope, 3, y, out, 1, 1, r.ZeroInit)
	}
	if first && r.Shortcut == ShortcutProjection || stride > 1 || x.Shape().Dim(-1) != out {
		down := scope.In("downsample")
		x = nn.BatchNorm(down.In("1"), nn.Conv(down.In("0"), x, out, 1, stride), nn.BatchNormOptions{})
	}
	return nn.ReLU(Add(y, x))
}

// convNorm is the convolution "conv<i>" and the batch norm "bn<i>" behind it.
func convNorm(scope *model.Scope, i int, x *Node, out, kernel, stride int, zeroScale bool) *Node {
	y := nn.Conv(scope.In("conv%d", i), x, out, kernel, stride)
	return nn.BatchNorm(scope.In("bn%d", i), y, nn.BatchNormOptions{ZeroScale: zeroScale})
}
