package augment

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/augmentations.md has a section for each step, with a row for each parameter and
// its default, and no row for what is not there.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/augmentations.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(page), "\n## ")[1:] {
		title, text, _ := strings.Cut(s, "\n")
		sections[title] = text
	}
	for _, name := range Augmentations.Names() {
		step, err := Augmentations.Default(name)
		if err != nil {
			t.Fatal(err)
		}
		defaults, err := settings(step)
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range defaults {
			if row := fmt.Sprintf("| `%s` | %s |", key, example(value)); !strings.Contains(sections[name], row) {
				t.Errorf("the section on %s has no row %s", name, row)
			}
		}
		if n := strings.Count(sections[name], "\n| `"); n != len(defaults) {
			t.Errorf("the section on %s has %d parameters, want %d", name, n, len(defaults))
		}
	}
	recipes, _, _ := strings.Cut(sections["Recipes"], "\n\nISIF")
	for _, line := range strings.Split(recipes, "\n")[3:] {
		written := strings.Split(line, "`")
		if _, err := Parse(written[1]); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
