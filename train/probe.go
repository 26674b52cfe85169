package train

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/loss"
	"alike/method"
	"alike/train/doctor"
)

// probe is a look at one step from outside: it reads what the step computes anyway,
// and the weights before and after it, and changes nothing.
type probe struct {
	program *program
	store   *model.Store
	before  [][]float32
}

// newProbe keeps the weights before a step.
func newProbe(p *program, store *model.Store) (*probe, error) {
	b := &probe{program: p, store: store, before: make([][]float32, len(p.params))}
	for i := range p.params {
		t, err := b.value(i)
		if err != nil {
			return nil, err
		}
		if b.before[i], err = tensors.CopyFlatData[float32](t); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *probe) value(i int) (*tensors.Tensor, error) {
	path := b.program.params[i].path
	v := b.store.GetVariable(path)
	if v == nil {
		return nil, fmt.Errorf("weights: %s is gone", path)
	}
	return v.Value()
}

// layers are those of the step with what it has shown.
func (b *probe) layers(s seen) ([]doctor.Layer, error) {
	var ps []doctor.Parameter
	at := 0
	for i, q := range b.program.params {
		p := doctor.Parameter{Path: q.path, Gradient: float64(s.squares[i])}
		if q.bias > 0 {
			p.Bias = s.biases[at:][:q.bias]
			at += q.bias
		}
		t, err := b.value(i)
		if err != nil {
			return nil, err
		}
		tensors.MustConstFlatData(t, func(now []float32) { p.Weight, p.Update = squares(now, b.before[i]) })
		ps = append(ps, p)
	}
	return doctor.Layers(ps), nil
}

// squares are Σw² and Σ(w - before)².
func squares(w, before []float32) (sum, change float64) {
	before = before[:len(w)]
	for i, x := range w {
		d := float64(x) - float64(before[i])
		sum, change = sum+float64(x)*float64(x), change+d*d
	}
	return sum, change
}

// embeddings are the statistics of a step's z; label is that of the loader's rows.
func (p *parts) embeddings(c *Config, s seen, label []int32) doctor.Embeddings {
	views := p.method.Views()
	b := doctor.Batch{Z: s.z, Dim: len(s.z) / (views * c.Batch), Views: views}
	if p.method.Supervised() {
		b.Label = label
	}
	return doctor.Look(b, p.sharpness())
}

// sharpness is what the loss multiplies cosines by, 0 where that is not known.
func (p *parts) sharpness() float64 {
	if _, own := p.method.(method.Objective); own {
		return 0
	}
	if l, ok := p.loss.(loss.CosineSoftmax); ok {
		return l.Sharpness()
	}
	return 0
}
