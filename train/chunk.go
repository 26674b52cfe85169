package train

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/method"
	"alike/optimize"
)

// cachedStep is gradient caching (Gao et al. 2021): the memory of a chunk of
// images, the loss of the whole batch. With F the network, w its weights and
// z_k = F(x_k; w) for the chunks k of a batch,
//
//	L = loss(z_1, ..., z_K)     dL/dw = Σ_k (dz_k/dw)ᵀ dL/dz_k
//
// First every chunk is embedded and what F computed on the way forgotten; then
// the loss of all z gives dL/dz; then chunk after chunk is embedded again and
// differentiated. It costs one more forward pass. It is exactly the step of the
// whole batch, but for batch norm, whose statistics are those of a chunk; the running
// averages move once a step, towards the mean of the chunks' statistics.
// With one chunk it is the plain step.
func (p *parts) cachedStep(c *Config, scope *model.Scope, s *method.Step) (o objective) {
	chunks := p.chunks(c, s.Views)
	running := p.runningStatistics(c, scope, chunks[0])
	z := make([]*Node, len(chunks))
	for k, x := range chunks {
		z[k] = StopGradient(p.network(c, scope, x))
	}
	o.z = OptimizationBarrier(p.join(c, z)) // a node that has a gradient, which StopGradient has not
	o.loss = p.batchLoss(c, scope, s, o.z)
	slopes := p.chunks(c, Gradient(o.loss, o.z)[0])
	o.params = optimize.Gradients(scope, o.loss) // of what the loss itself learns, 0 for the network's
	if len(o.params) == 0 {
		return o // all is frozen, of which checkPatterns tells
	}
	for k, x := range chunks {
		running.reset()
		// The barrier keeps an engine from computing both passes at once.
		again := p.network(c, scope, SchedulingBarrier(OptimizationBarrier(x), slopes[k], o.params[0].Gradient))
		running.collect()
		part := optimize.Gradients(scope, ReduceAllSum(Mul(again, StopGradient(slopes[k]))))
		o.params = optimize.Sum(o.params, part)
		for i := range o.params { // summed now, rather than kept to be summed at the end
			o.params[i].Gradient = OptimizationBarrier(o.params[i].Gradient)
		}
	}
	running.finish()
	return o
}

// chunks cuts rows [V N, ...] in block order into chunks of c.Chunk images with
// all their views, in block order themselves.
func (p *parts) chunks(c *Config, rows *Node) []*Node {
	if c.Chunk == c.Batch {
		return []*Node{rows}
	}
	var chunks []*Node
	for at := 0; at < c.Batch; at += c.Chunk {
		var views []*Node
		for v := range p.method.Views() {
			views = append(views, Slice(rows, AxisRange(v*c.Batch+at, v*c.Batch+at+c.Chunk)))
		}
		chunks = append(chunks, concatenate(views))
	}
	return chunks
}

// join is the inverse of chunks.
func (p *parts) join(c *Config, chunks []*Node) *Node {
	var rows []*Node
	for v := range p.method.Views() {
		for _, chunk := range chunks {
			rows = append(rows, Slice(chunk, AxisRange(v*c.Chunk, (v+1)*c.Chunk)))
		}
	}
	if len(chunks) == 1 {
		return chunks[0]
	}
	return concatenate(rows)
}

// concatenate joins rows; of one part there is nothing to join.
func concatenate(parts []*Node) *Node {
	if len(parts) == 1 {
		return parts[0]
	}
	return Concatenate(parts, 0)
}

// runningStatistics are batch norm's running averages, which each pass of a
// chunk moves: before the step, and after the pass of each chunk alone.
type runningStatistics struct {
	variables []*model.Variable
	before    []*Node
	after     [][]*Node // by variable, then chunk
}

// runningStatistics finds them in a graph that nothing has moved them in. A pass in
// inference mode, which is not computed, makes those that do not exist yet.
func (p *parts) runningStatistics(c *Config, scope *model.Scope, x *Node) *runningStatistics {
	g := x.Graph()
	scope.Store().SetTraining(g, false)
	p.network(c, scope, x)
	scope.Store().SetTraining(g, true)
	r := &runningStatistics{}
	for v := range scope.IterVariables() {
		if isStatistic(v.Name()) && v.InUseByGraph(g) && !c.frozen(dotted(v.Path())) {
			r.variables = append(r.variables, v)
			r.before = append(r.before, v.NodeValue(g))
		}
	}
	r.after = make([][]*Node, len(r.variables))
	return r
}

func (r *runningStatistics) reset() {
	for i, v := range r.variables {
		v.SetNodeValue(r.before[i])
	}
}

func (r *runningStatistics) collect() {
	for i, v := range r.variables {
		r.after[i] = append(r.after[i], v.NodeValue(r.before[i]))
	}
}

// finish moves every average to the mean of where the chunks would have moved it.
func (r *runningStatistics) finish() {
	for i, v := range r.variables {
		mean := r.after[i][0]
		for _, a := range r.after[i][1:] {
			mean = Add(mean, a)
		}
		if n := len(r.after[i]); n > 1 {
			mean = DivScalar(mean, float64(n))
		}
		v.SetNodeValue(mean)
	}
}
