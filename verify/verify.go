// Package verify checks alike against files of reference values. It holds a twin
// of every operation, written from its equation in plain float64, and computes
// every expected value with it; where the product has the operation, the
// product computes it too, on every backend and float type, and must agree.
package verify

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// Result counts tests: one passes when twin and product agree with all of its
// expected values. An operation that the product does not have is skipped, by
// name, if the twin agrees, and fails if it does not.
type Result struct {
	Passed            int       `json:"passed"`
	Failed            int       `json:"failed"`
	Skipped           int       `json:"skipped"`
	SkippedOperations []string  `json:"skipped_operations"` // sorted, each once
	Failures          []Failure `json:"failures"`
}

// Failure is an expected value that was not met.
type Failure struct {
	Test    string `json:"test"`
	Op      string `json:"op"`
	By      string `json:"by"`    // "twin", "product", "product on simd, float32"
	Value   string `json:"value"` // "grad_wrt_input[2][0]", or "" for all
	Message string `json:"message"`
}

func (f Failure) String() string {
	return fmt.Sprintf("%s (%s), %s: %s", f.Test, f.Op, f.By, strings.TrimSpace(f.Value+" "+f.Message))
}

//go:embed testdata/reference-values.json
var builtin []byte

// Builtin checks against the reference values that alike carries.
func Builtin(ctx context.Context, backends []compute.Backend) (Result, error) {
	return run(ctx, "built-in reference values", builtin, backends)
}

// File checks against a file. The error says what is wrong with the file, or
// that the context ended; disagreement is in the result.
func File(ctx context.Context, path string, backends []compute.Backend) (Result, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Result{}, err
	}
	return run(ctx, path, raw, backends)
}

const format = "contrastive-reference-values/1"

func run(ctx context.Context, name string, raw []byte, backends []compute.Backend) (r Result, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	tests, err := parse(raw)
	if err != nil {
		return Result{}, err
	}
	r = Result{SkippedOperations: []string{}, Failures: []Failure{}}
	skipped := map[string]bool{}
	for _, t := range tests {
		if ctx.Err() != nil {
			return Result{}, context.Cause(ctx)
		}
		inProduct, failures, err := t.check(ctx, backends)
		switch {
		case err != nil:
			return Result{}, err
		case len(failures) > 0:
			r.Failed++
			r.Failures = append(r.Failures, failures...)
		case !inProduct:
			r.Skipped++
			skipped[t.op] = true
		default:
			r.Passed++
		}
	}
	r.SkippedOperations = slices.AppendSeq(r.SkippedOperations, maps.Keys(skipped))
	slices.Sort(r.SkippedOperations)
	return r, nil
}

// test is one entry of a file.
type test struct {
	id, op                   string
	inputs, params, expected value

	largestLogit float64 // set by twins that make logits; see tolerance
}

func parse(raw []byte) (tests []*test, err error) {
	var file any
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	defer catch(&err)
	top := value{"", file}
	if got := top.field("meta").field("format").text(); got != format {
		return nil, fmt.Errorf("meta.format is %q, want %q", got, format)
	}
	for _, t := range top.field("tests").list() {
		tests = append(tests, &test{
			id: t.field("id").text(), op: t.field("op").text(),
			inputs: t.field("inputs"), params: t.field("params"), expected: t.field("expected"),
		})
	}
	return tests, nil
}

// operation is what is known of an op of the file.
type operation struct {
	// twin computes the expected values in float64, from the equations.
	twin func(t *test) tree

	// What the product has, if anything: on the host, or as a graph on a backend. It
	// returns the expected values that it computes, or errNotInProduct for
	// parameters that the product does not offer.
	host  func(ctx context.Context, t *test) (tree, error)
	graph func(t *test, e engine) (tree, error)

	precision tolerance // of host
}

// operations are all ops, by name; each adds itself in an init function.
var operations = map[string]operation{}

var errNotInProduct = errors.New("the product does not offer this")

// check runs a test. The error is about the file.
func (t *test) check(ctx context.Context, backends []compute.Backend) (inProduct bool, failures []Failure, err error) {
	defer catch(&err)
	if len(t.expected.object()) == 0 {
		t.expected.fail("at least one value")
	}
	o, ok := operations[t.op]
	if !ok {
		return false, nil, nil
	}
	report := func(by string, got tree, err error, c comparison) {
		switch {
		case errors.Is(err, errNotInProduct):
			return
		case err != nil:
			failures = append(failures, Failure{t.id, t.op, by, "", "fails: " + err.Error()})
		default:
			c.tree(t.expected, got)
			failures = append(failures, c.failure(t, by)...)
		}
		inProduct = inProduct || by != "twin"
	}
	report("twin", o.twin(t), nil, comparison{tolerance: double, complete: true})
	if o.host != nil {
		got, err := o.host(ctx, t)
		report("product", got, err, comparison{tolerance: o.precision.scaled(t)})
	}
	if o.graph == nil {
		return inProduct, failures, nil
	}
	for _, b := range backends {
		for _, p := range []struct {
			dtype dtypes.DType
			tolerance
		}{{dtypes.Float32, single}, {dtypes.Float64, double}} {
			if !b.Capabilities().DTypes[p.dtype] {
				continue
			}
			got, err := o.graph(t, engine{b, p.dtype})
			by := fmt.Sprintf("product on %s, %s", b.Name(), p.dtype)
			report(by, got, err, comparison{tolerance: p.scaled(t)})
		}
	}
	return inProduct, failures, nil
}
