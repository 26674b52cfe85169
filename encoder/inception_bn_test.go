package encoder_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/encoder"
)

func TestInceptionBNParameterCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many million weights")
	}
	for _, tc := range []struct {
		config string
		side   int
		want   int
	}{
		{"inception_bn", 227, 10_072_640},
		{"inception_bn", 64, 10_072_640},
		{"{name: inception_bn, stem: small}", 64, 10_072_640 - 64*3*(7*7-3*3)},
	} {
		store, _ := build(t, newEncoder(t, tc.config), tc.side)
		if got := parameters(store); got != tc.want {
			t.Errorf("%s: %d parameters, want %d", tc.config, got, tc.want)
		}
	}
}

// parameters counts what is trained.
func parameters(store *model.Store) int {
	n := 0
	for v := range store.IterVariables() {
		if v.Trainable {
			n += v.Shape().Size()
		}
	}
	return n
}

// TestInceptionBNMaps checks the sides of conv1, pool1 and pool2, and the side
// and channels of every module, against the published table.
func TestInceptionBNMaps(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many million weights")
	}
	channels := []int{256, 320, 576, 576, 576, 576, 576, 1024, 1024, 1024}
	for _, tc := range []struct {
		config  string
		side    int
		stem    []int // conv1, then the pools
		modules []int
	}{
		{"inception_bn", 227, []int{114, 57, 28}, []int{28, 28, 14, 14, 14, 14, 14, 7, 7, 7}},
		{"inception_bn", 224, []int{112, 56, 28}, []int{28, 28, 14, 14, 14, 14, 14, 7, 7, 7}},
		{"inception_bn", 64, []int{32, 16, 8}, []int{8, 8, 4, 4, 4, 4, 4, 2, 2, 2}},
		{"inception_bn", 100, []int{50, 25, 12}, []int{12, 12, 6, 6, 6, 6, 6, 3, 3, 3}},
		{"inception_bn", 40, []int{20, 10, 5}, []int{5, 5, 3, 3, 3, 3, 3, 2, 2, 2}}, // odd in 3c and 4e
		{"inception_bn", 8, []int{4, 2, 1}, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"{name: inception_bn, stem: small}", 64, []int{64, 32}, []int{32, 32, 16, 16, 16, 16, 16, 8, 8, 8}},
		{"{name: inception_bn, stem: small}", 32, []int{32, 16}, []int{16, 16, 8, 8, 8, 8, 8, 4, 4, 4}},
	} {
		t.Run(fmt.Sprintf("%s/%d", tc.config, tc.side), func(t *testing.T) {
			g := NewGraph(goBackend(t), "maps")
			x := Parameter(g, "x", shapes.Make(dtypes.Float32, 1, tc.side, tc.side, 3))
			newEncoder(t, tc.config).Graph(model.NewStore().RootScope(), x)
			var stem, modules, joined []int
			for _, n := range g.Nodes() {
				pool := n.Type() == NodeTypeReduceWindow
				conv1 := n.Type() == NodeTypeConvGeneral && len(stem) == 0
				if (pool || conv1) && len(stem) < len(tc.stem) {
					stem = append(stem, n.Shape().Dim(1))
				}
				if n.Type() == NodeTypeConcatenate {
					modules, joined = append(modules, n.Shape().Dim(1)), append(joined, n.Shape().Dim(3))
				}
			}
			if !slices.Equal(stem, tc.stem) || !slices.Equal(modules, tc.modules) {
				t.Errorf("sides %v, %v, want %v, %v", stem, modules, tc.stem, tc.modules)
			}
			if !slices.Equal(joined, channels) {
				t.Errorf("channels %v, want %v", joined, channels)
			}
		})
	}
}

// caffePool pools channel by channel as Caffe's pooling layer does, from its
// own loops: where a window hangs over the padding its divisor shrinks, but not
// where it lies on it.
func caffePool(x picture, window, stride, pad int, mean bool) picture {
	count := func(side int) int {
		n := int(math.Ceil(float64(side+2*pad-window)/float64(stride))) + 1
		if pad > 0 && (n-1)*stride >= side+pad {
			n-- // the last window would begin outside
		}
		return n
	}
	y := newPicture(count(len(x)), count(len(x[0])), len(x[0][0]))
	for i := range y {
		for j := range y[i] {
			top, left := i*stride-pad, j*stride-pad
			bottom, right := min(top+window, len(x)+pad), min(left+window, len(x[0])+pad)
			size := float64((bottom - top) * (right - left))
			for c := range y[i][j] {
				sum, largest := 0.0, math.Inf(-1)
				for r := max(top, 0); r < min(bottom, len(x)); r++ {
					for s := max(left, 0); s < min(right, len(x[0])); s++ {
						sum, largest = sum+x[r][s][c], max(largest, x[r][s][c])
					}
				}
				y[i][j][c] = largest
				if mean {
					y[i][j][c] = sum / size
				}
			}
		}
	}
	return y
}

// join stacks the channels of maps of one size.
func join(maps ...picture) picture {
	y := newPicture(len(maps[0]), len(maps[0][0]), 0)
	for _, m := range maps {
		if len(m) != len(y) || len(m[0]) != len(y[0]) {
			panic("maps of unlike sizes")
		}
		for i := range y {
			for j := range y[i] {
				y[i][j] = append(y[i][j], m[i][j]...)
			}
		}
	}
	return y
}

