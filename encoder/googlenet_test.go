package encoder_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

func TestGoogLeNetParameters(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many million weights")
	}
	store, _ := build(t, newEncoder(t, "googlenet"), 64)
	const layer = 1024*128 + 128 // ISIF's embedding
	if got, want := parameters(store), 6_104_752-layer; got != want {
		t.Errorf("%d parameters, want %d", got, want)
	}
	if n := store.NumVariables(); n != 2*(3+9*6) {
		t.Errorf("%d tensors, want a weight and a bias of each of %d convolutions", n, 3+9*6)
	}
	for name, want := range map[string][]int{
		"conv1.7x7_s2.weight":         {7, 7, 3, 64},
		"conv2.3x3_reduce.bias":       {64},
		"inception_3a.5x5.weight":     {5, 5, 16, 32},
		"inception_4e.1x1.weight":     {1, 1, 528, 256},
		"inception_5b.pool_proj.bias": {128},
	} {
		v := store.GetVariable("/" + strings.ReplaceAll(name, ".", "/"))
		if v == nil || !slices.Equal(v.Shape().Dimensions, want) {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
}

func TestGoogLeNetMaps(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many million weights")
	}
	for side, want := range map[int][]int{
		227: {28, 28, 14, 14, 14, 14, 14, 7, 7},
		224: {28, 28, 14, 14, 14, 14, 14, 7, 7},
		64:  {8, 8, 4, 4, 4, 4, 4, 2, 2},
		8:   {1, 1, 1, 1, 1, 1, 1, 1, 1},
	} {
		g := NewGraph(goBackend(t), "maps")
		x := Parameter(g, "x", shapes.Make(dtypes.Float32, 1, side, side, 3))
		newEncoder(t, "googlenet").Graph(model.NewStore().RootScope(), x)
		var sides, channels []int
		for _, n := range g.Nodes() {
			if n.Type() == NodeTypeConcatenate {
				sides, channels = append(sides, n.Shape().Dim(1)), append(channels, n.Shape().Dim(3))
			}
		}
		if !slices.Equal(sides, want) {
			t.Errorf("%d: sides %v, want %v", side, sides, want)
		}
		if want := []int{256, 480, 512, 512, 512, 528, 832, 832, 1024}; !slices.Equal(channels, want) {
			t.Errorf("channels %v, want %v", channels, want)
		}
	}
}

// localNorm is Caffe's local response normalisation, channel by channel.
func localNorm(x picture) picture {
	y := newPicture(len(x), len(x[0]), len(x[0][0]))
	for i := range x {
		for j := range x[i] {
			for c, v := range x[i][j] {
				sum := 0.0
				for k := max(c-2, 0); k <= min(c+2, len(x[i][j])-1); k++ {
					sum += x[i][j][k] * x[i][j][k]
				}
				y[i][j][c] = v / math.Pow(1+1e-4/5*sum, 0.75)
			}
		}
	}
	return y
}

// googLeNet runs the network layer by layer.
func (n twin) googLeNet(x picture) []float64 {
	layer := func(x picture, name string, k, stride int) picture {
		y, bias := n.convolve(x, name, k, stride), n.weight(name+".bias")
		for i := range y {
			for j := range y[i] {
				for c := range y[i][j] {
					y[i][j][c] += float64(bias[c])
				}
			}
		}
		return relu(y, nil)
	}
	x = localNorm(caffePool(layer(x, "conv1.7x7_s2", 7, 2), 3, 2, 0, false))
	x = localNorm(layer(layer(x, "conv2.3x3_reduce", 1, 1), "conv2.3x3", 3, 1))
	for _, module := range strings.Fields("pool 3a 3b pool 4a 4b 4c 4d 4e pool 5a 5b") {
		if module == "pool" {
			x = caffePool(x, 3, 2, 0, false)
			continue
		}
		name := "inception_" + module + "."
		x = join(
			layer(x, name+"1x1", 1, 1),
			layer(layer(x, name+"3x3_reduce", 1, 1), name+"3x3", 3, 1),
			layer(layer(x, name+"5x5_reduce", 1, 1), name+"5x5", 5, 1),
			layer(caffePool(x, 3, 1, 1, false), name+"pool_proj", 1, 1))
	}
	return average(x)
}

func TestGoogLeNetAgreesWithItsTwin(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many million weights")
	}
	const side = 64
	e := newEncoder(t, "googlenet")
	store, _ := build(t, e, side)
	shake(store)
	x, flat := randomPicture(side)
	for i := range x { // bright enough for localNorm to show: 0 to 255
		for j := range x[i] {
			for c := range x[i][j] {
				x[i][j][c] *= 255
			}
		}
	}
	for i := range flat {
		flat[i] *= 255
	}
	got := embed(t, e, store, tensors.FromFlatDataAndDimensions(flat, 1, side, side, 3))
	closeToTwin(t, got, twin{store}.googLeNet(x))
}
