package encoder_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/encoder"
)

func TestResNetParameterCounts(t *testing.T) {
	for _, tc := range []struct {
		name, config string
		side, want   int
	}{
		{"ResNet-50 has the paper's 24 million", "resnet50", 224, 23_508_032},
		{"ResNet-50 with the CIFAR stem", "resnet50", 32, 23_500_352},
		{"ResNet-50 2x has the paper's 94 million", "{name: resnet50, width: 2}", 224, 93_907_072},
		{"ResNet-18 with projections in every group", "resnet18", 224, 11_180_736},
		{"ResNet-18 with projections and the CIFAR stem", "resnet18", 32, 11_173_056},
		{"plain ResNet-18", "{name: resnet18, shortcut: identity}", 224, 11_176_512},
		{"plain ResNet-18 with the CIFAR stem", "{name: resnet18, shortcut: identity, stem: cifar}", 64, 11_168_832},
		{"torchvision's ResNet-34 less its classifier", "{name: resnet34, shortcut: identity}", 224, 21_797_672 - 513_000},
		{"torchvision's ResNet-101 less its classifier", "resnet101", 224, 44_549_160 - 2_049_000},
		{"torchvision's ResNet-152 less its classifier", "resnet152", 224, 60_192_808 - 2_049_000},
		{"He's ResNet-20 with option B less its classifier", "{name: resnet20, shortcut: identity}", 32, 272_474 - 650},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if testing.Short() && tc.want > 1e6 {
				t.Skip("draws many million weights")
			}
			store, _ := build(t, newEncoder(t, tc.config), tc.side)
			if got := parameters(store); got != tc.want {
				t.Errorf("%d parameters, want %d", got, tc.want)
			}
		})
	}
}

func TestResNetNamesAreTorchvisions(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many million weights")
	}
	for _, tc := range []struct {
		config string
		count  int // of torchvision's tensors less the classifier and the batch counters
		shapes map[string][]int
	}{
		{"{name: resnet18, shortcut: identity}", 122 - 2 - 20, map[string][]int{
			"conv1.weight":                 {7, 7, 3, 64},
			"bn1.running_var":              {64},
			"layer1.1.conv2.weight":        {3, 3, 64, 64},
			"layer2.0.downsample.0.weight": {1, 1, 64, 128},
			"layer2.0.downsample.1.bias":   {128},
			"layer4.1.bn2.running_mean":    {512},
		}},
		{"resnet50", 320 - 2 - 53, map[string][]int{
			"layer1.0.conv1.weight":        {1, 1, 64, 64},
			"layer1.0.downsample.0.weight": {1, 1, 64, 256},
			"layer2.0.conv2.weight":        {3, 3, 128, 128},
			"layer4.2.conv3.weight":        {1, 1, 512, 2048},
			"layer4.2.bn3.weight":          {2048},
		}},
	} {
		t.Run(tc.config, func(t *testing.T) {
			store, _ := build(t, newEncoder(t, tc.config), 224)
			if n := store.NumVariables(); n != tc.count {
				t.Errorf("%d tensors, want %d", n, tc.count)
			}
			for name, want := range tc.shapes {
				v := store.GetVariable("/" + strings.ReplaceAll(name, ".", "/"))
				if v == nil || !slices.Equal(v.Shape().Dimensions, want) {
					t.Errorf("%s is %v, want %v", name, v, want)
				}
			}
		})
	}
}

func TestResNetStartsBlocksAsTheirShortcuts(t *testing.T) {
	for _, tc := range []struct {
		config string
		zeros  int
	}{{"resnet14", 6}, {"{name: resnet14, zero_init: false}", 0}} {
		store, _ := build(t, newEncoder(t, tc.config), 32)
		zeros := 0
		for v := range store.IterVariables() {
			name := dotted(v)
			last := strings.HasPrefix(name, "layer") && strings.HasSuffix(name, "bn2.weight")
			if last && tensors.MustCopyFlatData[float32](v.MustValue())[0] == 0 {
				zeros++
			}
		}
		if zeros != tc.zeros {
			t.Errorf("%s: %d branches start at 0, want %d", tc.config, zeros, tc.zeros)
		}
	}
}

// picture is one image [H][W][C].
type picture [][][]float64

func newPicture(h, w, c int) picture {
	p := make(picture, h)
	for y := range p {
		p[y] = make([][]float64, w)
		for x := range p[y] {
			p[y][x] = make([]float64, c)
		}
	}
	return p
}

// twin runs a ResNet in inference, layer by layer as the paper draws it.
type twin struct{ store *model.Store }

func (n twin) weight(name string) []float32 {
	v := n.store.GetVariable("/" + strings.ReplaceAll(name, ".", "/"))
	if v == nil {
		return nil
	}
	return tensors.MustCopyFlatData[float32](v.MustValue())
}

// conv is convolution and batch norm; k is the kernel's side.
func (n twin) conv(x picture, conv, bn string, k, stride int) picture {
	scale, shift := n.weight(bn+".weight"), n.weight(bn+".bias")
	mean, variance := n.weight(bn+".running_mean"), n.weight(bn+".running_var")
	y := n.convolve(x, conv, k, stride)
	for i := range y {
		for j := range y[i] {
			for o, v := range y[i][j] {
				unit := (v - float64(mean[o])) / math.Sqrt(float64(variance[o])+1e-5)
				y[i][j][o] = float64(scale[o])*unit + float64(shift[o])
			}
		}
	}
	return y
}

