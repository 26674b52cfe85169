package verify

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"alike/loss"
)

// ntXentGraph is loss.NTXent with its gradient by GoMLX's automatic
// differentiation.
func ntXentGraph(t *test, e engine) (tree, error) {
	z := t.inputs.field("z").matrix()
	l := &loss.NTXent{
		Temperature: t.params.field("temperature").positive(),
		L2Normalize: t.params.field("l2_normalize").truth(),
	}
	value, gradient, rows, err := e.loss(l, z, t.positives(len(z)))
	if err != nil {
		return nil, err
	}
	result := tree{
		"loss": value, "loss_two_half_means": 2 * value,
		"per_row_loss": rows, "grad_wrt_input": gradient,
	}
	if !l.L2Normalize {
		return result, nil
	}
	free := &loss.NTXent{Temperature: l.Temperature}
	if _, result["grad_wrt_unit_vectors"], _, err = e.loss(free, embed(z).u, t.positives(len(z))); err != nil {
		return nil, err
	}
	accuracy, err := e.run(func(in []*Node) []*Node {
		return []*Node{loss.ContrastiveAccuracy(in[0], in[1])}
	}, e.matrix(z), pairs(t.positives(len(z))))
	if err != nil {
		return nil, err
	}
	result["contrastive_accuracy_all_candidates"] = accuracy[0][0]
	return result, nil
}

// loss returns the loss, its gradient for z, and the loss of each row by itself,
// which a weight of 1 on that row and 0 on all others shows.
func (e engine) loss(l loss.Loss, z [][]float64, positive []int) (value float64, gradient [][]float64, rows []float64, err error) {
	m := len(z)
	out, err := e.run(func(in []*Node) []*Node {
		b := loss.Batch{Z: in[0], Positive: in[1]}
		value := l.Graph(b)
		outputs := []*Node{value, Gradient(value, b.Z)[0]}
		for i := range m {
			b.Weight = Reshape(Slice(in[2], AxisElem(i)), m)
			outputs = append(outputs, l.Graph(b))
		}
		return outputs
	}, e.matrix(z), pairs(positive), e.matrix(identity(m)))
	if err != nil {
		return 0, nil, nil, err
	}
	for _, row := range out[2:] {
		rows = append(rows, row[0])
	}
	return out[0][0], slices.Collect(slices.Chunk(out[1], len(z[0]))), rows, nil
}

// pairs is the matrix that says which row is whose positive.
func pairs(positive []int) [][]bool {
	m := make([][]bool, len(positive))
	for i, p := range positive {
		m[i] = make([]bool, len(positive))
		m[i][p] = true
	}
	return m
}

func identity(m int) [][]float64 {
	one := zeros(m, m)
	for i := range one {
		one[i][i] = 1
	}
	return one
}
