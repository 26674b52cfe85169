package eval

import (
	"context"
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/gemm"
	"alike/internal/kernel/pool"
)

// logistic is the objective of the linear probe. Its variables are W [C, D], then
// b [C].
type logistic struct {
	pool       *pool.Pool
	x          *Features
	c          int     // classes
	l2         float64 // λ
	normalizer float64 // 1/N

	weights  []float32 // W, for products
	at       []float64 // where value and gradient were computed
	again    int       // times in a row that it was asked for them there once more
	value    float64
	gradient []float64
	parts    []part
}

// part is a slice of the images with its share of value and gradient. There are
// as many as parts, however many workers, so that sums do not depend on those.
type part struct {
	from, to int
	value    float64
	gradient []float64 // [C (D+1)]
	logits   []float32 // [blockRows, C]
	block    []float32 // [C, D], the gradient of one block
}

const (
	parts     = 16
	blockRows = 512 // images whose features are read twice while they are in the cache
)

func newLogistic(p *pool.Pool, x *Features, classes int, l2 float64) *logistic {
	m := &logistic{pool: p, x: x, c: classes, l2: l2, normalizer: 1 / float64(x.N)}
	m.gradient, m.weights = make([]float64, classes*(x.D+1)), make([]float32, classes*x.D)
	for i := range parts {
		from, to := i*x.N/parts, (i+1)*x.N/parts
		m.parts = append(m.parts, part{
			from: from, to: to,
			gradient: make([]float64, len(m.gradient)),
			logits:   make([]float32, min(blockRows, to-from)*classes),
			block:    make([]float32, classes*x.D),
		})
	}
	return m
}

// noMove is how often in a row the line search may ask for the place where it is: where rounding leaves it nothing
// to gain, it can do so for ever.
const noMove = 10_000

// fit minimises the objective from a start and returns where it got to. It ends
// when ten iterations have gained less than a millionth, or where float32 has no
// more to give.
func (m *logistic) fit(ctx context.Context, start []float64, maxIterations int) (w []float64, iterations int, err error) {
	problem := optimize.Problem{
		Func: func(w []float64) float64 {
			m.evaluate(w)
			return m.value
		},
		Grad: func(gradient, w []float64) {
			m.evaluate(w)
			copy(gradient, m.gradient)
		},
		Status: func() (optimize.Status, error) {
			if ctx.Err() != nil {
				return optimize.Failure, context.Cause(ctx)
			}
			if m.again > noMove {
				return optimize.StepConvergence, nil
			}
			return optimize.NotTerminated, nil
		},
	}
	settings := &optimize.Settings{
		GradientThreshold: 1e-6,
		MajorIterations:   maxIterations,
		Converger:         &optimize.FunctionConverge{Relative: 1e-6, Iterations: 10},
	}
	result, err := optimize.Minimize(problem, start, settings, &optimize.LBFGS{Linesearcher: &optimize.MoreThuente{}})
	if errors.Is(err, optimize.ErrLinesearcherFailure) || errors.Is(err, optimize.ErrNoProgress) ||
		errors.Is(err, optimize.ErrNonDescentDirection) {
		err = nil // rounding hides what is left to gain
	}
	if err != nil {
		return nil, 0, err
	}
	return result.X, result.MajorIterations, nil
}

// evaluate computes value and gradient at w, unless it just did.
func (m *logistic) evaluate(w []float64) {
	if slices.Equal(w, m.at) {
		m.again++
		return
	}
	m.at, m.again = append(m.at[:0], w...), 0
	weights, bias := split(m.weights, w)
	m.pool.Run(parts, func(i int) { m.parts[i].evaluate(m, weights, bias) })

	m.value = 0
	clear(m.gradient)
	for i := range m.parts {
		m.value += m.parts[i].value * m.normalizer
		for k, g := range m.parts[i].gradient {
			m.gradient[k] += g * m.normalizer
		}
	}
	for k, v := range w[:m.c*m.x.D] {
		m.value += m.l2 / 2 * v * v
		m.gradient[k] += m.l2 * v
	}
}

// evaluate sums value and gradient over the part's images.
func (p *part) evaluate(m *logistic, weights []float32, bias []float64) {
	p.value = 0
	clear(p.gradient)
	for from := p.from; from < p.to; from += blockRows {
		to := min(from+blockRows, p.to)
		logits := p.logits[:(to-from)*m.c]
		product(m.pool, m.x.Data[from*m.x.D:], m.x.D, weights, logits)
		for i := range to - from {
			p.value += softmaxLoss(logits[i*m.c:(i+1)*m.c], bias, m.x.Labels[from+i], p.gradient[m.c*m.x.D:])
		}
		gemm.Run(m.pool, cpu.Detect(), &gemm.Args{
			M: m.c, N: m.x.D, K: to - from,
			A: logits, LDA: m.c, TransA: true,
			B: m.x.Data[from*m.x.D:], LDB: m.x.D,
			C: p.block, LDC: m.x.D,
		})
		for k, g := range p.block {
			p.gradient[k] += float64(g)
		}
	}
}

// softmaxLoss returns -ln softmax(logits + bias)[label] and turns the logits into
// its gradient for them, softmax - [label], which it also adds to sum.
func softmaxLoss(logits []float32, bias []float64, label int, sum []float64) float64 {
	top := math.Inf(-1)
	for c, l := range logits {
		top = max(top, float64(l)+bias[c])
	}
	total := 0.0
	for c, l := range logits {
		total += math.Exp(float64(l) + bias[c] - top)
	}
	logTotal := top + math.Log(total)
	loss := logTotal - (float64(logits[label]) + bias[label])
	for c, l := range logits {
		g := math.Exp(float64(l) + bias[c] - logTotal)
		if c == label {
			g--
		}
		logits[c] = float32(g)
		sum[c] += g
	}
	return loss
}

// product writes W x for the first rows of x [N, d] to logits, as many as those have
// rows [n, C].
func product(p *pool.Pool, x []float32, d int, weights, logits []float32) {
	classes := len(weights) / d
	gemm.Run(p, cpu.Detect(), &gemm.Args{
		M: len(logits) / classes, N: classes, K: d,
		A: x, LDA: d,
		B: weights, LDB: d, TransB: true,
		C: logits, LDC: classes,
	})
}

// split writes W to weights, for products in float32, and returns it and b.
func split(weights []float32, w []float64) ([]float32, []float64) {
	for i, v := range w[:len(weights)] {
		weights[i] = float32(v)
	}
	return weights, w[len(weights):]
}

// predict returns the class with the largest logit for every image, standardised, the
// lower one of equals.
func predict(p *pool.Pool, x *Features, scale *scaler, w []float64, classes int) []int {
	weights, bias := split(make([]float32, classes*x.D), w)
	predictions := make([]int, x.N)
	p.Run((x.N+blockRows-1)/blockRows, func(task int) {
		from := task * blockRows
		to := min(from+blockRows, x.N)
		rows := x.Data[from*x.D : to*x.D]
		if scale != nil {
			rows = p.Borrow(len(rows))
			defer p.Return(rows)
			for i := range to - from {
				scale.row(rows[i*x.D:(i+1)*x.D], x.Row(from+i))
			}
		}
		logits := p.Borrow((to - from) * classes)
		defer p.Return(logits)
		product(p, rows, x.D, weights, logits)
		for i := range to - from {
			best, top := 0, math.Inf(-1)
			for c, l := range logits[i*classes : (i+1)*classes] {
				if v := float64(l) + bias[c]; v > top {
					best, top = c, v
				}
			}
			predictions[from+i] = best
		}
	})
	return predictions
}
