package augment

import (
	"math"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestSimCLR(t *testing.T) {
	small, large := SimCLR(32), SimCLR(33)
	if small.Jitter.Brightness != 0.4 || small.Jitter.Hue != 0.1 || small.Blur.P != 0 {
		t.Errorf("recipe for CIFAR-10: %+v", small)
	}
	if large.Jitter.Brightness != 0.8 || large.Jitter.Hue != 0.2 || large.Blur.P != 0.5 {
		t.Errorf("recipe for ImageNet: %+v", large)
	}
	for _, c := range []Config{small, large} {
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestConfigGoesThroughYAML(t *testing.T) {
	want := SimCLR(224)
	b, err := yaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := yaml.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("%v\n%s\nbecame %+v", err, b, got)
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(c *Config)
		want []string
	}{
		{"an unknown sampler", func(c *Config) { c.Crop.Sampler = "pil" }, []string{`crop: sampler "pil"`}},
		{"an unknown interpolation", func(c *Config) { c.Crop.Interpolation = "box" }, []string{`interpolation "box"`}},
		{"an empty area", func(c *Config) { c.Crop.Area = [2]float64{0, 1} }, []string{"crop: area"}},
		{"ratios in the wrong order", func(c *Config) { c.Crop.Ratio = [2]float64{2, 1} }, []string{"crop: ratio"}},
		{"an infinite ratio", func(c *Config) { c.Crop.Ratio[1] = math.Inf(1) }, []string{"crop: ratio"}},
		{"a hue beyond half a turn", func(c *Config) { c.Jitter.Hue = 36 }, []string{"jitter: hue 36"}},
		{"an unknown form", func(c *Config) { c.Jitter.Form = "caffe" }, []string{`jitter: form "caffe"`}},
		{"a probability that is not a number", func(c *Config) { c.Gray.P = math.NaN() }, []string{"gray: p NaN"}},
		{"all faults at once", func(c *Config) { c.Flip.P, c.Blur.P, c.Blur.Sigma[0] = 2, -1, 0 },
			[]string{"flip: p 2", "blur: p -1", "sigma"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := SimCLR(224)
			tc.set(&c)
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
	if got := strings.Join(Augmentations.Names(), " "); got != "blur crop flip gray jitter" {
		t.Errorf("names %s", got)
	}
	for _, name := range Augmentations.Names() {
		v, err := Augmentations.Default(name)
		if err != nil || v.Validate() != nil || Augmentations.Summary(name) == "" {
			t.Errorf("%s: %v, %v, summary %q", name, err, v.Validate(), Augmentations.Summary(name))
		}
	}
}