// convolve is the convolution alone.
func (n twin) convolve(x picture, name string, k, stride int) picture {
	w, in := n.weight(name+".weight"), len(x[0][0])
	out := len(w) / (k * k * in)
	y := newPicture((len(x)+stride-1)/stride, (len(x[0])+stride-1)/stride, out)
	for i := range y {
		for j := range y[i] {
			for tap := range k * k {
				r, s := i*stride+tap/k-(k-1)/2, j*stride+tap%k-(k-1)/2
				if r < 0 || s < 0 || r >= len(x) || s >= len(x[0]) {
					continue
				}
				for c, v := range x[r][s] {
					for o, u := range w[(tap*in+c)*out:][:out] {
						y[i][j][o] += v * float64(u)
					}
				}
			}
		}
	}
	return y
}

// relu is max(x + shortcut, 0) in place; shortcut may be nil.
func relu(x, shortcut picture) picture {
	for i := range x {
		for j := range x[i] {
			for c := range x[i][j] {
				if shortcut != nil {
					x[i][j][c] += shortcut[i][j][c]
				}
				x[i][j][c] = max(x[i][j][c], 0)
			}
		}
	}
	return x
}

// pool is TensorFlow's SAME 3x3 max pool of stride 2 for an even side.
func pool(x picture) picture {
	y := newPicture(len(x)/2, len(x[0])/2, len(x[0][0]))
	for i := range y {
		for j := range y[i] {
			for c := range y[i][j] {
				for r := 2 * i; r < min(2*i+3, len(x)); r++ {
					for s := 2 * j; s < min(2*j+3, len(x)); s++ {
						y[i][j][c] = max(y[i][j][c], x[r][s][c]) // x ≥ 0
					}
				}
			}
		}
	}
	return y
}

func (n twin) embed(x picture, blocks []int, bottleneck, imagenet bool) []float64 {
	if imagenet {
		x = pool(relu(n.conv(x, "conv1", "bn1", 7, 2), nil))
	} else {
		x = relu(n.conv(x, "conv1", "bn1", 3, 1), nil)
	}
	for group, count := range blocks {
		for block := range count {
			stride := 1
			if group > 0 && block == 0 {
				stride = 2
			}
			x = n.block(x, fmt.Sprintf("layer%d.%d.", group+1, block), stride, bottleneck)
		}
	}
	return average(x)
}

func (n twin) block(x picture, name string, stride int, bottleneck bool) picture {
	var y picture
	if bottleneck {
		y = relu(n.conv(x, name+"conv1", name+"bn1", 1, 1), nil)
		y = relu(n.conv(y, name+"conv2", name+"bn2", 3, stride), nil)
		y = n.conv(y, name+"conv3", name+"bn3", 1, 1)
	} else {
		y = relu(n.conv(x, name+"conv1", name+"bn1", 3, stride), nil)
		y = n.conv(y, name+"conv2", name+"bn2", 3, 1)
	}
	if n.weight(name+"downsample.0.weight") != nil {
		x = n.conv(x, name+"downsample.0", name+"downsample.1", 1, stride)
	}
	return relu(y, x)
}

// shake gives every batch norm parameters and statistics of its own.
func shake(store *model.Store) {
	rng := rand.New(rand.NewPCG(1, 2))
	for v := range store.IterVariables() {
		if v.Shape().Rank() == 1 {
			tensors.MustMutableFlatData(v.MustValue(), func(flat []float32) {
				for i := range flat {
					flat[i] = float32(0.5 + rng.Float64())
				}
			})
		}
	}
}

func TestResNetAgreesWithItsTwin(t *testing.T) {
	for _, tc := range []struct {
		config     string
		side       int
		blocks     []int
		bottleneck bool
		imagenet   bool
	}{
		{"resnet8", 8, []int{1, 1, 1}, false, false},
		{"{name: resnet14, shortcut: identity, width: 2}", 8, []int{2, 2, 2}, false, false},
		{"{name: resnet8, stem: imagenet}", 32, []int{1, 1, 1}, false, true},
		{"{name: resnet50, stem: cifar}", 8, []int{3, 4, 6, 3}, true, false},
	} {
		t.Run(tc.config, func(t *testing.T) {
			if testing.Short() && tc.bottleneck {
				t.Skip("draws many million weights")
			}
			e := newEncoder(t, tc.config)
			store, _ := build(t, e, tc.side)
			shake(store)
			x, flat := randomPicture(tc.side)
			got := embed(t, e, store, tensors.FromFlatDataAndDimensions(flat, 1, tc.side, tc.side, 3))
			closeToTwin(t, got, twin{store}.embed(x, tc.blocks, tc.bottleneck, tc.imagenet))
		})
	}
}

// embed returns h of one image in inference.
func embed(t *testing.T, e encoder.Encoder, store *model.Store, x *tensors.Tensor) []float32 {
	t.Helper()
	exec, err := model.NewExec(goBackend(t), store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		return e.Graph(scope, x)
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := exec.Call(x)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](h[0])
}

func TestResNetValidateReportsAllFaults(t *testing.T) {
	err := (&encoder.ResNet{Stem: "big", Shortcut: "none", Pool: "avg"}).Validate()
	for _, want := range []string{"width 0", `stem "big"`, `shortcut "none"`, `pool "avg"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}
