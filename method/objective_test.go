package method

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend" // the "go" backend
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/nn"
	"alike/loss"
)

// The size of the tests' steps: N images of F values, which a network of one
// linear layer embeds in D dimensions.
const (
	testN, testF, testD = 4, 6, 3
	testTotal           = 9 // training images
)

// matrix is [rows][columns].
type matrix [][]float64

func random(rng *rand.Rand, rows, columns int) matrix {
	m := make(matrix, rows)
	for i := range m {
		for range columns {
			m[i] = append(m[i], rng.NormFloat64())
		}
	}
	return m
}

// stepInput is what a step is given.
type stepInput struct {
	w     matrix // [F, D], the online network's weights
	x     matrix // [V N, F]
	label []int32
	index []int32
	done  float64
}

// learner runs an objective in float64.
type learner struct {
	store *model.Store
	exec  *model.Exec
}

func newLearner(t *testing.T, m Objective, pairs loss.Loss) *learner {
	t.Helper()
	b, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	store := model.NewStore()
	store.VariableWithValue("/weight", tensors.FromValue([][]float64(random(rand.New(rand.NewPCG(1, 1)), testF, testD))))
	l := &learner{store: store}
	l.exec, err = model.NewExec(b, store, func(scope *model.Scope, x, label, index, done *Node) []*Node {
		g := x.Graph()
		store.SetTraining(g, true)
		s := &Step{
			Scope: scope.In(Scope), Views: x, Label: label, Index: index, Done: done, Images: testN, Total: testTotal,
			Network: func(scope *model.Scope, x *Node) *Node {
				return MatMul(x, nn.Param(scope, "weight", shapes.Make(dtypes.Float64, testF, testD), nn.Constant(math.NaN())).NodeValue(x))
			},
			Loss: func(b loss.Batch) *Node { return pairs.Graph(b) },
		}
		value, z := m.Objective(s)
		return append([]*Node{value, z}, Gradient(value, store.GetVariable("/weight").NodeValue(g))...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// step returns the loss, and its gradient for the online weights.
func (l *learner) step(t *testing.T, in stepInput) (value float64, gradient []float64) {
	t.Helper()
	if err := l.store.GetVariable("/weight").SetValue(tensors.FromValue([][]float64(in.w))); err != nil {
		t.Fatal(err)
	}
	out, err := l.exec.Call([][]float64(in.x), in.label, in.index, in.done)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.ToScalar[float64](out[0]), tensors.MustCopyFlatData[float64](out[2])
}

// variable is a remembered or learned matrix.
func (l *learner) variable(path string) matrix {
	v := l.store.GetVariable(path)
	if v == nil {
		return nil
	}
	flat := tensors.MustCopyFlatData[float64](v.MustValue())
	return slices.Collect(slices.Chunk(flat, v.Shape().Dimensions[v.Shape().Rank()-1]))
}

// twin is an objective written plainly. loss is that of the online weights w,
// where what gets no gradient is computed from the weights in; update is what
// is remembered after the step.
type twin interface {
	loss(w matrix, in stepInput) float64
	update(in stepInput)
}

// TestObjectivesAgreeWithTheirTwins makes four steps of every objective.
func TestObjectivesAgreeWithTheirTwins(t *testing.T) {
	const tau = 0.3
	small := predictor{Hidden: 5}
	ice := &loss.ICE{Scale: 3, Reduction: loss.MeanPairs}
	cases := map[string]struct {
		method Objective
		twin   func(l *learner) twin
	}{
		"instdisc": {&InstDisc{Temperature: tau, Momentum: 0.4}, func(l *learner) twin { return &instDiscTwin{l, tau, 0.4, nil} }},
		"moco":     {&MoCo{Temperature: tau, Momentum: 0.7, Queue: 6}, func(l *learner) twin { return &mocoTwin{l: l, tau: tau, m: 0.7} }},
		"byol":     {&BYOL{Momentum: 0.6, Predictor: small}, func(l *learner) twin { return &byolTwin{l: l, m: 0.6} }},
		"simsiam":  {&SimSiam{Predictor: small}, func(l *learner) twin { return simSiamTwin{l} }},
		"nnclr":    {&NNCLR{Temperature: tau, Support: 7, Predictor: small}, func(l *learner) twin { return &nnclrTwin{l: l, tau: tau} }},
		"barlow":   {&BarlowTwins{Redundancy: 0.2}, func(*learner) twin { return barlowTwin{0.2} }},
		"vicreg":   {&VICReg{Invariance: 3, Variance: 2, Covariance: 0.5}, func(*learner) twin { return vicregTwin{3, 2, 0.5} }},
		"xbm":      {&XBM{Memory: 6}, func(*learner) twin { return &xbmTwin{scale: 3, size: 6} }},
	}
	for _, name := range Methods.Names() {
		m, err := Methods.Default(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, own := m.(Objective); own && cases[name].method == nil {
			t.Errorf("%s has no twin", name)
		}
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			l := newLearner(t, tc.method, ice)
			rows := tc.method.Views() * testN
			if _, err := l.exec.Compile(shapes.Make(dtypes.Float64, rows, testF), shapes.Make(dtypes.Int32, rows), shapes.Make(dtypes.Int32, rows), shapes.Make(dtypes.Float64)); err != nil {
				t.Fatal(err)
			}
			w := tc.twin(l)
			for step := range 4 {
				in := stepInput{w: random(rng, testF, testD), x: mix(0.3, random(rng, rows, testF), 0, random(rng, rows, testF)), done: float64(step) / 4}
				for i := range rows {
					in.label = append(in.label, int32(rng.IntN(2)))
					in.index = append(in.index, int32((step*testN+i%testN)%testTotal))
				}
				if step == 0 { // what trails starts where the online network does
					in.w = l.variable("/weight")
				}
				if step == 3 {
					in.index[2] = in.index[0] // twice in a batch
				}
				if step == 1 {
					in.label[3] = -1 // an image without a class
				}
				want, slopes := w.loss(in.w, in), slopesOf(w, in)
				value, gradient := l.step(t, in)
				if !(math.Abs(value-want) <= 1e-10*(1+math.Abs(want))) {
					t.Errorf("step %d: loss %.12g, want %.12g", step, value, want)
				}
				for i := range slopes {
					if !(math.Abs(gradient[i]-slopes[i]) <= 1e-7*(1+math.Abs(slopes[i]))) {
						t.Errorf("step %d: gradient %d is %.9g, want %.9g", step, i, gradient[i], slopes[i])
					}
				}
				if dot(slopes, slopes) < 1e-6 {
					t.Errorf("step %d has no gradient", step)
				}
				w.update(in)
			}
		})
	}
}

// slopesOf are the central differences of the twin's loss for the online weights.
func slopesOf(w twin, in stepInput) (d []float64) {
	const h = 1e-5
	moving := make(matrix, len(in.w))
	for i := range in.w {
		moving[i] = slices.Clone(in.w[i])
	}
	for i := range moving {
		for k, at := range moving[i] {
			moving[i][k] = at + h
			high := w.loss(moving, in)
			moving[i][k] = at - h
			d = append(d, (high-w.loss(moving, in))/(2*h))
			moving[i][k] = at
		}
	}
	return d
}

// times is x w.
func (x matrix) times(w matrix) matrix {
	y := make(matrix, len(x))
	for i := range x {
		y[i] = make([]float64, len(w[0]))
		for k, v := range x[i] {
			for o := range w[k] {
				y[i][o] += v * w[k][o]
			}
		}
	}
	return y
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func unit(x []float64) []float64 {
	u := slices.Clone(x)
	for i := range u {
		u[i] /= math.Sqrt(dot(x, x))
	}
	return u
}

// units are the rows of x, of length 1.
func (x matrix) units() matrix {
	u := make(matrix, len(x))
	for i := range x {
		u[i] = unit(x[i])
	}
	return u
}

// mix is a x + b y.
func mix(a float64, x matrix, b float64, y matrix) matrix {
	z := make(matrix, len(x))
	for i := range x {
		for k := range x[i] {
			z[i] = append(z[i], a*x[i][k]+b*y[i][k])
		}
	}
	return z
}

// surprise is -ln of the softmax of logits at one of them.
func surprise(logits []float64, at int) float64 {
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(x - logits[at])
	}
	return math.Log(sum)
}

// predictTwin is the predictor with the learner's weights.
func predictTwin(l *learner, z matrix) matrix {
	p := func(name string) matrix { return l.variable("/method/predictor/" + name) }
	h := z.times(p("0/weight"))
	for c := range h[0] {
		var mean, variance float64
		for i := range h {
			mean += h[i][c] / float64(len(h))
		}
		for i := range h {
			variance += (h[i][c] - mean) * (h[i][c] - mean) / float64(len(h))
		}
		for i := range h {
			h[i][c] = max(0, (h[i][c]-mean)/math.Sqrt(variance+1e-5)*p("1/weight")[0][c]+p("1/bias")[0][c])
		}
	}
	y := h.times(p("3/weight"))
	for i := range y {
		for c := range y[i] {
			y[i][c] += p("3/bias")[0][c]
		}
	}
	return y
}

type instDiscTwin struct {
	l      *learner
	tau, m float64
	bank   matrix
}

func (w *instDiscTwin) loss(weight matrix, in stepInput) (sum float64) {
	if w.bank == nil {
		w.bank = w.l.variable("/method/bank")
	}
	for i, u := range in.x.times(weight).units() {
		var logits []float64
		for _, v := range w.bank {
			logits = append(logits, dot(v, u)/w.tau)
		}
		sum += surprise(logits, int(in.index[i])) / testN
	}
	return sum
}

func (w *instDiscTwin) update(in stepInput) {
	next := slices.Clone(w.bank)
	for i, u := range in.x.times(in.w).units() { // the last of an image counts
		next[in.index[i]] = unit(mix(w.m, matrix{w.bank[in.index[i]]}, 1-w.m, matrix{u})[0])
	}
	w.bank = next
}

type mocoTwin struct {
	l      *learner
	tau, m float64
	key    matrix
	queue  matrix
}

func (w *mocoTwin) keys(in stepInput) (weight matrix, keys matrix) {
	if w.key == nil {
		w.key, w.queue = w.l.variable("/weight"), w.l.variable("/method/queue").units()
	}
	weight = mix(w.m, w.key, 1-w.m, in.w)
	return weight, in.x[testN:].times(weight).units()
}

func (w *mocoTwin) loss(weight matrix, in stepInput) (sum float64) {
	_, keys := w.keys(in)
	for i, q := range in.x[:testN].times(weight).units() {
		logits := []float64{dot(q, keys[i]) / w.tau}
		for _, k := range w.queue {
			logits = append(logits, dot(q, k)/w.tau)
		}
		sum += surprise(logits, 0) / testN
	}
	return sum
}

func (w *mocoTwin) update(in stepInput) {
	size := len(w.queue)
	weight, keys := w.keys(in)
	w.key, w.queue = weight, append(keys, w.queue...)[:size]
}

type byolTwin struct {
	l   *learner
	m   float64
	key matrix
}

func (w *byolTwin) weight(in stepInput) matrix {
	if w.key == nil {
		w.key = w.l.variable("/weight")
	}
	rest := (1 - w.m) * (math.Cos(math.Pi*in.done) + 1) / 2
	return mix(1-rest, w.key, rest, in.w)
}

func (w *byolTwin) loss(weight matrix, in stepInput) (sum float64) {
	p, t := predictTwin(w.l, in.x.times(weight)).units(), in.x.times(w.weight(in)).units()
	for i := range p {
		sum += (2 - 2*dot(p[i], t[(i+testN)%len(t)])) / testN
	}
	return sum
}

func (w *byolTwin) update(in stepInput) { w.key = w.weight(in) }

type simSiamTwin struct{ l *learner }

func (w simSiamTwin) loss(weight matrix, in stepInput) (sum float64) {
	p, t := predictTwin(w.l, in.x.times(weight)).units(), in.x.times(in.w).units()
	for i := range p {
		sum -= dot(p[i], t[(i+testN)%len(t)]) / (2 * testN)
	}
	return sum
}

func (simSiamTwin) update(stepInput) {}

type nnclrTwin struct {
	l       *learner
	tau     float64
	support matrix
}

func (w *nnclrTwin) loss(weight matrix, in stepInput) (sum float64) {
	if w.support == nil {
		w.support = w.l.variable("/method/support").units()
	}
	p, u := predictTwin(w.l, in.x.times(weight)).units(), in.x.times(in.w).units()
	for i := range u {
		nearest := slices.MaxFunc(w.support, func(a, b []float64) int { return int(math.Copysign(1, dot(a, u[i])-dot(b, u[i]))) })
		other := p[testN:]
		if i >= testN {
			other = p[:testN]
		}
		var logits []float64
		for _, q := range other {
			logits = append(logits, dot(nearest, q)/w.tau)
		}
		sum += surprise(logits, i%testN) / (2 * testN)
	}
	return sum
}

func (w *nnclrTwin) update(in stepInput) {
	size := len(w.support)
	w.support = append(in.x[:testN].times(in.w).units(), w.support...)[:size]
}

// covariance is Σ_n (x_ni - mean) (y_nj - mean) / count, by i and j.
func covariance(x, y matrix, count float64) matrix {
	c := make(matrix, len(x[0]))
	for i := range c {
		c[i] = make([]float64, len(y[0]))
		for j := range c[i] {
			var meanX, meanY float64
			for n := range x {
				meanX += x[n][i] / float64(len(x))
				meanY += y[n][j] / float64(len(y))
			}
			for n := range x {
				c[i][j] += (x[n][i] - meanX) * (y[n][j] - meanY) / count
			}
		}
	}
	return c
}

type barlowTwin struct{ redundancy float64 }

func (w barlowTwin) loss(weight matrix, in stepInput) (sum float64) {
	z := in.x.times(weight)
	a, b := z[:testN], z[testN:]
	c, varA, varB := covariance(a, b, testN), covariance(a, a, testN), covariance(b, b, testN)
	for i := range c {
		for j := range c[i] {
			r := c[i][j] / math.Sqrt((varA[i][i]+1e-5)*(varB[j][j]+1e-5))
			if i == j {
				sum += (1 - r) * (1 - r)
			} else {
				sum += w.redundancy * r * r
			}
		}
	}
	return sum
}

func (barlowTwin) update(stepInput) {}

type vicregTwin struct{ invariance, variance, covariance float64 }

func (w vicregTwin) loss(weight matrix, in stepInput) (sum float64) {
	z := in.x.times(weight)
	a, b := z[:testN], z[testN:]
	for n := range a {
		for i := range a[n] {
			sum += w.invariance * (a[n][i] - b[n][i]) * (a[n][i] - b[n][i]) / (testN * testD)
		}
	}
	for _, x := range []matrix{a, b} {
		c := covariance(x, x, testN-1)
		for i := range c {
			sum += w.variance / 2 * max(0, 1-math.Sqrt(c[i][i]+1e-4)) / testD
			for j := range c {
				if i != j {
					sum += w.covariance * c[i][j] * c[i][j] / testD
				}
			}
		}
	}
	return sum
}

func (vicregTwin) update(stepInput) {}

type xbmTwin struct {
	scale  float64
	size   int
	memory matrix
	labels []int32
}

// ice is the mean over the positive pairs of the first n rows.
func (w *xbmTwin) ice(z matrix, label []int32, n int) float64 {
	u := z.units()
	sum, pairs := 0.0, 0.0
	for a := range n {
		for i := range u {
			if a == i || label[a] < 0 || label[a] != label[i] {
				continue
			}
			logits := []float64{w.scale * dot(u[a], u[i])}
			for k := range u {
				if label[k] != label[a] {
					logits = append(logits, w.scale*dot(u[a], u[k]))
				}
			}
			sum, pairs = sum+surprise(logits, 0), pairs+1
		}
	}
	return sum / max(pairs, 1)
}

func (w *xbmTwin) loss(weight matrix, in stepInput) float64 {
	z := in.x.times(weight)
	value := w.ice(z, in.label, testN)
	if len(w.memory) == w.size {
		value += w.ice(append(slices.Clone(z), w.memory...), append(slices.Clone(in.label), w.labels...), testN)
	}
	return value
}

func (w *xbmTwin) update(in stepInput) {
	w.memory = append(in.x.times(in.w), w.memory...)
	w.labels = append(slices.Clone(in.label), w.labels...)
	if len(w.memory) > w.size {
		w.memory, w.labels = w.memory[:w.size], w.labels[:w.size]
	}
}

func TestBadMethodsAreRefused(t *testing.T) {
	for want, m := range map[string]Method{
		"temperature 0: must be > 0":         &InstDisc{},
		"momentum 1: must be at least 0":     &MoCo{Temperature: 1, Queue: 1, Momentum: 1},
		"queue 0: must be at least 1":        &MoCo{Temperature: 1},
		"predictor: hidden 0: must be":       &BYOL{},
		"support -1: must be at least 1":     &NNCLR{Temperature: 1, Support: -1, Predictor: predictor{1}},
		"redundancy NaN: must be at least 0": &BarlowTwins{Redundancy: math.NaN()},
		"variance -1: must be at least 0":    &VICReg{Variance: -1},
		"memory 0: must be at least 1":       &XBM{},
		"predictor: hidden -2: must be at l": &SimSiam{Predictor: predictor{-2}},
	} {
		if err := m.Validate(); err == nil || !contains(err, want) {
			t.Errorf("%T: error %v, want %q", m, err, want)
		}
	}
}

func contains(err error, want string) bool { return fmt.Sprintf("%.*s", len(want), err) == want }
