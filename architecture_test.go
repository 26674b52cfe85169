package alike_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// tiers is the house from the top down: a package imports only packages of
// its own tier or below. Prefixes cover the folders under them.
var tiers = [][]string{
	{"cmd"},
	{"internal/experiments"},
	{"internal/cli"},
	{".", "verify", "report", "serve", "explore", "export", "internal/reproduce"},
	{"train", "pretrained", "eval", "index", "embed", "tidy"},
	{"method"},
	{"loss", "head", "encoder", "augment", "sampler", "dataset", "optimize", "infer"},
	{"internal/nn"},
	{"backend"},
	{"internal/kernel"},
	{"internal"}, // small tools that know nothing of the house
}

func tierOf(dir string) (int, bool) {
	best, length := -1, -1
	for i, prefixes := range tiers {
		for _, p := range prefixes {
			if (dir == p || p != "." && strings.HasPrefix(dir, p+"/")) && len(p) > length {
				best, length = i, len(p)
			}
		}
	}
	return best, best >= 0
}

func TestImportsPointDownwards(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "gen" || base == "runs") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		dir := path.Dir(filepath.ToSlash(name))
		from, ok := tierOf(dir)
		if !ok {
			t.Errorf("%s: package has no place in the house; give it one in tiers", dir)
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			target, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			if target == "alike" {
				target = "alike/."
			}
			rel, ours := strings.CutPrefix(target, "alike/")
			if !ours {
				continue
			}
			if to, ok := tierOf(rel); !ok || to < from {
				t.Errorf("%s imports %s, which stands above it", name, target)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no Go files found")
	}
}
