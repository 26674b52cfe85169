package registry

import (
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type part struct {
	Temperature float64 `yaml:"temperature"`
	Steps       int     `yaml:"steps"`
}

func (p *part) Validate() error {
	if !(p.Temperature > 0) {
		return fmt.Errorf("temperature %g: must be > 0", p.Temperature)
	}
	return nil
}

func testRegistry() *Registry[*part] {
	r := &Registry[*part]{Kind: "part"}
	r.Add("b", "second", func() *part { return &part{Temperature: 0.5, Steps: 3} })
	r.Add("a", "first", func() *part { return &part{Temperature: 1} })
	return r
}

func TestNew(t *testing.T) {
	for _, tc := range []struct{ name, yaml, want, err string }{
		{"a bare name has all defaults", `b`, "{0.5 3}", ""},
		{"a parameter overlays its default", `{name: b, temperature: 0.1}`, "{0.1 3}", ""},
		{"a misspelt parameter is an error", `{name: b, temprature: 0.1}`, "", "there is no key temprature"},
		{"an unknown name lists what there is", `c`, "", `unknown part "c"; have a, b`},
		{"a bad value is refused by the part", `{name: a, temperature: .nan}`, "", "must be > 0"},
		{"a mapping needs a name", `{temperature: 1}`, "", "no name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c Choice
			err := yaml.Unmarshal([]byte(tc.yaml), &c)
			var got *part
			if err == nil {
				got, err = testRegistry().New(c)
			}
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error %v, want one with %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s := fmt.Sprint(*got); s != tc.want {
				t.Errorf("got %s, want %s", s, tc.want)
			}
		})
	}
}

func TestResolveSpellsOutEveryParameter(t *testing.T) {
	c, err := testRegistry().Resolve(Choice{Name: "b"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := yaml.Marshal(map[string]Choice{"part": c})
	if err != nil {
		t.Fatal(err)
	}
	if want := "part:\n    name: b\n    temperature: 0.5\n    steps: 3\n"; string(b) != want {
		t.Errorf("got %q, want %q", b, want)
	}
	var back map[string]Choice
	if err := yaml.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if p, err := testRegistry().New(back["part"]); err != nil || *p != (part{0.5, 3}) {
		t.Errorf("read back %v, %v", p, err)
	}
}

func TestAddPanicsOnDuplicate(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	testRegistry().Add("a", "", func() *part { return nil })
}
