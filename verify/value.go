package verify

import (
	"fmt"
	"math"
)

// value is a part of the file, with its path there. Its methods panic with a
// fileError where the file does not hold what is wanted; catch turns that into
// an error.
type value struct {
	path string
	v    any // as encoding/json decodes it
}

type fileError struct{ error }

// catch, deferred, stores the fileError that the function panics with.
func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case fileError:
		*err = r.error
	default:
		panic(r)
	}
}

// fail says what is wanted at the value's path.
func (v value) fail(want string, args ...any) {
	got := ""
	switch x := v.v.(type) {
	case nil:
		got = "null"
	case []any:
		got = fmt.Sprintf("a list of %d", len(x))
	case map[string]any:
		got = "an object"
	default:
		got = fmt.Sprintf("%v", x)
	}
	panic(fileError{fmt.Errorf("%s is %s, want %s", v.path, got, fmt.Sprintf(want, args...))})
}

func (v value) object() map[string]any {
	o, ok := v.v.(map[string]any)
	if !ok {
		v.fail("an object")
	}
	return o
}

// field returns a field of an object, which must be there.
func (v value) field(name string) value {
	x, ok := v.object()[name]
	path := name
	if v.path != "" {
		path = v.path + "." + name
	}
	if !ok {
		panic(fileError{fmt.Errorf("%s is missing", path)})
	}
	return value{path, x}
}

// has says whether an object has a field.
func (v value) has(name string) bool {
	_, ok := v.object()[name]
	return ok
}

func (v value) list() []value {
	l, ok := v.v.([]any)
	if !ok {
		v.fail("a list")
	}
	values := make([]value, len(l))
	for i, x := range l {
		values[i] = value{fmt.Sprintf("%s[%d]", v.path, i), x}
	}
	return values
}

func (v value) float() float64 {
	x, ok := v.v.(float64)
	if !ok {
		v.fail("a number")
	}
	return x
}

// positive is a number > 0.
func (v value) positive() float64 {
	x := v.float()
	if !(x > 0) {
		v.fail("a number > 0")
	}
	return x
}

// whole is an integer of at least low.
func (v value) whole(low int) int {
	x := v.float()
	if x != math.Trunc(x) || x < float64(low) || x > 1<<53 {
		v.fail("a whole number of at least %d", low)
	}
	return int(x)
}

// size is a number of things that memory is needed for.
func (v value) size() int {
	const most = 1 << 12
	n := v.whole(1)
	if n > most {
		v.fail("at most %d", most)
	}
	return n
}

func (v value) text() string {
	s, ok := v.v.(string)
	if !ok {
		v.fail("a string")
	}
	return s
}

// oneOf is one of the given strings.
func (v value) oneOf(names ...string) string {
	s := v.text()
	for _, n := range names {
		if s == n {
			return s
		}
	}
	v.fail("one of %q", names)
	return ""
}

func (v value) truth() bool {
	b, ok := v.v.(bool)
	if !ok {
		v.fail("true or false")
	}
	return b
}

func (v value) floats() []float64 {
	var xs []float64
	for _, x := range v.list() {
		xs = append(xs, x.float())
	}
	return xs
}

// wholes is a list of n integers of at least 0; any number of them for n < 0.
func (v value) wholes(n int) []int {
	l := v.list()
	if n >= 0 && len(l) != n {
		v.fail("a list of %d", n)
	}
	var xs []int
	for _, x := range l {
		xs = append(xs, x.whole(0))
	}
	return xs
}

// matrix is a list of at least one row, all of one width, at least 1.
func (v value) matrix() [][]float64 {
	var rows [][]float64
	for _, row := range v.list() {
		rows = append(rows, row.floats())
		if n := len(rows[len(rows)-1]); n == 0 || n != len(rows[0]) {
			row.fail("a row as long as the first, and not empty")
		}
	}
	if len(rows) == 0 {
		v.fail("at least one row")
	}
	return rows
}

// matrixOf is a matrix of rows with d values.
func (v value) matrixOf(d int) [][]float64 {
	m := v.matrix()
	if len(m[0]) != d {
		v.fail("rows of %d values", d)
	}
	return m
}

// pixels is an image [height][width][3].
func (v value) pixels() [][][]float64 {
	var rows [][][]float64
	for _, row := range v.list() {
		rows = append(rows, row.matrixOf(3))
		if len(rows[len(rows)-1]) != len(rows[0]) {
			row.fail("a row of %d pixels", len(rows[0]))
		}
	}
	if len(rows) == 0 {
		v.fail("at least one row")
	}
	return rows
}
