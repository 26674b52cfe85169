package loss_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend" // the "go" backend
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/google/go-cmp/cmp"

	"alike/loss"
	"alike/loss/losstest"
)

// engine returns float64 evaluation on GoMLX's portable backend.
func engine(tb testing.TB) losstest.Engine {
	tb.Helper()
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(backend.Finalize)
	return losstest.Engine{Backend: backend, DType: dtypes.Float64}
}

func evaluate(tb testing.TB, e losstest.Engine, l loss.Loss, b losstest.Batch) losstest.Result {
	tb.Helper()
	r, err := e.Loss(l, b)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func value(tb testing.TB, e losstest.Engine, f func(loss.Batch) *Node, b losstest.Batch) []float64 {
	tb.Helper()
	v, err := e.Value(f, b)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// closeTo fails unless got is want within the relative and absolute tolerance.
func closeTo(tb testing.TB, what string, got, want []float64, relative, absolute float64) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= relative*math.Abs(want[i])+absolute) {
			tb.Errorf("%s: value %d is %.12g, want %.12g", what, i, got[i], want[i])
			return
		}
	}
}

// configured returns the loss that a YAML document names.
func configured(tb testing.TB, document string) loss.Loss {
	tb.Helper()
	l, err := losstest.New(document)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// TestCollapsedEmbeddings has all rows alike, where every loss has a value
// that its equation gives.
func TestCollapsedEmbeddings(t *testing.T) {
	e := engine(t)
	const m = 5
	equal := func(b losstest.Batch) losstest.Batch {
		return b.Map(func(_ int, row []float64) { copy(row, b.Z[0]) })
	}
	views, classes := equal(losstest.Views(m, 3, 1)), equal(losstest.Labelled([]int32{0, 0, 0, 1, 1, 1, 2, 2, 2}, 3, 1))
	softplus := func(x float64) float64 { return math.Log(1 + math.Exp(x)) }
	others := math.Log((2*m-1)/(2*m-2.0)) * (2*m - 2) // Σ_j -ln(1 - P_ij) over the negatives of 2m rows
	for _, tc := range []struct {
		loss string
		b    losstest.Batch
		want float64
	}{
		{"ntxent", views, math.Log(2*m - 1)},
		{"ice", views, math.Log(2*m - 1)},
		{"ice", classes, math.Log(1 + 6)},
		{"{name: ice, scale: 8, unit_gradient: true}", classes, math.Log(1+6) / 8},
		{"{name: ice, reduction: sum}", classes, 9 * 2 * math.Log(1+6)},
		{"supcon", classes, math.Log(8)},
		{"{name: supcon, form: in}", classes, math.Log(8)},
		{"isif_symmetric", views, math.Log(2*m-1) + others},
		{"isif_paper", views, math.Log(m) + (m-1)*math.Log(float64(m)/(m-1))},
		{"{name: npair, regularization: 0}", views, math.Log(m)},
		{"{name: npair, regularization: 0}", classes, math.Log(1 + 6)},
		{"margin_triplet", views, 0}, // nothing is less similar
		{"dcl", views, math.Log(2*m - 2)},
		{"{name: margin_triplet, negatives: all, margin: 0.7}", views, 0.7},
		{"{name: ntlogistic, temperature: 0.5}", views, softplus(-2)},
		{"{name: ntlogistic, temperature: 0.5, negatives: mean}", views, softplus(-2) + softplus(2)},
		{"{name: ntlogistic, temperature: 0.5, negatives: sum}", views, softplus(-2) + (m-1)*softplus(2)},
		{"{name: contrastive, margin: 1.5}", classes, 1.5 * 1.5 / 2},
		{"multi_similarity", classes, math.Log(1+2)/2 + math.Log(1+6)/50},
	} {
		t.Run(tc.loss, func(t *testing.T) {
			got := evaluate(t, e, configured(t, tc.loss), tc.b).Value
			closeTo(t, "loss", []float64{got}, []float64{tc.want}, 1e-12, 1e-12)
		})
	}
}

// TestICEOnViewsIsNTXent is ICE without labels, on augmented views: NT-Xent to the
// last digits with two views of each image, where each anchor has one positive; less
// than it with three, where NT-Xent repels the other positive.
func TestICEOnViewsIsNTXent(t *testing.T) {
	e := engine(t)
	for _, tau := range []float64{0.05, 0.5, 1} {
		ice, ntxent := &loss.ICE{Scale: 1 / tau, Reduction: loss.MeanPairs}, &loss.NTXent{Temperature: tau, L2Normalize: true}
		for n := 1; n < 9; n++ {
			b := losstest.Views(n, 5, uint64(n))
			one, other := evaluate(t, e, ice, b), evaluate(t, e, ntxent, b)
			last := 4 * 0x1p-52 / tau // units in the last place of logits up to 1/τ
			closeTo(t, "loss", []float64{one.Value}, []float64{other.Value}, 0, last)
			closeTo(t, "gradient", slices.Concat(one.Z...), slices.Concat(other.Z...), 0, last/tau)
			if n == 1 {
				continue // two rows of one image: nothing to repel
			}
			b = losstest.MultiViews(n, 3, 5, uint64(n))
			if one, other := evaluate(t, e, ice, b).Value, evaluate(t, e, ntxent, b).Value; !(one < other-1e-3) {
				t.Errorf("three views of %d images at τ = %g: ICE %g, NT-Xent %g", n, tau, one, other)
			}
		}
	}
}

// TestKinship has the equalities between losses, in value and gradient.
func TestKinship(t *testing.T) {
	e := engine(t)
	views, pairs := losstest.Views(5, 4, 1), losstest.Labelled([]int32{0, 1, 1, 0, 2, 2}, 4, 2)
	for _, tc := range []struct {
		name, one, other string
		b                losstest.Batch
	}{
		{"ICE of one positive is NT-Xent", "{name: ice, scale: 2}", "{name: ntxent, temperature: 0.5}", views},
		{"ICE of pairs is NT-Xent", "{name: ice, scale: 4}", "{name: ntxent, temperature: 0.25}", pairs},
		{"SupCon out of one positive is NT-Xent", "{name: supcon, temperature: 0.5}", "{name: ntxent, temperature: 0.5}", views},
		{"SupCon in of one positive is NT-Xent", "{name: supcon, form: in, temperature: 0.5}", "{name: ntxent, temperature: 0.5}", pairs},
		{"N-pair without views is NT-Xent of dot products", "{name: npair, regularization: 0}", "{name: ntxent, temperature: 1, l2_normalize: false}", pairs},
	} {
		t.Run(tc.name, func(t *testing.T) {
			one, other := evaluate(t, e, configured(t, tc.one), tc.b), evaluate(t, e, configured(t, tc.other), tc.b)
			closeTo(t, "loss", []float64{one.Value}, []float64{other.Value}, 1e-12, 1e-12)
			closeTo(t, "gradient", slices.Concat(one.Z...), slices.Concat(other.Z...), 1e-11, 1e-11)
		})
	}
}

func TestICEIsAtMostSupConOut(t *testing.T) {
	e := engine(t)
	for seed := range uint64(20) {
		b := losstest.Labelled([]int32{0, 0, 0, 1, 1, 1, 2, 2, 2}, 3, seed)
		ice := evaluate(t, e, configured(t, "{name: ice, scale: 5}"), b).Value
		supcon := evaluate(t, e, configured(t, "{name: supcon, temperature: 0.2}"), b).Value
		if !(ice < supcon) || supcon < math.Log(2) {
			t.Errorf("seed %d: ICE %g, SupCon out %g, which cannot be below ln 2", seed, ice, supcon)
		}
	}
}

// TestISIFStopsTheGradient checks the two gradients against each other: the
// full one is that of queries plus that of what they are compared with.
func TestISIFStopsTheGradient(t *testing.T) {
	e, b := engine(t), losstest.Views(4, 5, 1)
	stopped := evaluate(t, e, &loss.ISIFSymmetric{Temperature: 0.1, StopGradient: true, Invariance: 1, Spreading: 1}, b)
	full := evaluate(t, e, &loss.ISIFSymmetric{Temperature: 0.1, Invariance: 1, Spreading: 1}, b)
	if stopped.Value != full.Value {
		t.Errorf("loss %g with, %g without", stopped.Value, full.Value)
	}
	ratios := []float64{}
	for k := range full.Z[0] {
		ratios = append(ratios, full.Z[0][k]/stopped.Z[0][k])
	}
	if slices.Max(ratios)-slices.Min(ratios) < 0.1 {
		t.Errorf("the gradients are proportional: ratios %g", ratios)
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	for _, tc := range []struct{ yaml, want string }{
		{"{name: ntxent, temperature: 0}", "temperature 0: must be > 0"},
		{"{name: ntxent, temperature: -1}", "must be > 0"},
		{"{name: ntxent, temperature: .nan}", "must be > 0"},
		{"{name: ice, scale: .inf}", "scale +Inf: must be > 0"},
		{"{name: ice, reduction: median}", `reduction "median": must be one of mean_pairs, mean_anchors, sum`},
		{"{name: supcon, form: between, temperature: 0}", "must be one of out, in"},
		{"{name: supcon, form: between, temperature: 0}", "temperature 0"},
		{"{name: isif_paper, temperature: .nan}", "must be > 0"},
		{"{name: isif_symmetric, temperature: -0.1}", "must be > 0"},
		{"{name: npair, regularization: -1}", "regularization -1: must be at least 0"},
		{"{name: margin_triplet, margin: .nan}", "must be at least 0"},
		{"{name: margin_triplet, negatives: hard}", "must be one of semi_hard, all"},
		{"{name: margin_triplet, positives: semi}", "must be one of easy, hard"},
		{"{name: ntlogistic, negatives: all}", "must be one of semi_hard, mean, sum"},
		{"{name: contrastive, margin: 0}", "must be > 0"},
		{"{name: multi_similarity, alpha: 0}", "alpha 0"},
		{"{name: multi_similarity, beta: 0}", "beta 0"},
		{"{name: multi_similarity, base: .inf}", "base +Inf: must be finite"},
		{"{name: multi_similarity, epsilon: .nan}", "epsilon NaN"},
		{"{name: arcface, margin: 4}", "margin 4: must be from 0 to π radians"},
		{"{name: arcface, scale: 0}", "scale 0"},
		{"{name: proxy_nca, scale: 0}", "scale 0"},
		{"{name: cross_entropy, temperature: 1}", "there is no key loss.temperature"},
	} {
		if _, err := losstest.New(tc.yaml); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.yaml, err, tc.want)
		}
	}
}

