package verify

import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/optimize"
)

// larsGraph is optimize.LARS. The product has the authors' form only.
func larsGraph(t *test, e engine) (tree, error) {
	m := t.momentum()
	if !m.inside || t.params.field("initial_velocity").float() != 0 {
		return nil, errNotInProduct
	}
	return e.optimise(t.larsUpdates(), &optimize.LARS{
		Momentum: m.mu, WeightDecay: m.decay, Nesterov: m.nesterov,
		TrustCoefficient: t.params.field("trust_coefficient").float(),
	})
}

// sgdGraph is optimize.SGD. The product has PyTorch's form only.
func sgdGraph(t *test, e engine) (tree, error) {
	m := t.momentum()
	if m.inside {
		return nil, errNotInProduct
	}
	result, err := e.optimise(t.sgdUpdates(), &optimize.SGD{Momentum: m.mu, WeightDecay: m.decay, Nesterov: m.nesterov})
	if err != nil {
		return nil, err
	}
	for step, after := range result { // the file has one parameter, without a name
		result[step] = after.(tree)["w"]
	}
	return result, nil
}

// optimise runs all steps of an update rule.
func (e engine) optimise(u updates, o optimize.Optimizer) (tree, error) {
	store := model.NewStore()
	for _, p := range u.parameters {
		store.VariableWithValue("/"+p.name, e.tensor(p.flat, len(p.flat)))
	}
	exec, err := model.NewExec(e.backend, store, func(scope *model.Scope, in []*Node) *Node {
		var ps []optimize.Param
		for i, p := range u.parameters {
			v := store.GetVariable("/" + p.name)
			ps = append(ps, optimize.Param{Variable: v, Gradient: in[1+i], Skip: !p.adapt})
		}
		o.Update(scope, in[0], ps)
		return in[0]
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	result := tree{}
	for s, lr := range u.rates {
		inputs := []any{e.tensor([]float64{lr})}
		for i, g := range u.gradients[s] {
			inputs = append(inputs, e.tensor(g, len(u.parameters[i].flat)))
		}
		if _, err := exec.Call(inputs...); err != nil {
			return nil, err
		}
		after := tree{}
		for _, p := range u.parameters {
			value, err := variable(store, "/"+p.name)
			if err != nil {
				return nil, err
			}
			velocity, err := variable(store, optimize.StatePath+"/"+p.name+"/velocity")
			if err != nil {
				return nil, err
			}
			after[p.name] = tree{"value": p.like(value), "velocity": p.like(velocity)}
		}
		result[afterStep(s)] = after
	}
	return result, nil
}

func variable(store *model.Store, path string) ([]float64, error) {
	v := store.GetVariable(path)
	if v == nil {
		return nil, fmt.Errorf("no variable %s", path)
	}
	value, err := v.Value()
	if err != nil {
		return nil, err
	}
	return doubles(value)
}

// scheduleProduct is optimize.Schedule.
func scheduleProduct(_ context.Context, t *test) (tree, error) {
	in := t.scheduleInputs()
	s := optimize.Schedule{
		LR: in.base, Scaling: in.scaling, Epochs: in.epochs, WarmupEpochs: in.warmup,
		Batch: in.batch, Images: in.images,
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	rates := tree{}
	for _, step := range in.steps {
		rates[fmt.Sprint(step)] = s.At(step)
	}
	return tree{"warmup_steps": s.Warmup(), "total_steps": s.Total(), "peak_lr": s.Peak(), "lr_at_step": rates}, nil
}
