package train

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"alike/internal/registry"
)

func TestPatternsChooseByNameModulePartAndGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"conv1.weight", "conv1.weight", true},
		{"layer1", "layer1.0.bn1.weight", true},
		{"layer1.0", "layer1.0.bn1.weight", true},
		{"layer1.0", "layer1.01.weight", false},
		{"layer", "layer1.0.bn1.weight", false},
		{"layer[12]", "layer2.0.conv1.weight", true},
		{"layer[12]", "layer3.0.conv1.weight", false},
		{"*.running_*", "layer1.0.bn1.running_var", true},
		{"*.running_*", "layer1.0.bn1.weight", false},
		{"encoder", "layer1.0.bn1.weight", true},
		{"encoder", "head.0.weight", false},
		{"encoder", "loss.proxies", false},
		{"head", "head.0.weight", true},
		{"head", "header.weight", false},
	} {
		c := Config{Freeze: []string{tc.pattern}}
		if got := c.frozen(tc.name); got != tc.want {
			t.Errorf("%q chooses %s: %t, want %t", tc.pattern, tc.name, got, tc.want)
		}
	}
}

// TestFrozenWeightsDoNotMove takes a step with a part frozen, its statistics included, whole and
// in chunks: what is frozen stays to the last bit, and everything else moves.
func TestFrozenWeightsDoNotMove(t *testing.T) {
	for _, tc := range []struct {
		freeze []string
		chunk  int
	}{
		{[]string{"layer1"}, 0},
		{[]string{"conv1", "layer[12]", "*.running_*"}, 0},
		{[]string{"encoder"}, 0},
		{[]string{"layer1", "bn1"}, 8},
	} {
		t.Run(fmt.Sprint(tc.freeze, tc.chunk), func(t *testing.T) {
			r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
			r.Config.Optimizer = registry.Choice{Name: "sgd"}
			r.Config.Encoder = moving(t, r.Config.Encoder.Name)
			r.Config.Freeze, r.Config.Chunk = tc.freeze, tc.chunk
			for path, change := range firstStep(t, r.Config, 1) {
				largest := 0.0
				for _, d := range change {
					largest = max(largest, math.Abs(d))
				}
				if strings.HasPrefix(path, "/optimizer/") {
					if r.Config.frozen(dotted(strings.TrimPrefix(path, "/optimizer"))) {
						t.Errorf("the optimiser keeps %s of a frozen weight", path)
					}
					continue
				}
				frozen := r.Config.frozen(dotted(path))
				if frozen && largest != 0 {
					t.Errorf("%s is frozen and has moved by %g", path, largest)
				}
				if !frozen && largest == 0 && strings.HasSuffix(path, "/weight") {
					t.Errorf("%s is not frozen and has not moved", path)
				}
			}
		})
	}
}

// moving is an encoder whose blocks do not begin as the identity, so that all of it moves at once.
func moving(t *testing.T, name string) registry.Choice {
	t.Helper()
	e, err := registry.Choose(name, map[string]bool{"zero_init": false})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestLRScaleMultiplies compares the change of all weights in one step without momentum.
func TestLRScaleMultiplies(t *testing.T) {
	r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
	r.Config.Optimizer = registry.Choice{Name: "sgd"}
	r.Config.Encoder = moving(t, r.Config.Encoder.Name)
	plain := firstStep(t, r.Config, 1)
	r.Config.LRScale = map[string]float64{"encoder": 0.5, "layer1": 4}
	for path, change := range firstStep(t, r.Config, 1) {
		factor := 1.0
		switch {
		case strings.Contains(path, "running_"), strings.HasPrefix(path, "/head/"):
		case strings.HasPrefix(path, "/layer1/"):
			factor = 2
		default:
			factor = 0.5
		}
		for i, d := range change {
			if !(math.Abs(d-factor*plain[path][i]) <= 1e-6*(1+math.Abs(d))) {
				t.Errorf("%s: a change of %g, want %g times %g", path, d, factor, plain[path][i])
				break
			}
		}
	}
}

func TestPatternsAreChecked(t *testing.T) {
	for _, tc := range []struct {
		freeze []string
		scale  map[string]float64
		chunk  int
		want   string
	}{
		{[]string{"layr1"}, nil, 0, `"layr1" chooses no weight; the encoder's parts are bn1, conv1, layer1`},
		{[]string{"encoder", "head"}, nil, 0, "nothing is left to train"},
		{[]string{"encoder", "head"}, nil, 8, "nothing is left to train"},
		{[]string{"["}, nil, 0, `pattern "["`},
		{nil, map[string]float64{"head": 0}, 0, "lr_scale head=0"},
	} {
		r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
		r.Config.Freeze, r.Config.LRScale, r.Config.Chunk = tc.freeze, tc.scale, tc.chunk
		err := r.Config.Validate()
		if err == nil {
			_, err = r.Plan(engine(t, ""))
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("freeze %q, scale %v, chunk %d: %v, want %q", tc.freeze, tc.scale, tc.chunk, err, tc.want)
		}
	}
}
