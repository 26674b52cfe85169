package losstest

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"go.yaml.in/yaml/v3"

	"alike/internal/registry"
	"alike/loss"
)

// Twin computes a loss in float64 from its equation. Where the loss stops the
// gradient, the twin reads fixed instead of b; elsewhere the two are equal.
type Twin func(l loss.Loss, b, fixed Batch) float64

// Claims is what the checks need to know of a loss.
type Claims struct {
	Twin Twin

	// Configurations are tried beside the defaults.
	Configurations []Configuration

	// DefaultLogit is the Logit of the defaults, 1 if 0.
	DefaultLogit float64

	// ScaleInvariant says whether a configuration sees only the direction of the
	// rows of z.
	ScaleInvariant func(l loss.Loss) bool

	// OrderedViews have roles: swapped, they give another loss. Such a loss is
	// checked on batches with views only.
	OrderedViews bool
}

// Configuration is a loss with parameters, in YAML.
type Configuration struct {
	YAML string

	// Logit is how large the numbers in its exponents are where rows have about
	// unit length: their rounding, and how fast the gradient changes, grow with it.
	Logit float64
}

// Report is what the checks found of a loss.
type Report struct {
	Name     string   `json:"name"`
	Checks   int      `json:"checks"`   // comparisons made
	Failures []string `json:"failures"` // those that failed, with the place
}

// Check checks a registered loss with its claims on all backends.
func Check(ctx context.Context, name string, claims Claims, backends []compute.Backend) (Report, error) {
	c := &checker{claims: claims, report: Report{Name: name, Failures: []string{}}}
	configurations := append([]Configuration{{name, max(claims.DefaultLogit, 1)}}, claims.Configurations...)
	for _, config := range configurations {
		l, err := New(config.YAML)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", config.YAML, err)
		}
		for _, backend := range backends {
			for _, dtype := range []dtypes.DType{dtypes.Float64, dtypes.Float32} {
				if ctx.Err() != nil {
					return Report{}, context.Cause(ctx)
				}
				if backend.Capabilities().DTypes[dtype] {
					c.engine(Engine{backend, dtype}, config, l)
				}
			}
		}
	}
	return c.report, nil
}

// New returns the loss that a YAML document names.
func New(document string) (loss.Loss, error) {
	var choice registry.Choice
	if err := yaml.Unmarshal([]byte(document), &choice); err != nil {
		return nil, err
	}
	return loss.Losses.New(choice)
}

// checker checks one loss.
type checker struct {
	claims Claims
	report Report

	// of what is being checked
	l      loss.Loss
	graph  *compiled
	logit  float64
	double bool
	where  string
}

func (c *checker) engine(e Engine, config Configuration, l loss.Loss) {
	c.l, c.graph, c.logit, c.double = l, e.compile(l), config.Logit, e.DType == dtypes.Float64
	defer c.graph.close()
	each := func(batches map[string]Batch, check func(b Batch)) {
		for _, name := range slices.Sorted(maps.Keys(batches)) {
			b := batches[name]
			if c.claims.OrderedViews && b.View == nil {
				continue
			}
			c.where = fmt.Sprintf("%s on %s, %s", config.YAML, e, name)
			check(b)
		}
	}
	each(ordinary(), func(b Batch) {
		c.agrees(b)
		if c.double {
			c.permuted(b)
			c.swapped(b)
			c.scaled(b)
		}
	})
	each(hostile(), c.finite)
	each(map[string]Batch{"orthogonal rows": orthogonal()}, c.selfPairs)
}

// run evaluates the loss; a failure to do so is a finding.
func (c *checker) run(b Batch) (Result, bool) {
	r, err := c.graph.run(b)
	if err != nil {
		c.fail("fails: %v", err)
	}
	return r, err == nil
}

func (c *checker) fail(format string, args ...any) {
	c.report.Failures = append(c.report.Failures, c.where+": "+fmt.Sprintf(format, args...))
}

// near compares within relative and absolute tolerance; NaN is never near.
func (c *checker) near(what string, got, want []float64, relative, absolute float64) {
	c.report.Checks++
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= relative*math.Abs(want[i])+absolute) {
			c.fail("%s: number %d is %.12g, want %.12g", what, i, got[i], want[i])
			return
		}
	}
}

// agrees checks the value against the twin, and the gradient against the
// twin's differences. Rounding of a logit l is l u, with u the unit roundoff,
// and what it does to a gradient of size l is l² u.
func (c *checker) agrees(b Batch) {
	relative, absolute, slope := 1e-9, 1e-11*c.logit, 1e-8*c.logit
	if !c.double {
		b = b.single()
		relative, absolute, slope = 1e-4, 1e-5*c.logit, 1e-5*max(c.logit, c.logit*c.logit/10)
	}
	r, ok := c.run(b)
	if !ok {
		return
	}
	c.near("loss", []float64{r.Value}, []float64{c.claims.Twin(c.l, b, b)}, relative, absolute)
	if c.logit > 1000 {
		return // the differences are all rounding
	}
	moving := b.Clone()
	twin := func() float64 { return c.claims.Twin(c.l, moving, b) }
	relative = max(relative, 1e-8)
	for i := range b.Z {
		c.near(fmt.Sprintf("gradient of row %d", i), r.Z[i], c.slopes(moving.Z[i], twin), relative, slope)
	}
	for i := range r.Proxies {
		c.near(fmt.Sprintf("gradient of proxy %d", i), r.Proxies[i], c.slopes(moving.Proxies[i], twin), relative, slope)
	}
	if r.Bias != nil {
		c.near("gradient of the biases", r.Bias, c.slopes(moving.Bias, twin), relative, slope)
	}
}

