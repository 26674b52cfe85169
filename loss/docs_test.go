package loss_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"alike/loss"
)

//go:generate go test -run TestDocs -update

var update = flag.Bool("update", false, "write docs/losses.md")

// TestDocs keeps docs/losses.md what the code says: of every loss its summary
// with the source, the equation and the cost from the comment of its type, and
// its options with their defaults.
func TestDocs(t *testing.T) {
	types := documentedTypes(t)
	var b strings.Builder
	b.WriteString(`# Losses

Written by ` + "`go generate ./loss`" + ` from the code; do not edit. z is what the loss sees of an image, u = z/|z|, S or s
the cosine of two rows unless a loss says otherwise, M the number of rows, D their width, C the number of classes.
Choose one with ` + "`--loss NAME`" + `, its options with ` + "`--set loss.OPTION=VALUE`" + `.
`)
	for _, name := range loss.Losses.Names() {
		l, err := loss.Losses.Default(name)
		if err != nil {
			t.Fatal(err)
		}
		typ := types[reflect.TypeOf(l).Elem().Name()]
		if typ == nil {
			t.Fatalf("%s: its type has no comment", name)
		}
		if !strings.Contains(typ.Doc, "\n\t") || !strings.Contains(strings.ToLower(flat(typ.Doc)), "time o(") {
			t.Errorf("%s: its comment lacks an equation or its cost:\n%s", name, typ.Doc)
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n%s%s", name, upper(loss.Losses.Summary(name)), prose(typ.Doc), options(t, typ, l))
	}
	const path = "../docs/losses.md"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(have), b.String()); d != "" {
		t.Errorf("%s is not what the code says; run go generate ./loss (-file +code):\n%s", filepath.Base(path), d)
	}
}

// documentedTypes are the types of package loss, by name.
func documentedTypes(t *testing.T) map[string]*doc.Type {
	t.Helper()
	files := token.NewFileSet()
	paths, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	var parsed []*ast.File
	for _, p := range paths {
		f, err := parser.ParseFile(files, p, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	p, err := doc.NewFromFiles(files, parsed, "alike/loss")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]*doc.Type{}
	for _, typ := range p.Types {
		types[typ.Name] = typ
	}
	return types
}

// prose is a comment as Markdown: paragraphs in one line each, indented blocks
// as code.
func prose(comment string) string {
	var b strings.Builder
	for _, block := range strings.Split(strings.TrimSpace(comment), "\n\n") {
		if strings.HasPrefix(block, "\t") {
			b.WriteString("```text\n" + strings.TrimPrefix(strings.ReplaceAll(block, "\n\t", "\n"), "\t") + "\n```\n\n")
		} else {
			b.WriteString(flat(block) + "\n\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n\n") + "\n"
}

// options is the table of a loss's fields with their defaults and comments.
func options(t *testing.T, typ *doc.Type, l loss.Loss) string {
	t.Helper()
	raw, err := yaml.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]any{}
	if err := yaml.Unmarshal(raw, &defaults); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	comment := ""
	for _, f := range typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
		if f.Doc != nil {
			comment = flat(f.Doc.Text())
		}
		key := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml")
		value, ok := defaults[key]
		if !ok || comment == "" {
			t.Errorf("%s: option %q has no default or no comment", typ.Name, key)
		}
		fmt.Fprintf(&b, "| `%s` | %v | %s |\n", key, value, strings.ReplaceAll(comment, "|", `\|`))
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n| option | default | |\n|---|---|---|\n" + b.String()
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
