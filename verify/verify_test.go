package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/google/go-cmp/cmp"

	"alike/backend"
	"alike/backend/xla"
	"alike/internal/kernel/cpu"
)

// notInProduct are the operations that the product does not have yet.
var notInProduct = []string{}

// backends opens every engine, simd with every instruction set that this CPU has.
func backends(t *testing.T) (all []compute.Backend) {
	t.Helper()
	names := []string{"go"}
	for _, level := range cpu.Levels() {
		names = append(names, "simd:level="+level.String())
	}
	for _, name := range names {
		all = append(all, open(t, name))
	}
	return all
}

// withXLA adds the engine that compiles each check for a second, where it can be used.
func withXLA(t *testing.T, all []compute.Backend) []compute.Backend {
	t.Helper()
	if slices.Contains(backend.Usable(), xla.Name) {
		all = append(all, open(t, xla.Name))
	}
	return all
}

func open(t *testing.T, name string) compute.Backend {
	t.Helper()
	b, err := backend.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

func TestBuiltinReferenceValuesAgree(t *testing.T) {
	r, err := Builtin(t.Context(), withXLA(t, backends(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Failures {
		t.Error(f)
	}
	if d := cmp.Diff(notInProduct, r.SkippedOperations); d != "" {
		t.Errorf("skipped operations (-want +got):\n%s", d)
	}
	t.Logf("%d passed, %d failed, %d skipped", r.Passed, r.Failed, r.Skipped)
	if tests, _ := parse(builtin); r.Passed+r.Failed+r.Skipped != len(tests) {
		t.Errorf("counts do not add up to %d tests", len(tests))
	}
}

// decode returns the built-in file as JSON that a test may change.
func decode(t *testing.T) (file map[string]any, tests []any) {
	t.Helper()
	if err := json.Unmarshal(builtin, &file); err != nil {
		t.Fatal(err)
	}
	return file, file["tests"].([]any)
}

// write saves a file of reference values.
func write(t *testing.T, file any) string {
	t.Helper()
	raw, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "values.json")
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// leaves calls f for each number v below x, with a function that sets it to v +
// delta (1 + |v|).
func leaves(path string, x any, f func(path string, set func(delta float64))) {
	switch x := x.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			leaf(path+"."+k, x[k], func(v any) { x[k] = v }, f)
		}
	case []any:
		for i := range x {
			leaf(fmt.Sprintf("%s[%d]", path, i), x[i], func(v any) { x[i] = v }, f)
		}
	}
}

func leaf(path string, x any, set func(any), f func(string, func(float64))) {
	if v, ok := x.(float64); ok {
		f(path, func(delta float64) { set(v + delta*(1+math.Abs(v))) })
		return
	}
	leaves(path, x, f)
}

func TestEveryTamperedValueFails(t *testing.T) {
	_, entries := decode(t)
	seen := map[string]int{}
	for _, entry := range entries {
		entry := entry.(map[string]any)
		op := entry["op"].(string)
		leaves("expected", entry["expected"], func(path string, set func(float64)) {
			set(1e-5)
			defer set(0)
			seen[op]++
			test := &test{
				id: "tampered", op: op, inputs: value{"inputs", entry["inputs"]},
				params: value{"params", entry["params"]}, expected: value{"expected", entry["expected"]},
			}
			_, failures, err := test.check(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(failures) == 0 || failures[0].By != "twin" || "expected."+failures[0].Value != path {
				t.Errorf("%s: %s is off by 1e-5: failures %v", entry["id"], path, failures)
			}
		})
	}
	for op := range operations {
		if seen[op] == 0 {
			t.Errorf("no value of %s was tampered with", op)
		}
	}
}

// TestAWrongProductFails replaces each product by one that is a little wrong.
func TestAWrongProductFails(t *testing.T) {
	b := backends(t)
	tests, err := parse(builtin)
	if err != nil {
		t.Fatal(err)
	}
	for op, o := range operations {
		if o.host == nil && o.graph == nil {
			continue
		}
		t.Run(op, func(t *testing.T) {
			defer func() { operations[op] = o }()
			wrong := o
			if o.host != nil {
				wrong.host = func(ctx context.Context, t *test) (tree, error) { return off(o.host(ctx, t)) }
			}
			if o.graph != nil {
				wrong.graph = func(t *test, e engine) (tree, error) { return off(o.graph(t, e)) }
			}
			operations[op] = wrong
			i := slices.IndexFunc(tests, func(t *test) bool { return t.op == op })
			_, failures, err := tests[i].check(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if len(failures) == 0 || !strings.HasPrefix(failures[0].By, "product") {
				t.Errorf("failures %v", failures)
			}
		})
	}
}

// off changes one number of a result by 1 %.
func off(result tree, err error) (tree, error) {
	if err != nil {
		return nil, err
	}
	name := slices.Sorted(maps.Keys(result))[0]
	raw, err := json.Marshal(result[name])
	if err != nil {
		return nil, err
	}
	var x any
	if err := json.Unmarshal(raw, &x); err != nil {
		return nil, err
	}
	changed := false
	leaf("", x, func(v any) { x = v }, func(_ string, set func(float64)) {
		if !changed {
			set(0.01)
			changed = true
		}
	})
	result[name] = asTree(x)
	return result, nil
}

// asTree returns what encoding/json decoded with trees for its objects.
func asTree(x any) any {
	o, ok := x.(map[string]any)
	if !ok {
		return x
	}
	result := tree{}
	for k, v := range o {
		result[k] = asTree(v)
	}
	return result
}

func TestAFailingProductIsAFailure(t *testing.T) {
	o := operations["weighted_knn"]
	defer func() { operations["weighted_knn"] = o }()
	broken := o
	broken.host = func(context.Context, *test) (tree, error) { return nil, errors.New("no way") }
	operations["weighted_knn"] = broken
	r, err := Builtin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed != 4 || !strings.Contains(r.Failures[0].String(), "knn_k3_tau0.1 (weighted_knn), product: fails: no way") {
		t.Errorf("failures %v", r.Failures)
	}
}

func TestUnknownOperationsAreSkippedByName(t *testing.T) {
	file, tests := decode(t)
	one := tests[0].(map[string]any)
	one["op"] = "nt_xent_of_the_future"
	file["tests"] = tests[:1]
	r, err := File(t.Context(), write(t, file), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Result{Skipped: 1, SkippedOperations: []string{"nt_xent_of_the_future"}, Failures: []Failure{}}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestVariantsThatTheProductLacksAreSkipped(t *testing.T) {
	file, tests := decode(t)
	i := slices.IndexFunc(tests, func(t any) bool { return t.(map[string]any)["op"] == "sgd" })
	sgd := tests[i].(map[string]any)
	sgd["params"].(map[string]any)["lr_inside_momentum"] = true
	sgd["expected"] = map[string]any{"after_step_1": map[string]any{}}
	file["tests"] = []any{sgd}
	r, err := File(t.Context(), write(t, file), backends(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Skipped != 1 || r.Failed != 0 {
		t.Errorf("result %+v", r)
	}
}

func TestFaultsOfTheFileAreSentences(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		change     func(file, test, inputs, params map[string]any)
	}{
		{"no meta", "meta is missing", func(f, _, _, _ map[string]any) { delete(f, "meta") }},
		{"another format", `meta.format is "x", want "contrastive-reference-values/1"`, func(f, _, _, _ map[string]any) {
			f["meta"] = map[string]any{"format": "x"}
		}},
		{"tests are no list", "tests is an object, want a list", func(f, _, _, _ map[string]any) { f["tests"] = map[string]any{} }},
		{"no op", "tests[0].op is missing", func(_, t, _, _ map[string]any) { delete(t, "op") }},
		{"no temperature", "tests[0].params.temperature is missing", func(_, _, _, p map[string]any) { delete(p, "temperature") }},
		{"a temperature of 0", "tests[0].params.temperature is 0, want a number > 0", func(_, _, _, p map[string]any) { p["temperature"] = 0 }},
		{"an unknown layout", "tests[0].params.layout is rows, want one of", func(_, _, _, p map[string]any) { p["layout"] = "rows" }},
		{"a ragged matrix", "tests[0].inputs.z[1] is a list of 1, want a row as long as the first", func(_, _, in, _ map[string]any) {
			in["z"] = []any{[]any{1, 2}, []any{1}}
		}},
		{"more classes than fit", "tests[0].params.num_classes is 1e+12, want at most 4096", func(_, t, in, p map[string]any) {
			t["op"], p["k"], p["num_classes"] = "weighted_knn", 1, 1e12
			in["bank"], in["queries"], in["bank_labels"] = in["z"], in["z"], []any{0, 0, 0, 0, 0, 0}
		}},
		{"an odd number of rows", "want an even number of rows", func(_, _, in, _ map[string]any) { in["z"] = []any{[]any{1, 2}} }},
		{"a word in a matrix", "tests[0].inputs.z[0][0] is one, want a number", func(_, _, in, _ map[string]any) { in["z"] = []any{[]any{"one"}} }},
		{"a list where a number is expected", "tests[0].expected.loss is a list of 0, want a number", func(_, t, _, _ map[string]any) {
			t["expected"] = map[string]any{"loss": []any{}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file, tests := decode(t)
			one := tests[0].(map[string]any)
			file["tests"] = tests[:1]
			tc.change(file, one, one["inputs"].(map[string]any), one["params"].(map[string]any))
			path := write(t, file)
			_, err := File(t.Context(), path, nil)
			if err == nil || !strings.HasPrefix(err.Error(), path+": "+tc.want) && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := File(t.Context(), path, nil); err == nil || !strings.Contains(err.Error(), "is not JSON") {
		t.Errorf("error %v", err)
	}
	if _, err := File(t.Context(), path+"2", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestUnknownExpectedValuesFail(t *testing.T) {
	file, tests := decode(t)
	one := tests[0].(map[string]any)
	one["expected"].(map[string]any)["luck"] = 7
	file["tests"] = tests[:1]
	r, err := File(t.Context(), write(t, file), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed != 1 || r.Failures[0].Value != "luck" {
		t.Errorf("result %+v", r)
	}
}

func TestContextEndsTheCheck(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	stop(cause)
	if _, err := Builtin(ctx, nil); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}