// slopes returns df/dx by differences of fourth order.
func (c *checker) slopes(x []float64, f func() float64) []float64 {
	d := make([]float64, len(x))
	for i, at := range x {
		d[i] = c.slope(func(h float64) float64 {
			x[i] = at + h
			defer func() { x[i] = at }()
			return f()
		})
	}
	return d
}

// slope returns f'(0). With derivatives that grow as powers of the logit l, the
// step 1e-3/l leaves an error of about 1e-12 l, and as much rounding.
func (c *checker) slope(f func(h float64) float64) float64 {
	h := 1e-3 / c.logit
	return (8*(f(h)-f(-h)) - (f(2*h) - f(-2*h))) / (12 * h)
}

// permuted checks that no row has a special place.
func (c *checker) permuted(b Batch) {
	order := rand.New(rand.NewPCG(2, 0)).Perm(len(b.Z))
	r, ok := c.run(b)
	r2, ok2 := c.run(b.Permute(order))
	if !ok || !ok2 {
		return
	}
	exact := 1e-12 * c.logit
	c.near("loss of permuted rows", []float64{r2.Value}, []float64{r.Value}, exact, exact)
	for i, from := range order {
		c.near(fmt.Sprintf("gradient of row %d, permuted", from), r2.Z[i], r.Z[from], exact*c.logit, exact*c.logit)
	}
}

// swapped checks that two views have the same role; or, where they are said to
// have an order, that it matters.
func (c *checker) swapped(b Batch) {
	if b.View == nil || slices.Max(b.View) != 1 || b.Weight != nil {
		return
	}
	s := b
	s.View = make([]int32, len(b.View))
	for i, v := range b.View {
		s.View[i] = 1 - v
	}
	r, ok := c.run(b)
	r2, ok2 := c.run(s)
	if !ok || !ok2 {
		return
	}
	if !c.claims.OrderedViews {
		c.near("loss of swapped views", []float64{r2.Value}, []float64{r.Value}, 1e-12*c.logit, 1e-12*c.logit)
		return
	}
	c.report.Checks++
	if len(b.Z[0]) > 1 && math.Abs(r.Value-r2.Value) < 1e-6 {
		c.fail("swapped views have the loss %.12g as well, though their order is said to matter", r.Value)
	}
}

// scaled checks that the lengths of rows do not matter where they should not,
// and that the gradient is orthogonal to its row.
func (c *checker) scaled(b Batch) {
	if !c.claims.ScaleInvariant(c.l) {
		return
	}
	lengths := []float64{1e-3, 7, 1e3, 1, 0.5}
	r, ok := c.run(b)
	r2, ok2 := c.run(b.Map(func(i int, row []float64) {
		for k := range row {
			row[k] *= lengths[i%len(lengths)]
		}
	}))
	if !ok || !ok2 {
		return
	}
	exact := 1e-12 * c.logit
	c.near("loss of rows of other lengths", []float64{r2.Value}, []float64{r.Value}, exact, exact)
	for i := range r.Z {
		c.near(fmt.Sprintf("gradient along row %d", i), []float64{dot(r.Z[i], b.Z[i])}, []float64{0}, 0, exact*c.logit)
	}
}

// finite checks that what breaks naive code leaves value and gradient finite,
// and in float64 that the value is the twin's.
func (c *checker) finite(b Batch) {
	r, ok := c.run(b)
	if !ok {
		return
	}
	c.report.Checks++
	for _, x := range slices.Concat(append(append(r.Z, r.Proxies...), r.Bias, []float64{r.Value})...) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			c.fail("loss %g, gradient %g, of parameters %g %g", r.Value, r.Z, r.Proxies, r.Bias)
			return
		}
	}
	if c.double {
		c.near("loss", []float64{r.Value}, []float64{c.claims.Twin(c.l, b, b)}, 1e-9, 1e-9*c.logit)
	}
}

// orthogonal returns rows that are orthogonal to each other and of unlike lengths:
// the length of one changes its similarity to itself and nothing else.
func orthogonal() Batch {
	b := Views(3, 6, 9)
	return b.Map(func(i int, row []float64) {
		clear(row)
		row[i] = 0.5 + 0.25*float64(i)
	})
}

// selfPairs checks that a row gets no gradient from its similarity to itself:
// along it the gradient is what the twin, which has no such pair, says.
func (c *checker) selfPairs(b Batch) {
	r, ok := c.run(b)
	if !ok || c.logit > 1000 {
		return
	}
	for i := range b.Z {
		want := c.slope(func(h float64) float64 {
			return c.claims.Twin(c.l, b.Map(func(j int, row []float64) {
				if j == i {
					row[i] *= 1 + h
				}
			}), b)
		})
		tolerance := 1e-8 * c.logit
		if !c.double {
			tolerance = 1e-5 * c.logit
		}
		c.near(fmt.Sprintf("gradient along row %d", i), []float64{dot(r.Z[i], b.Z[i])}, []float64{want}, tolerance, tolerance)
	}
}

func dot(x, y []float64) float64 {
	s := 0.0
	for k := range x {
		s += x[k] * y[k]
	}
	return s
}
