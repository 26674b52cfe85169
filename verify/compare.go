package verify

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
)

// tree is what twins and product compute: values under the names that the file
// expects them by. Leaves are float64, int, string, slices of leaves, and trees.
// An int is exact, a float64 is compared within a tolerance.
type tree map[string]any

// tolerance is how near got must be to want: |got - want| ≤ relative |want| +
// absolute.
type tolerance struct{ relative, absolute float64 }

// The tolerances that belong to the file's format.
var (
	double = tolerance{1e-9, 1e-11}
	single = tolerance{1e-4, 1e-5}
)

// scaled is the tolerance for a test with logits above 100: in float32 their
// rounding is as large.
func (t tolerance) scaled(of *test) tolerance {
	if t == single && of.largestLogit > 100 {
		t.absolute *= of.largestLogit
	}
	return t
}

// comparison collects the expected values that were not met.
type comparison struct {
	tolerance
	complete bool // every expected value must have been computed

	where, what string // the first that was not met, and how
	misses      int
}

// failure returns what was collected as one failure, or none.
func (c *comparison) failure(t *test, by string) []Failure {
	if c.misses == 0 {
		return nil
	}
	message := c.what
	if c.misses > 1 {
		message += fmt.Sprintf(", and %d more disagree", c.misses-1)
	}
	return []Failure{{t.id, t.op, by, c.where, message}}
}

func (c *comparison) miss(where, format string, args ...any) {
	if c.misses == 0 {
		c.where, c.what = where, fmt.Sprintf(format, args...)
	}
	c.misses++
}

// tree compares the fields of an object of the file.
func (c *comparison) tree(want value, got tree) { c.object("", want, got) }

func (c *comparison) object(where string, want value, got tree) {
	for _, name := range slices.Sorted(maps.Keys(want.object())) {
		path := name
		if where != "" {
			path = where + "." + name
		}
		if x, ok := got[name]; ok {
			c.any(path, want.field(name), x)
		} else if c.complete {
			c.miss(path, "is not a result of this operation")
		}
	}
}

func (c *comparison) any(where string, want value, got any) {
	switch got := got.(type) {
	case tree:
		c.object(where, want, got)
	case int:
		if w := want.float(); w != float64(got) {
			c.miss(where, "is %d, want %v", got, w)
		}
	case float64:
		if w := want.float(); !(math.Abs(got-w) <= c.relative*math.Abs(w)+c.absolute) {
			c.miss(where, "is %.12g, want %.12g", got, w)
		}
	case string:
		if w := want.text(); w != got {
			c.miss(where, "is %q, want %q", got, w)
		}
	default:
		c.list(where, want.list(), reflect.ValueOf(got))
	}
}

func (c *comparison) list(where string, want []value, got reflect.Value) {
	if len(want) != got.Len() {
		c.miss(where, "has %d values, want %d", got.Len(), len(want))
		return
	}
	for i, w := range want {
		c.any(fmt.Sprintf("%s[%d]", where, i), w, got.Index(i).Interface())
	}
}
