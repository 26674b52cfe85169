package registry

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fault is what is wrong with one key of a document.
type Fault struct {
	Path    string // from the top of the document: "loss.temperature"
	Unknown bool   // there is no such key
	Text    string // what goes on behind the path
}

func (f *Fault) Error() string {
	if f.Unknown {
		return fmt.Sprintf("there is no key %s; %s", f.Path, f.Text)
	}
	return fmt.Sprintf("%s %s", f.Path, f.Text)
}

// Decode reads a YAML document into v, over what v holds. Keys that v does not
// have and values of a wrong kind are Faults, all of them. An empty document
// changes nothing.
func Decode(document []byte, v any) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(document, &doc); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil
	}
	if faults := check(doc.Content[0], reflect.TypeOf(v).Elem(), ""); len(faults) > 0 {
		return errors.Join(faults...)
	}
	return doc.Decode(v)
}

var (
	choice      = reflect.TypeFor[Choice]()
	unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()
)

// check compares a document with the type that it is to be decoded into.
func check(n *yaml.Node, t reflect.Type, path string) (faults []error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	where := path
	if path == "" {
		where = "the document"
	}
	switch {
	case n.Tag == "!!null":
		return []error{&Fault{Path: where, Text: "has no value"}}
	case t == choice && n.Kind == yaml.SequenceNode:
		return []error{&Fault{Path: where, Text: "is a list, want a name, or keys with a name among them"}}
	case t == choice:
		return nil // its keys are those of the part that it names
	case reflect.PointerTo(t).Implements(unmarshaler):
		return nil // it says itself what it takes
	case t.Kind() == reflect.Struct && n.Kind != yaml.MappingNode:
		return []error{&Fault{Path: where, Text: fmt.Sprintf("is %s, want keys: %s", found(n), strings.Join(keysOf(t), ", "))}}
	case t.Kind() != reflect.Struct:
		if n.Decode(reflect.New(t).Interface()) != nil {
			return []error{&Fault{Path: where, Text: fmt.Sprintf("is %s, want %s", found(n), wanted(t))}}
		}
		return nil
	}
	fields := map[string]reflect.Type{}
	addFields(fields, t)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		below := strings.TrimPrefix(path+"."+key, ".")
		if field, ok := fields[key]; ok {
			faults = append(faults, check(n.Content[i+1], field, below)...)
			continue
		}
		faults = append(faults, &Fault{Path: below, Unknown: true, Text: instead(key, keysOf(t))})
	}
	return faults
}

// addFields adds the keys of a struct with the types of their values.
func addFields(fields map[string]reflect.Type, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			addFields(fields, f.Type)
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
}

func keysOf(t reflect.Type) []string {
	fields := map[string]reflect.Type{}
	addFields(fields, t)
	return slices.Sorted(maps.Keys(fields))
}

// found says what a value is.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return fmt.Sprintf("a list of %d", len(n.Content))
	case yaml.MappingNode:
		return "a mapping"
	}
	return fmt.Sprintf("%q", n.Value)
}

// wanted says what values a type has.
func wanted(t reflect.Type) string {
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return "true or false"
	case k >= reflect.Int && k <= reflect.Int64:
		return "a whole number"
	case k >= reflect.Uint && k <= reflect.Uint64:
		return "a whole number, at least 0"
	case k == reflect.Float32 || k == reflect.Float64:
		return "a number"
	case k == reflect.Array:
		return fmt.Sprintf("a list of %d, each %s", t.Len(), wanted(t.Elem()))
	case k == reflect.Slice:
		return fmt.Sprintf("a list, each %s", wanted(t.Elem()))
	}
	return "a text"
}

// instead names the nearest of the names, or all.
func instead(word string, names []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, n := range names {
		d := distance(word, n)
		if len(n) > 2 && strings.HasPrefix(word, n) {
			d = 1
		}
		if d < least {
			best, least = n, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %s? (have %s)", best, strings.Join(names, ", "))
	case len(names) == 0:
		return "it has none"
	}
	return "have " + strings.Join(names, ", ")
}

// distance is Levenshtein's: the letters to insert, drop or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Locate puts before each fault of a document the line that it is in. A fault
// that Validate found begins with the keys that lead to it:
// loss "ntxent": temperature 0: must be > 0.
func Locate(document []byte, err error) error {
	var doc yaml.Node
	if err == nil || yaml.Unmarshal(document, &doc) != nil || len(doc.Content) == 0 {
		return err
	}
	return each(err, func(err error) error {
		if line := lineOf(doc.Content[0], pathOf(err)); line > 0 {
			return fmt.Errorf("line %d: %w", line, err)
		}
		return err
	})
}

// pathOf is the path of the key that an error is about.
func pathOf(err error) (path []string) {
	if f, ok := err.(*Fault); ok {
		return strings.Split(f.Path, ".")
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(err.Error(), "unknown "), ": ") {
		word, _, _ := strings.Cut(part, " ")
		path = append(path, word)
	}
	return path
}

// lineOf is the line of the deepest key of the path that is there, or 0.
func lineOf(n *yaml.Node, path []string) (line int) {
	for _, key := range path {
		at := -1
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			if n.Content[i].Value == key {
				at = i
			}
		}
		if at < 0 {
			return line
		}
		line, n = n.Content[at].Line, n.Content[at+1]
	}
	return line
}
