package train

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/dataset"
	"alike/dataset/builtin"
	"alike/internal/registry"
	"alike/loss"
	"alike/method"
)

// methodConfig is a method's recipe cut down to a few small steps.
func methodConfig(t *testing.T, name, lossName string, images dataset.Dataset) Config {
	t.Helper()
	c, err := Default(name, 32)
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Split, c.Encoder, c.Batch = "builtin:sprites?n=64", dataset.Train, registry.Choice{Name: "resnet8"}, 12
	c.Schedule.Epochs, c.Schedule.WarmupEpochs = 1, 0
	c.Sittings.Keep = 9
	small := map[string]any{"byol": map[string]any{"predictor": map[string]int{"hidden": 32}}, "moco": map[string]int{"queue": 30},
		"nnclr": map[string]any{"support": 40, "predictor": map[string]int{"hidden": 32}}, "xbm": map[string]int{"memory": 20}}
	if params, ok := small[name]; ok {
		if c.Method, err = registry.Choose(name, params); err != nil {
			t.Fatal(err)
		}
	}
	if lossName != "" {
		c.Loss = registry.Choice{Name: lossName}
	}
	if err := c.Resolve(images.Len(), len(images.Classes())); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEveryMethodWithEveryLoss trains a few steps, moves the weights and resumes exactly.
func TestEveryMethodWithEveryLoss(t *testing.T) {
	images, err := builtin.Sprites(t.Context(), dataset.Train, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := engine(t, "")
	for _, name := range method.Methods.Names() {
		m, err := method.Methods.Default(name)
		if err != nil {
			t.Fatal(err)
		}
		own := m.Defaults(32).Loss.Name == "" // whose loss cannot be chosen
		losses := []string{""}
		if !testing.Short() {
			losses = append(losses, loss.Losses.Names()...)
		}
		for _, lossName := range losses {
			l, _ := loss.Losses.Default(lossName)
			if _, ok := l.(loss.ClassLoss); ok && !m.Supervised() || lossName != "" && (own || name == "ice" || name == "isif") {
				continue
			}
			if m.Supervised() && (lossName == "isif_paper") {
				continue // wants exactly two views
			}
			t.Run(name+"/"+lossName, func(t *testing.T) {
				weights := ""
				for _, sittings := range [][]int{{0}, {2, 0}} {
					r, err := Create(filepath.Join(t.TempDir(), "run"), methodConfig(t, name, lossName, images))
					if err != nil {
						t.Fatal(err)
					}
					var s State
					for _, steps := range sittings {
						s = trained(t, r, images, b, Options{Steps: steps})
					}
					first, err := r.State(0)
					if err != nil {
						t.Fatal(err)
					}
					if s.Step != 6 || first.WeightsSHA256 == s.WeightsSHA256 {
						t.Errorf("step %d, weights moved: %t", s.Step, first.WeightsSHA256 != s.WeightsSHA256)
					}
					if weights != "" && weights != s.WeightsSHA256 {
						t.Error("the resumed run has other weights")
					}
					weights = s.WeightsSHA256
					points, err := r.Metrics()
					if err != nil {
						t.Fatal(err)
					}
					largest := 0.0
					for _, p := range points {
						if largest = max(largest, p.GradientNorm); math.IsNaN(p.Loss) {
							t.Errorf("step %d: the loss is NaN", p.Step)
						}
					}
					if largest == 0 {
						t.Error("no step has a gradient")
					}
				}
			})
		}
	}
}

// TestWhatAMethodRemembersIsChecked damages and removes the file that holds it.
func TestWhatAMethodRemembersIsChecked(t *testing.T) {
	images, err := builtin.Sprites(t.Context(), dataset.Train, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Create(filepath.Join(t.TempDir(), "run"), methodConfig(t, "moco", "", images))
	if err != nil {
		t.Fatal(err)
	}
	s := trained(t, r, images, engine(t, ""), Options{Steps: 1})
	path := filepath.Join(r.checkpointDir(s.Step), methodFile)
	memory, err := readTensors(path)
	if err != nil {
		t.Fatal(err)
	}
	if q := memory["queue"]; !slices.Equal(q.dims, []int{128, 30}) || memory["key.conv1.weight"].data == nil {
		t.Errorf("%s holds a queue of %v, and %d tensors", methodFile, q.dims, len(memory))
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)/2] ^= 1
	damaged := func(want string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.State(s.Step); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	damaged(methodFile+" is not the file", os.WriteFile(path, whole, 0o644))
	damaged(methodFile+" is missing", os.Remove(path))
}

func TestLabelsThatAreMissing(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"learns from labels: builtin:sprites?n=64 has 0 classes": func(c *Config) { c.classes = 0 },
		"batch of 12 images with 5 of each class":                func(c *Config) { c.PerClass = 5 },
		"per_class 3: method simclr does not use labels":         func(c *Config) { c.Method.Name = "simclr" },
		"12 images with 1 of each class: loss ice compares images of a class with each other and with others, and needs at least 2 classes of 2 images; try --batch 12 --per-class 2": func(c *Config) { c.PerClass = 1 },
		"3 images with 3 of each class: loss ice compares images": func(c *Config) { c.Batch = 3 },
		"try --batch 6 --per-class 3":                             func(c *Config) { c.Batch = 3 },
	} {
		images, err := builtin.Sprites(t.Context(), dataset.Train, 64, 1)
		if err != nil {
			t.Fatal(err)
		}
		c := methodConfig(t, "ice", "", images)
		change(&c)
		if err := c.Resolve(64, c.classes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestBatchesWithoutPairsThatTrain are those of losses that compare with classes, and of a memory of other batches.
func TestBatchesWithoutPairsThatTrain(t *testing.T) {
	images, err := builtin.Sprites(t.Context(), dataset.Train, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range [][2]string{{"metric", "proxy_nca"}, {"xbm", "ice"}} {
		c := methodConfig(t, tc[0], tc[1], images)
		c.PerClass = 1
		if err := c.Resolve(images.Len(), len(images.Classes())); err != nil {
			t.Errorf("%s: %v", tc, err)
		}
	}
}

// TestTheTrailingNetworkOnlyTrails takes steps with much weight decay: a weight of the second network is the
// average that its paper defines, to the last bits, and whatever is frozen in the first is so in the second.
func TestTheTrailingNetworkOnlyTrails(t *testing.T) {
	images, err := builtin.Sprites(t.Context(), dataset.Train, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"moco", "byol"} {
		for _, freeze := range [][]string{nil, {"conv1", "layer1", "*.running_*"}} {
			t.Run(fmt.Sprint(name, freeze), func(t *testing.T) {
				c := methodConfig(t, name, "", images)
				c.Freeze, c.Optimizer = freeze, choice(t, "sgd", map[string]any{"weight_decay": 0.3, "momentum": 0.9})
				momentum := map[string]float64{"moco": 0.999, "byol": 0.996}[name] // done is 0
				r, err := Create(filepath.Join(t.TempDir(), "run"), c)
				if err != nil {
					t.Fatal(err)
				}
				store := model.NewStore()
				p, err := newProgram(engine(t, ""), store, &r.Config)
				if err != nil {
					t.Fatal(err)
				}
				for _, q := range p.params {
					if strings.Contains(q.path, "/key/") {
						t.Fatalf("%s is trained", q.path)
					}
				}
				rows := 2 * c.Batch
				for step := range 3 {
					before := weights(store)
					in := inputs{noise(&r.Config, rows), tensors.FromShape(shapes.Make(dtypes.Int32, rows)), tensors.FromShape(shapes.Make(dtypes.Int32, rows))}
					if _, err := p.run(in, 0.1, 0); err != nil {
						t.Fatal(err)
					}
					trails := 0
					for path, after := range weights(store) {
						online, ok := strings.CutPrefix(path, methodPath+"/key")
						statistic := isStatistic(path)
						if !ok || statistic && freeze == nil {
							continue // its statistics are its own
						}
						trails++
						for i, got := range after {
							want := before[online][i]
							if !statistic {
								want = momentum*before[path][i] + (1-momentum)*before[online][i]
							}
							if !(math.Abs(got-want) <= 1e-6*(1e-3+math.Abs(want))) {
								t.Fatalf("step %d: %s[%d] is %g, want %g", step, path, i, got, want)
							}
						}
					}
					if trails < 10 {
						t.Fatalf("only %d tensors trail", trails)
					}
				}
			})
		}
	}
}
