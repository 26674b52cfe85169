package augment

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	simclr := SimCLR(32)[:4] // without the blur that never happens
	for _, tc := range []struct {
		line string
		want Config
	}{
		{"crop(0.08,1) flip jitter(0.5) gray(0.2)", simclr},
		{"  crop flip(0.5)\tjitter ( 0.4, 0.4, 0.4, hue=0.1 ) gray", nil},
		{"crop(0.2) jitter(0.4,0.4,0.4,0.4,p=1) gray flip", ISIF(32)},
		{"crop(0.25, sampler=side, square=true) flip", MetricLearning(224)},
		{"crop flip jitter gray blur(0.1, 2)", SimCLR(224)},
		{"crop flip jitter gray blur(p=0.5, sigma=[0.1, 2])", SimCLR(224)},
		{"resize rotate(30) rotate(p=1) solarise(0.25) cutout(0.3) noise(0, 0.1)", Config{
			&Whole{defaultFilter()}, &Rotate{P: 0.5, Degrees: 30}, &Rotate{P: 1}, &Solarise{P: 0.2, Threshold: 0.25},
			&Cutout{P: 1, Side: 0.3, Fill: 0.5}, &Noise{P: 0.5, Sigma: [2]float64{0, 0.1}},
		}},
	} {
		got, err := Parse(tc.line)
		if tc.want == nil {
			if err == nil {
				t.Errorf("%s: no error", tc.line)
			}
			continue
		}
		if err != nil || cmp.Diff(tc.want, got) != "" {
			t.Errorf("%s: %v\n%s", tc.line, err, cmp.Diff(tc.want, got))
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"", "views: no steps: want crop or resize"},
		{"flip", "views: flip comes first: want crop or resize"},
		{"crop flip crop", "views: crop is step 3: want it first"},
		{"crop swirl", `views: unknown augmentation "swirl"; have blur, crop,`},
		{"crop flip(0.5", "views: flip(0.5 has no closing bracket"},
		{"crop) flip", `unknown augmentation`},
		{"crop flip(1.5)", "views: flip: p 1.5: must be a probability"},
		{"crop flip(often)", `views: flip: "often" is not a number: want one, or KEY=VALUE with a key of p`},
		{"crop flip(,)", `views: flip: "" is not a number`},
		{"crop flip(q=1)", `views: flip: there is no parameter "q"; have p`},
		{"crop flip(p=often)", `views: flip: p is "often": want something like 0.5`},
		{"crop flip(p=)", `views: flip: p is "": want something like 0.5`},
		{"crop blur(sigma=2)", `views: blur: sigma is "2": want something like [0.1, 2]`},
		{"crop blur(sigma=[1, 2, 3])", `views: blur: sigma is "[1, 2, 3]": want something like [0.1, 2]`},
		{"crop blur(1)", "views: blur: 1 number without names: want two, the smallest and the largest standard deviation"},
		{"crop jitter(1, 2)", "views: jitter: 2 numbers without names: want one, SimCLR's strength, or four"},
		{"crop flip(p=1, 0.5)", "views: flip: 0.5 comes after p=: want numbers without names first"},
		{"crop flip(p=1, p=0)", "views: flip: p is set twice"},
		{"resize(0.5)", "views: resize: 1 number without names: want none"},
		{"crop(NaN)", "views: crop: area"},
		{"crop rotate(200)", "views: rotate: degrees 200: want the largest angle"},
		{"crop cutout(0)", "views: cutout: side 0: want the share"},
		{"crop cutout(fill=2)", "views: cutout: fill 2: must be in [0, 1]"},
		{"crop solarise(-1)", "views: solarise: threshold -1: must be in [0, 1]"},
		{"crop noise(0.2, 0.1)", "views: noise: sigma [0.2 0.1]: want the smallest and the largest"},
	} {
		_, err := Parse(tc.line)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error %v, want one line with %q", tc.line, err, tc.want)
		}
	}
}

func TestParseNeverPanics(t *testing.T) {
	words := rapid.SampledFrom([]string{"crop", "flip", "blur", "jitter", "noise", "(", ")", "[", "]", ",", "=", "p", "sigma", "0.5", "1", " ", "{", ":", "\n", "&a", "*a"})
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(words, 0, 12).Draw(t, "words"), "")
		if c, err := Parse(line); err == nil && c.Validate() != nil {
			t.Fatalf("%q: made steps that are not valid: %v", line, c.Validate())
		}
	})
}

func TestViewsOfAConfigurationFile(t *testing.T) {
	blurred := SimCLR(32)
	of[*Blur](blurred).P = 0.5
	for _, tc := range []struct {
		name, yaml string
		want       Config
		err        string
	}{
		{"a line", "crop(0.2) jitter(0.4, 0.4, 0.4, 0.4, p=1) gray flip", ISIF(32), ""},
		{"a list of lines and mappings", "[crop(0.2), {name: jitter, p: 1, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.4}, gray, flip(p=0.5)]", ISIF(32), ""},
		{"a mapping changes a step", "{blur: {p: 0.5}}", blurred, ""},
		{"the mapping that former versions saved", `
crop: {sampler: torchvision, area: [0.08, 1], ratio: [0.75, 1.3333333333333333], interpolation: bilinear, antialias: true}
flip: {p: 0.5}
jitter: {p: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, form: torchvision, additive: false}
gray: {p: 0.2}
blur: {p: 0.5, sigma: [0.1, 2]}`, blurred, ""},
		{"a step that is not there", "{sobel: {p: 1}}", nil, "there is no sobel to change; have crop, flip, jitter, gray, blur"},
		{"a misspelt key of a mapping", "{blur: {sgima: 1}}", nil, "there is no key sgima"},
		{"a misspelt key of a list", "[crop, {name: blur, sgima: 1}]", nil, "there is no key augmentation.sgima"},
		{"a step without a name", "[crop, {p: 1}]", nil, "the mapping has no name"},
	} {
		before := SimCLR(32)
		got := before
		err := yaml.Unmarshal([]byte(tc.yaml), &got)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.err)
			}
			continue
		}
		if err != nil || cmp.Diff(tc.want, got) != "" {
			t.Errorf("%s: %v\n%s", tc.name, err, cmp.Diff(tc.want, got))
		}
		if cmp.Diff(SimCLR(32), before) != "" {
			t.Errorf("%s: a step that is shared was changed", tc.name)
		}
	}
	twice := Config{defaultCrop(), &Rotate{P: 1}, &Rotate{P: 1}}
	if err := yaml.Unmarshal([]byte("{rotate: {p: 0}}"), &twice); err == nil || !strings.Contains(err.Error(), "rotate occurs more than once") {
		t.Errorf("a change of one of two: error %v", err)
	}
}
