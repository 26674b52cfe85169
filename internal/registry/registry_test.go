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
		{"a misspelt parameter is an error", `{name: b, temprature: 0.1}`, "", "there is no key part.temprature; did you mean temperature? (have steps, temperature)"},
		{"a word for a number is an error", `{name: b, steps: many}`, "", `part.steps is "many", want a whole number`},
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

func TestAMappingWithoutANameChangesParameters(t *testing.T) {
	c := Choice{Name: "b"}
	for _, change := range []string{"temperature: 0.1", "steps: 7"} {
		if err := yaml.Unmarshal([]byte(change), &c); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := testRegistry().New(c); err != nil || *p != (part{0.1, 7}) {
		t.Errorf("got %v, %v", p, err)
	}
	if err := yaml.Unmarshal([]byte("name: b"), &c); err != nil {
		t.Fatal(err)
	}
	if p, err := testRegistry().New(c); err != nil || *p != (part{0.5, 3}) {
		t.Errorf("named again: %v, %v", p, err)
	}
}

func TestFaultsAreLocated(t *testing.T) {
	type document struct {
		Part  Choice `yaml:"part"`
		Range struct {
			Area [2]float64 `yaml:"area"`
		} `yaml:"range"`
		Batch int `yaml:"batch"`
	}
	for _, tc := range []struct{ name, yaml, want string }{
		{"a misspelt key", "batch: 3\nbath: 4", "line 2: there is no key bath; did you mean batch?"},
		{"a key like no other", "colour: red", "line 1: there is no key colour; have batch, part, range"},
		{"a misspelt key below", "range:\n  aera: [1, 2]", "line 2: there is no key range.aera; did you mean area?"},
		{"a list that is too short", "range:\n\n  area: [1]", "line 3: range.area is a list of 1, want a list of 2, each a number"},
		{"a word for a group", "range: wide", `line 1: range is "wide", want keys: area`},
		{"a word for a number", "batch: abc", `line 1: batch is "abc", want a whole number`},
		{"no value", "batch:", "line 1: batch has no value"},
		{"a list for a part", "part: [a]", "line 1: part is a list, want a name"},
		{"a misspelt parameter", "batch: 3\npart:\n  name: b\n  step: 4", "line 4: there is no key part.step; did you mean steps?"},
		{"a bad parameter", "part:\n  name: b\n  temperature: 0", `line 3: part "b": temperature 0: must be > 0`},
		{"an unknown part", "batch: 3\npart: c", `line 2: unknown part "c"; have a, b`},
		{"all faults", "batch: x\nbath: 3", "line 1: batch is \"x\", want a whole number\nline 2: there is no key bath"},
	} {
		v := document{Part: Choice{Name: "a"}}
		err := Decode([]byte(tc.yaml), &v)
		if err == nil {
			_, err = testRegistry().New(v.Part)
		}
		if err = Locate([]byte(tc.yaml), err); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}