// average is the mean over all pixels.
func average(x picture) []float64 {
	h := make([]float64, len(x[0][0]))
	for i := range x {
		for j := range x[i] {
			for c, v := range x[i][j] {
				h[c] += v / float64(len(x)*len(x[0]))
			}
		}
	}
	return h
}

// inceptionBN runs the network layer by layer as Caffe's description of it
// does: in particular it pools before the projection.
func (n twin) inceptionBN(x picture, small bool) []float64 {
	layer := func(x picture, name string, k, stride int) picture {
		return relu(n.conv(x, name, name+".bn", k, stride), nil)
	}
	if small {
		x = layer(x, "conv1.3x3", 3, 1)
	} else {
		x = caffePool(layer(x, "conv1.7x7_s2", 7, 2), 3, 2, 0, false)
	}
	x = layer(layer(x, "conv2.3x3_reduce", 1, 1), "conv2.3x3", 3, 1)
	x = caffePool(x, 3, 2, 0, false)
	for _, module := range strings.Fields("3a 3b 3c 4a 4b 4c 4d 4e 5a 5b") {
		name := "inception_" + module + "."
		if module == "3c" || module == "4e" {
			x = join(
				layer(layer(x, name+"3x3_reduce", 1, 1), name+"3x3", 3, 2),
				layer(layer(layer(x, name+"double_3x3_reduce", 1, 1), name+"double_3x3_1", 3, 1), name+"double_3x3_2", 3, 2),
				caffePool(x, 3, 2, len(x)%2, false))
			continue
		}
		x = join(
			layer(x, name+"1x1", 1, 1),
			layer(layer(x, name+"3x3_reduce", 1, 1), name+"3x3", 3, 1),
			layer(layer(layer(x, name+"double_3x3_reduce", 1, 1), name+"double_3x3_1", 3, 1), name+"double_3x3_2", 3, 1),
			layer(caffePool(x, 3, 1, 1, module != "5b"), name+"pool_proj", 1, 1))
	}
	return average(x)
}

func TestInceptionBNAgreesWithItsTwin(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many million weights")
	}
	for _, tc := range []struct {
		config string
		side   int
		small  bool
	}{
		{"inception_bn", 64, false},
		{"inception_bn", 40, false}, // odd maps in 3c and 4e
		{"{name: inception_bn, stem: small}", 16, true},
	} {
		t.Run(tc.config, func(t *testing.T) {
			e := newEncoder(t, tc.config)
			store, _ := build(t, e, tc.side)
			shake(store)
			x, flat := randomPicture(tc.side)
			got := embed(t, e, store, tensors.FromFlatDataAndDimensions(flat, 1, tc.side, tc.side, 3))
			closeToTwin(t, got, twin{store}.inceptionBN(x, tc.small))
		})
	}
}

// randomPicture draws an image, twice the same.
func randomPicture(side int) (picture, []float32) {
	rng, x := rand.New(rand.NewPCG(3, 4)), newPicture(side, side, 3)
	var flat []float32
	for i := range x {
		for j := range x[i] {
			for c := range x[i][j] {
				flat = append(flat, rng.Float32())
				x[i][j][c] = float64(flat[len(flat)-1])
			}
		}
	}
	return x, flat
}

// closeToTwin compares to 1e-4 of the largest value.
func closeToTwin(t *testing.T, got []float32, want []float64) {
	t.Helper()
	size := slices.Max(want)
	if !(size > 0) || len(got) != len(want) {
		t.Fatalf("%d values, want %d of %g at most", len(got), len(want), size)
	}
	for i := range want {
		if !(math.Abs(float64(got[i])-want[i]) <= 1e-4*size) {
			t.Fatalf("h[%d] is %g, want %g (of %g at most)", i, got[i], want[i], size)
		}
	}
}

func TestInceptionBNNamesAreCaffes(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many million weights")
	}
	store, _ := build(t, newEncoder(t, "inception_bn"), 64)
	const convolutions = 3 + 8*7 + 2*5
	if n := store.NumVariables(); n != 5*convolutions {
		t.Errorf("%d tensors, want %d", n, 5*convolutions)
	}
	for name, want := range map[string][]int{
		"conv1.7x7_s2.weight":                   {7, 7, 3, 64},
		"conv2.3x3_reduce.bn.running_mean":      {64},
		"inception_3c.double_3x3_2.weight":      {3, 3, 96, 96},
		"inception_4a.pool_proj.weight":         {1, 1, 576, 128},
		"inception_4e.double_3x3_reduce.weight": {1, 1, 576, 192},
		"inception_5b.1x1.bn.weight":            {352},
		"inception_5b.double_3x3_1.weight":      {3, 3, 160, 224},
	} {
		v := store.GetVariable("/" + strings.ReplaceAll(name, ".", "/"))
		if v == nil || !slices.Equal(v.Shape().Dimensions, want) {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
}

func TestInceptionBNValidate(t *testing.T) {
	err := (&encoder.InceptionBN{Stem: "cifar"}).Validate()
	if err == nil || !strings.Contains(err.Error(), `stem "cifar"`) {
		t.Errorf("error %v", err)
	}
}
