package verify

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"alike/loss"
)

// lossGraph evaluates losses of the product on the rows of a test, with their
// gradients for z by GoMLX's automatic differentiation.
type lossGraph struct {
	engine
	z        [][]float64
	positive [][]bool
	view     []int32 // nil without views
}

// labelled has the rows of a test with the positives of its labels.
func (t *test) labelled(e engine) lossGraph {
	z := t.inputs.field("z").matrix()
	labels := t.inputs.field("labels").wholes(len(z))
	g := lossGraph{engine: e, z: z}
	for i := range z {
		g.positive = append(g.positive, make([]bool, len(z)))
		for j := range z {
			g.positive[i][j] = i != j && labels[i] == labels[j]
		}
	}
	return g
}

// viewed has the rows of a test in the two views of its layout.
func (t *test) viewed(e engine) lossGraph {
	z := t.inputs.field("z").matrix()
	g := lossGraph{engine: e, z: z, positive: pairs(t.positives(len(z)))}
	for i := range z {
		view := i % 2
		if t.params.field("layout").text() == "block" {
			view = 2 * i / len(z)
		}
		g.view = append(g.view, int32(view))
	}
	return g
}

// run returns the loss and its gradient for z.
func (g lossGraph) run(l loss.Loss) (value float64, gradient [][]float64, err error) {
	inputs := []any{g.matrix(g.z), g.positive}
	if g.view != nil {
		inputs = append(inputs, g.view)
	}
	out, err := g.engine.run(func(in []*Node) []*Node {
		b := loss.Batch{Z: in[0], Positive: in[1]}
		if g.view != nil {
			b.View = in[2]
		}
		value := l.Graph(b)
		return []*Node{value, Gradient(value, b.Z)[0]}
	}, inputs...)
	if err != nil {
		return 0, nil, err
	}
	return out[0][0], slices.Collect(slices.Chunk(out[1], len(g.z[0]))), nil
}

// into stores a loss and its gradient in result, under names that are not "".
func (g lossGraph) into(result tree, valueName, gradientName string, l loss.Loss) error {
	value, gradient, err := g.run(l)
	if err != nil {
		return err
	}
	if valueName != "" {
		result[valueName] = value
	}
	if gradientName != "" {
		result[gradientName] = gradient
	}
	return nil
}

// iceGraph is loss.ICE.
func iceGraph(t *test, e engine) (tree, error) {
	g, s, result := t.labelled(e), t.params.field("scale").positive(), tree{}
	for _, x := range []struct{ name, gradient, reduction string }{
		{"loss_mean_pairs", "grad_mean_pairs_wrt_input", loss.MeanPairs},
		{"loss_mean_anchors", "", loss.MeanAnchors},
		{"loss_sum", "", loss.Sum},
	} {
		if err := g.into(result, x.name, x.gradient, &loss.ICE{Scale: s, Reduction: x.reduction}); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// supConGraph is loss.SupCon, which has no factor of a base temperature.
func supConGraph(t *test, e engine) (tree, error) {
	if t.params.field("base_temperature_factor").float() != 1 {
		return nil, errNotInProduct
	}
	g, tau, result := t.labelled(e), t.params.field("temperature").positive(), tree{}
	for _, x := range []struct {
		name, gradient string
		loss           loss.SupCon
	}{
		{"loss_out_mean_over_valid_anchors", "grad_out_mean_valid_wrt_input", loss.SupCon{Form: loss.SupConOut}},
		{"loss_out_mean_over_all_anchors", "", loss.SupCon{Form: loss.SupConOut, AllRows: true}},
		{"loss_in_mean_over_valid_anchors", "", loss.SupCon{Form: loss.SupConIn}},
		{"loss_in_mean_over_all_anchors", "", loss.SupCon{Form: loss.SupConIn, AllRows: true}},
	} {
		x.loss.Temperature = tau
		if err := g.into(result, x.name, x.gradient, &x.loss); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// isifPaperGraph is loss.ISIFPaper, whose mean over the instances the file
// has next to the sum.
func isifPaperGraph(t *test, e engine) (tree, error) {
	instances := t.inputs.field("instances").matrix()
	m := len(instances)
	g := lossGraph{engine: e, z: append(instances, t.inputs.field("augmented").matrixOf(len(instances[0]))...)}
	positive := make([]int, 2*m)
	for i := range positive {
		positive[i] = (i + m) % (2 * m)
		g.view = append(g.view, int32(i/m))
	}
	g.positive = pairs(positive)
	value, gradient, err := g.run(&loss.ISIFPaper{Temperature: t.params.field("temperature").positive()})
	if err != nil {
		return nil, err
	}
	for i := range gradient {
		gradient[i] = scale(float64(m), gradient[i])
	}
	return tree{
		"loss_mean": value, "loss_sum": float64(m) * value,
		"grad_sum_wrt_instances": gradient[:m], "grad_sum_wrt_augmented": gradient[m:],
	}, nil
}

// isifSymmetricGraph is loss.ISIFSymmetric; its first part is loss.NTXent.
func isifSymmetricGraph(t *test, e engine) (tree, error) {
	g, tau, result := t.viewed(e), t.params.field("temperature").positive(), tree{}
	for _, x := range []struct {
		name, gradient string
		loss           loss.Loss
	}{
		{"loss", "grad_stop_right_factor_wrt_input", &loss.ISIFSymmetric{Temperature: tau, StopGradient: true, Invariance: 1, Spreading: 1}},
		{"loss", "grad_full_wrt_input", &loss.ISIFSymmetric{Temperature: tau, Invariance: 1, Spreading: 1}},
		{"positive_term", "", &loss.NTXent{Temperature: tau, L2Normalize: true}},
	} {
		if err := g.into(result, x.name, x.gradient, x.loss); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// marginTripletGraph is loss.MarginTriplet.
func marginTripletGraph(t *test, e engine) (tree, error) {
	g, result := t.viewed(e), tree{}
	l := loss.MarginTriplet{Margin: t.params.field("margin").float(), OtherView: t.params.field("negatives").text() == "other"}
	for _, x := range []struct{ name, gradient, negatives string }{
		{"semihard_loss_mean_over_anchors", "semihard_grad_wrt_input", loss.SemiHard},
		{"all_negatives_loss_mean_over_triplets", "all_negatives_grad_wrt_input", loss.All},
	} {
		l.Negatives = x.negatives
		if err := g.into(result, x.name, x.gradient, &l); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// ntLogisticGraph is loss.NTLogistic.
func ntLogisticGraph(t *test, e engine) (tree, error) {
	g, result := t.viewed(e), tree{}
	l := loss.NTLogistic{Temperature: t.params.field("temperature").positive(), OtherView: t.params.field("negatives").text() == "other"}
	for _, x := range []struct{ name, negatives string }{{"mean", loss.Mean}, {"sum", loss.Sum}, {"semihard", loss.SemiHard}} {
		l.Negatives = x.negatives
		if err := g.into(result, "loss_negatives_"+x.name, "grad_negatives_"+x.name+"_wrt_input", &l); err != nil {
			return nil, err
		}
	}
	return result, nil
}
