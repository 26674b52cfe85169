package augment

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// of is the only step of a type.
func of[T Step](c Config) (found T) {
	for _, step := range c {
		if s, ok := step.(T); ok {
			found = s
		}
	}
	return found
}

func TestSimCLR(t *testing.T) {
	small, large := SimCLR(32), SimCLR(33)
	if of[*Jitter](small).Brightness != 0.4 || of[*Jitter](small).Hue != 0.1 || of[*Blur](small).P != 0 {
		t.Errorf("recipe for CIFAR-10: %+v", small)
	}
	if of[*Jitter](large).Brightness != 0.8 || of[*Jitter](large).Hue != 0.2 || of[*Blur](large).P != 0.5 {
		t.Errorf("recipe for ImageNet: %+v", large)
	}
	for _, c := range []Config{small, large} {
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// everything has each augmentation with its defaults, a crop first.
func everything(t interface{ Fatal(...any) }) Config {
	c := Config{defaultCrop()}
	for _, name := range Augmentations.Names() {
		step, err := Augmentations.Default(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, cuts := step.(cutter); !cuts {
			c = append(c, step)
		}
	}
	return c
}

func TestConfigGoesThroughYAML(t *testing.T) {
	for _, want := range []Config{SimCLR(32), SimCLR(224), ISIF(32), MetricLearning(227), everything(t)} {
		b, err := yaml.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := SimCLR(224)
		if err := yaml.Unmarshal(b, &got); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%v\n%s\nbecame another: %s", err, b, cmp.Diff(want, got))
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(c Config)
		want []string
	}{
		{"an unknown sampler", func(c Config) { of[*Crop](c).Sampler = "pil" }, []string{`crop: sampler "pil"`}},
		{"an unknown interpolation", func(c Config) { of[*Crop](c).Interpolation = "box" }, []string{`interpolation "box"`}},
		{"an empty area", func(c Config) { of[*Crop](c).Area = [2]float64{0, 1} }, []string{"crop: area"}},
		{"ratios in the wrong order", func(c Config) { of[*Crop](c).Ratio = [2]float64{2, 1} }, []string{"crop: ratio"}},
		{"an infinite ratio", func(c Config) { of[*Crop](c).Ratio[1] = math.Inf(1) }, []string{"crop: ratio"}},
		{"a hue beyond half a turn", func(c Config) { of[*Jitter](c).Hue = 36 }, []string{"jitter: hue 36"}},
		{"an unknown form", func(c Config) { of[*Jitter](c).Form = "caffe" }, []string{`jitter: form "caffe"`}},
		{"a probability that is not a number", func(c Config) { of[*Gray](c).P = math.NaN() }, []string{"gray: p NaN"}},
		{"all faults at once", func(c Config) { of[*Flip](c).P, of[*Blur](c).P, of[*Blur](c).Sigma[0] = 2, -1, 0 },
			[]string{"flip: p 2", "blur: p -1", "sigma"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := SimCLR(224)
			tc.set(c)
			_, err := New(c, 224)
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one with %q", err, want)
				}
			}
		})
	}
	if _, err := New(SimCLR(32), 0); err == nil {
		t.Error("views of 0 pixels: no error")
	}
}

func TestAugmentations(t *testing.T) {
	if got := strings.Join(Augmentations.Names(), " "); got != "blur crop cutout flip gray jitter multicrop noise resize rotate sobel solarise" {
		t.Errorf("names %s", got)
	}
	for _, name := range Augmentations.Names() {
		v, err := Augmentations.Default(name)
		if err != nil || v.Validate() != nil || v.name() != name || Augmentations.Summary(name) == "" {
			t.Errorf("%s: %v, %v, summary %q", name, err, v.Validate(), Augmentations.Summary(name))
		}
	}
}
