package losstest

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend" // the "go" backend
	. "github.com/gomlx/gomlx/core/graph"

	"alike/loss"
)

// broken is half the mean square of all similarities of two rows, with a fault.
type broken struct{ fault string }

func (broken) Validate() error { return nil }

func (l broken) Graph(b loss.Batch) *Node {
	z := b.Z
	m := z.Shape().Dim(0)
	s := MatMul(z, Transpose(z, 0, 1))
	self := Diagonal(z.Graph(), m)
	zero := ScalarZero(z.Graph(), z.DType())
	value := MulScalar(ReduceAllSum(Square(Where(self, zero, s))), 0.5/float64(m*m))
	first := Slice(z, AxisElem(0), AxisElem(0))
	switch l.fault {
	case "a gradient through the row itself":
		own := ReduceAllSum(Where(self, s, zero))
		value = Add(value, Sub(own, StopGradient(own)))
	case "a special row":
		value = Add(value, ReduceAllSum(first))
	case "ordered views":
		if b.View != nil {
			value = Add(value, ReduceAllSum(Mul(ConvertDType(b.View, z.DType()), ReduceSum(z, -1))))
		}
	case "NaN":
		value = Add(value, Log(ReduceAllMax(Abs(z)))) // of zeros
	case "NaN in the gradient":
		root := Sqrt(ReduceAllSum(Square(z)))
		value = Add(value, Sub(root, StopGradient(root)))
	case "a panic":
		if b.View == nil {
			panic(errors.New("no views"))
		}
	}
	return value
}

func brokenTwin(l loss.Loss, b, _ Batch) float64 {
	sum, m := 0.0, float64(len(b.Z))
	for i := range b.Z {
		for j := range b.Z {
			if i != j {
				sum += dot(b.Z[i], b.Z[j]) * dot(b.Z[i], b.Z[j])
			}
		}
	}
	value := sum / (2 * m * m)
	switch l.(broken).fault { // of which the twin has the value too
	case "a special row":
		value += b.Z[0][0]
	case "ordered views":
		for i, v := range b.View {
			for _, x := range b.Z[i] {
				value += float64(v) * x
			}
		}
	case "NaN":
		top := 0.0
		for _, row := range b.Z {
			for _, x := range row {
				top = max(top, math.Abs(x))
			}
		}
		value += math.Log(top)
	}
	return value
}

func TestFaultsAreFound(t *testing.T) {
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Finalize()
	for _, tc := range []struct {
		fault, want string // "" for no failure
		lengths     bool   // the loss is said to see directions only
	}{
		{fault: "", want: ""},
		{fault: "a gradient through the row itself", want: "orthogonal rows: gradient along row"},
		{fault: "a special row", want: "loss of permuted rows"},
		{fault: "ordered views", want: "loss of swapped views"},
		{fault: "NaN", want: "zeros: loss -Inf"},
		{fault: "NaN in the gradient", want: "zeros: loss 0, gradient [[NaN"},
		{fault: "a panic", want: "classes: fails: "},
		{fault: "", want: "loss of rows of other lengths", lengths: true},
	} {
		t.Run(tc.fault+tc.want, func(t *testing.T) {
			c := &checker{claims: Claims{Twin: brokenTwin, ScaleInvariant: func(loss.Loss) bool { return tc.lengths }}}
			c.engine(Engine{backend, dtypes.Float64}, Configuration{YAML: "broken", Logit: 10}, broken{tc.fault})
			if c.report.Checks == 0 {
				t.Error("no checks")
			}
			found := strings.Join(c.report.Failures, "\n")
			if tc.want == "" && found != "" || !strings.Contains(found, tc.want) {
				t.Errorf("failures:\n%s\nwant %q", found, tc.want)
			}
		})
	}
}
