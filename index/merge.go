package index

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Merge writes the entries of several indexes, one after another, as one, which may be in
// the place of one of them. They must come from the same model and layer, and no ID may be
// in two of them.
func Merge(to string, dirs ...string) (About, error) {
	var parts []*Index
	defer func() {
		for _, x := range parts {
			x.Close()
		}
	}()
	for _, dir := range dirs {
		x, err := Open(dir)
		if err != nil {
			return About{}, err
		}
		parts = append(parts, x)
		if why := x.About.Unlike(parts[0].About); why != "" {
			return About{}, fmt.Errorf("%s cannot be merged with %s: %s", dir, dirs[0], why)
		}
	}
	if len(parts) == 0 {
		return About{}, errors.New("no index to merge")
	}
	rows := func(visit func(Entry, []float32) error) error {
		for _, x := range parts {
			if err := x.Rows(visit); err != nil {
				return err
			}
		}
		return nil
	}
	if err := write(to, parts[0].About, rows, nil, parts...); err != nil {
		return About{}, err
	}
	return ReadAbout(to)
}

// brief is a value in a sentence, a hash by its first digits.
func brief(v any) string { return fmt.Sprintf("%.12s", fmt.Sprint(v)) }

// own are the words of a text that another lacks.
func own(text, other string) string {
	words := strings.Fields(other)
	return strings.Join(slices.DeleteFunc(strings.Fields(text), func(w string) bool { return slices.Contains(words, w) }), " ")
}

// Unlike says why the vectors of two indexes cannot stand side by side, "" if they can.
func (a About) Unlike(b About) string {
	for _, f := range []struct {
		what string
		a, b any
	}{
		{"weights", a.Model.WeightsSHA256, b.Model.WeightsSHA256},
		{"layer", a.Layer, b.Layer},
		{"number of values", a.Dim, b.Dim},
		{"size of images", a.Size, b.Size},
	} {
		if f.a != f.b {
			return fmt.Sprintf("%s %s, not %s", f.what, brief(f.a), brief(f.b))
		}
	}
	if x, y := a.Model.Preprocessing, b.Model.Preprocessing; x != y { // the hash of a file of ONNX does not cover it
		return fmt.Sprintf("preprocessing %s, not %s", own(x, y), own(y, x))
	}
	if encoding := cmp.Or(a.Encoding, b.Encoding); encoding != "" {
		return fmt.Sprintf("there are vectors in %s; merge the indexes that they came from, and quantize the result", encoding)
	}
	return ""
}
