package verify

import (
	"fmt"
	"math"
)

func init() {
	operations["lars"] = operation{twin: lars, graph: larsGraph}
	operations["sgd"] = operation{twin: sgd, graph: sgdGraph}
	operations["lr_schedule"] = operation{twin: schedule, host: scheduleProduct, precision: double}
}

// momentum is what the rules with a velocity share.
type momentum struct {
	mu, decay float64
	nesterov  bool
	inside    bool // the learning rate is part of the velocity
}

func (t *test) momentum() momentum {
	return momentum{
		mu:       t.params.field("momentum").float(),
		decay:    t.params.field("weight_decay").float(),
		nesterov: t.params.field("nesterov").truth(),
		inside:   t.params.field("lr_inside_momentum").truth(),
	}
}

// step is one update of w and its velocity v, in place, by the gradient g, which
// holds the decay term already:
//
//	inside:  v ← μ v + lr g;  w ← w - v          (Nesterov: w ← w - μ v - lr g)
//	outside: v ← μ v + g;     w ← w - lr v       (Nesterov: w ← w - lr (g + μ v))
func (m momentum) step(w, v, g []float64, lr float64) {
	in, out := 1.0, lr
	if m.inside {
		in, out = lr, 1
	}
	for k := range w {
		v[k] = m.mu*v[k] + in*g[k]
		if m.nesterov {
			w[k] -= out * (m.mu*v[k] + in*g[k])
		} else {
			w[k] -= out * v[k]
		}
	}
}

// tensor is a parameter as the file has it: a vector or a matrix.
type tensor struct {
	name  string
	shape any // the value in the file
	flat  []float64
	adapt bool // decay and trust ratio
}

// flatten returns the numbers of a vector or a matrix.
func flatten(v value) []float64 {
	if l := v.list(); len(l) > 0 {
		if _, ok := l[0].v.([]any); ok {
			var flat []float64
			for _, row := range v.matrix() {
				flat = append(flat, row...)
			}
			return flat
		}
	}
	return v.floats()
}

// like returns numbers in the shape of the tensor.
func (p tensor) like(flat []float64) any {
	rows, ok := p.shape.([]any)
	if !ok || len(rows) == 0 {
		return flat
	}
	first, ok := rows[0].([]any)
	if !ok {
		return append([]float64(nil), flat...)
	}
	m := make([][]float64, len(rows))
	for i := range m {
		m[i] = append(m[i], flat[i*len(first):(i+1)*len(first)]...)
	}
	return m
}

// updates are the parameters and steps of a test of an update rule.
type updates struct {
	parameters []tensor
	rates      []float64
	gradients  [][][]float64 // [step][parameter]
}

func (t *test) larsUpdates() (u updates) {
	for _, p := range t.inputs.field("parameters").list() {
		w := p.field("w")
		u.parameters = append(u.parameters, tensor{p.field("name").text(), w.v, flatten(w), p.field("adapt").truth()})
	}
	for _, s := range t.inputs.field("steps").list() {
		u.rates = append(u.rates, s.field("lr").float())
		var gs [][]float64
		for _, p := range u.parameters {
			gs = append(gs, gradientOf(p, s.field("grads").field(p.name)))
		}
		u.gradients = append(u.gradients, gs)
	}
	return u
}

func (t *test) sgdUpdates() (u updates) {
	w := t.inputs.field("w")
	u.parameters = []tensor{{"w", w.v, flatten(w), true}}
	for _, s := range t.inputs.field("steps").list() {
		u.rates = append(u.rates, s.field("lr").float())
		u.gradients = append(u.gradients, [][]float64{gradientOf(u.parameters[0], s.field("grad"))})
	}
	return u
}

func gradientOf(p tensor, v value) []float64 {
	g := flatten(v)
	if len(g) != len(p.flat) {
		v.fail("as many numbers as %s has, %d", p.name, len(p.flat))
	}
	return g
}

// afterStep is the name of what is expected after a step, counted from 0.
func afterStep(i int) string { return fmt.Sprintf("after_step_%d", i+1) }

// lars is layer-wise adaptive rate scaling as in SimCLR's code: g' = g + λ w and
// r = η |w| / |g'| for adapted parameters, if neither norm is 0; the rate is lr r.
func lars(t *test) tree {
	u, m, eta := t.larsUpdates(), t.momentum(), t.params.field("trust_coefficient").float()
	start := t.params.field("initial_velocity").float()
	velocities := make([][]float64, len(u.parameters))
	for i, p := range u.parameters {
		velocities[i] = make([]float64, len(p.flat))
		for k := range velocities[i] {
			velocities[i][k] = start
		}
	}
	result := tree{}
	for s, lr := range u.rates {
		after := tree{}
		for i, p := range u.parameters {
			w, v := p.flat, velocities[i]
			g, trust := scale(1, u.gradients[s][i]), 1.0
			if p.adapt {
				add(g, m.decay, w)
				if nw, ng := math.Sqrt(dot(w, w)), math.Sqrt(dot(g, g)); nw > 0 && ng > 0 {
					trust = eta * nw / ng
				}
			}
			m.step(w, v, g, lr*trust)
			after[p.name] = tree{"trust_ratio": trust, "velocity": p.like(v), "value": p.like(w)}
		}
		result[afterStep(s)] = after
	}
	return result
}

// sgd is stochastic gradient descent with momentum, with decay on all
// parameters.
func sgd(t *test) tree {
	u, m := t.sgdUpdates(), t.momentum()
	p := u.parameters[0]
	w, v := p.flat, make([]float64, len(p.flat))
	result := tree{}
	for s, lr := range u.rates {
		g := scale(1, u.gradients[s][0])
		add(g, m.decay, w)
		m.step(w, v, g, lr)
		result[afterStep(s)] = tree{"velocity": p.like(v), "value": p.like(w)}
	}
	return result
}

// scheduleInputs are the parameters of a learning rate schedule.
type scheduleInputs struct {
	base, epochs, warmup float64
	batch, images        int
	scaling              string
	steps                []int
}

func (t *test) scheduleInputs() scheduleInputs {
	return scheduleInputs{
		base:    t.params.field("base_lr").float(),
		epochs:  t.params.field("epochs").positive(),
		warmup:  t.params.field("warmup_epochs").float(),
		batch:   t.params.field("batch_size").whole(1),
		images:  t.params.field("num_examples").whole(1),
		scaling: t.params.field("scaling").oneOf("linear", "sqrt"),
		steps:   t.inputs.field("steps").wholes(-1),
	}
}

// schedule is the warm-up and cosine of SimCLR's code.
func schedule(t *test) tree {
	in := t.scheduleInputs()
	peak := in.base * float64(in.batch) / 256
	if in.scaling == "sqrt" {
		peak = in.base * math.Sqrt(float64(in.batch))
	}
	warm := math.Round(math.Floor(in.warmup * float64(in.images) / float64(in.batch)))
	total := math.Floor(float64(in.images)*in.epochs/float64(in.batch)) + 1
	rates := tree{}
	for _, step := range in.steps {
		s := float64(step)
		rate := s / warm * peak
		if s >= warm {
			rate = peak * (1 + math.Cos(math.Pi*min(s-warm, total-warm)/(total-warm))) / 2
		}
		rates[fmt.Sprint(step)] = rate
	}
	return tree{"warmup_steps": int(warm), "total_steps": int(total), "peak_lr": peak, "lr_at_step": rates}
}