func TestMissingInputsAreSentences(t *testing.T) {
	e := engine(t)
	b := losstest.Labelled([]int32{0, 0, 1, 1}, 3, 1)
	if _, err := e.Loss(&loss.ISIFPaper{Temperature: 0.1}, b); err == nil || !strings.Contains(err.Error(), "needs batches of two views") {
		t.Errorf("ISIF without views: error %v", err)
	}
	_, err := e.Value(func(b loss.Batch) *Node {
		b.Proxies = nil
		return (&loss.ArcFace{Scale: 1}).Graph(b)
	}, b)
	if err == nil || !strings.Contains(err.Error(), "needs labels") {
		t.Errorf("ArcFace without proxies: error %v", err)
	}
}

// TestParameters makes the parameters of each loss that has any, and checks
// that they train.
func TestParameters(t *testing.T) {
	backend := engine(t).Backend
	found := 0
	for _, name := range loss.Losses.Names() {
		l, err := loss.Losses.Default(name)
		if err != nil {
			t.Fatal(err)
		}
		learner, ok := l.(loss.ClassLoss)
		if !ok {
			continue
		}
		found++
		t.Run(name, func(t *testing.T) {
			store := model.NewStore()
			exec, err := model.NewExec(backend, store, func(scope *model.Scope, z, label *Node) []*Node {
				scope = scope.In("loss")
				b := loss.Batch{Z: z, Label: label}
				b.Proxies, b.Bias = learner.Parameters(scope, z, 7)
				again, _ := learner.Parameters(scope, z, 7)
				return []*Node{ReduceAllMax(Abs(Sub(again, b.Proxies))), ReduceAllMax(Abs(Gradient(l.Graph(b), b.Proxies)[0]))}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer exec.Finalize()
			out, err := exec.Call([][]float32{{1, 2, 3}, {-1, 2, 0}}, []int32{3, 6})
			if err != nil {
				t.Fatal(err)
			}
			proxies := store.GetVariable("/loss/proxies")
			if proxies == nil || !proxies.Trainable || !slices.Equal(proxies.Shape().Dimensions, []int{7, 3}) {
				t.Errorf("proxies %v", proxies)
			}
			if d := tensors.ToScalar[float32](out[0]); d != 0 {
				t.Errorf("asking again gives other proxies, by %g", d)
			}
			if g := tensors.ToScalar[float32](out[1]); !(g > 0) {
				t.Errorf("largest gradient of the proxies is %g", g)
			}
		})
	}
	if found == 0 {
		t.Error("no loss has parameters")
	}
}

func TestLabelPositives(t *testing.T) {
	got := value(t, engine(t), func(b loss.Batch) *Node {
		return ConvertDType(loss.LabelPositives(b.Label), b.Z.DType())
	}, losstest.Labelled([]int32{0, 1, 0, -1, -1}, 1, 0))
	if d := cmp.Diff([]float64{
		0, 0, 1, 0, 0,
		0, 0, 0, 0, 0,
		1, 0, 0, 0, 0,
		0, 0, 0, 0, 0,
		0, 0, 0, 0, 0}, got); d != "" {
		t.Error(d)
	}
}

func TestBlockViews(t *testing.T) {
	got := value(t, engine(t), func(b loss.Batch) *Node {
		return ConvertDType(loss.BlockViews(b.Z.Graph(), 2, 3), b.Z.DType())
	}, losstest.Views(1, 1, 0))
	if d := cmp.Diff([]float64{0, 0, 1, 1, 2, 2}, got); d != "" {
		t.Error(d)
	}
}

func TestViewPositives(t *testing.T) {
	for _, tc := range []struct {
		name          string
		images, views int
		want          []float64
	}{
		{"two views of two images", 2, 2, []float64{
			0, 0, 1, 0,
			0, 0, 0, 1,
			1, 0, 0, 0,
			0, 1, 0, 0}},
		{"three views of one image", 1, 3, []float64{
			0, 1, 1,
			1, 0, 1,
			1, 1, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := value(t, engine(t), func(b loss.Batch) *Node {
				return ConvertDType(loss.ViewPositives(b.Z.Graph(), tc.images, tc.views), b.Z.DType())
			}, losstest.Views(1, 1, 0))
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
