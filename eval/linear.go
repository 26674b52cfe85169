package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"alike/internal/kernel/pool"
	"alike/internal/rng"
)

// Linear is the linear probe: multinomial logistic regression on frozen, cached
// features, fitted by L-BFGS, as in SimCLR's transfer experiments (appendix
// B.8.1). The features are standardised: each value minus its mean over the bank,
// divided by its standard deviation there. With x_i the standardised features and
// y_i the class,
//
//	L(W, b) = 1/N Σ_i ( ln Σ_c exp(w_c·x_i + b_c) - (w_{y_i}·x_i + b_{y_i}) ) + λ/2 Σ W²
//
// λ is chosen by accuracy on a held-out part of the bank; then W and b are fitted
// anew to the whole bank. There is no augmentation: the probe of the paper's tables
// trains on random crops and flips and comes out somewhat higher.
type Linear struct {
	// L2 are the strengths λ to choose from, the strongest first; of equally good
	// ones the stronger is chosen.
	L2 []float64
	// HeldOut is the share of the bank that chooses λ, in (0, 1).
	HeldOut float64
	// MaxIterations limits each fit.
	MaxIterations int
	// Seed chooses the held-out images.
	Seed uint64
	// Room is where the copy of the bank's features goes.
	Room Room
}

// DefaultLinear returns the probe with seven strengths, from 1 to 1e-6.
func DefaultLinear() Linear {
	return Linear{L2: []float64{1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6}, HeldOut: 0.1, MaxIterations: 300, Seed: 1}
}

// Validate checks all fields.
func (m Linear) Validate() error {
	var errs []error
	if len(m.L2) == 0 {
		errs = append(errs, errors.New("l2: need at least one strength"))
	}
	for _, l2 := range m.L2 {
		if !(l2 >= 0) || math.IsInf(l2, 0) {
			errs = append(errs, fmt.Errorf("l2 %g: must be a number >= 0", l2))
		}
	}
	if !(m.HeldOut > 0 && m.HeldOut < 1) {
		errs = append(errs, fmt.Errorf("held_out %g: must be between 0 and 1", m.HeldOut))
	}
	if m.MaxIterations < 1 {
		errs = append(errs, fmt.Errorf("max_iterations %d: must be at least 1", m.MaxIterations))
	}
	return errors.Join(errs...)
}

// Probe says how a linear probe was fitted.
type Probe struct {
	TrainAccuracy float64 `json:"train_accuracy"` // on the bank
	L2            float64 `json:"l2"`             // the strength that was chosen
	Iterations    int     `json:"iterations"`     // of the last fit
}

// Score fits the probe to the bank and returns its accuracy on the queries,
// with its protocol. The caller adds the subject. It works on a copy of the bank's
// features, beside which memory is that of 60 times the weights; the time is that of
// some hundred passes over the bank.
func (m Linear) Score(ctx context.Context, bank, queries *Features) (Score, error) {
	classes, err := checkPair(bank, queries)
	if err := errors.Join(m.Validate(), err); err != nil {
		return Score{}, fmt.Errorf("linear probe: %w", err)
	}
	if bank == queries {
		return Score{}, errors.New("linear probe: bank and queries are the same images; it needs a train and a test split")
	}
	p := pool.New(0)
	defer p.Close()
	probe, err := m.fit(ctx, p, bank, classes)
	if err != nil {
		return Score{}, fmt.Errorf("linear probe: %w", err)
	}

	s := Score{Metric: "linear_accuracy", Protocol: protocol(bank, queries, classes), Probe: &probe.Probe}
	s.Protocol.Normalisation = "standardised by the bank"
	s.Protocol.Variant = "multinomial logistic regression on cached features without augmentation"
	s.Protocol.L2, s.Protocol.HeldOut = m.L2, m.HeldOut
	s.Protocol.MaxIterations, s.Protocol.Seed = m.MaxIterations, m.Seed
	if probe.Iterations >= m.MaxIterations {
		s.Notes = append(s.Notes, fmt.Sprintf("the fit stopped at its limit of %d iterations", m.MaxIterations))
	}
	s.Accuracy(predict(p, queries, probe.scale, probe.w, classes), queries.Labels)
	return s, nil
}

// fitted is a probe that was fitted to a bank.
type fitted struct {
	Probe
	scale *scaler
	w     []float64 // as in logistic
}

func (m Linear) fit(ctx context.Context, p *pool.Pool, bank *Features, classes int) (f fitted, err error) {
	held := int(m.HeldOut * float64(bank.N))
	if held < 1 || held == bank.N {
		return f, fmt.Errorf("cannot hold out %g of %d images to choose the regularisation", m.HeldOut, bank.N)
	}
	f.scale = newScaler(bank)
	x, err := f.scale.apply(bank, rng.New(rng.Split, m.Seed).Perm(bank.N), m.Room) // the held-out images first
	if err != nil {
		return f, err
	}
	f.L2, f.w, err = m.choose(ctx, p, x.part(held, x.N), x.part(0, held), classes)
	if err != nil {
		return f, err
	}
	f.w, f.Iterations, err = newLogistic(p, x, classes, f.L2).fit(ctx, f.w, m.MaxIterations)
	if err != nil {
		return f, err
	}
	f.TrainAccuracy = float64(hits(predict(p, x, nil, f.w, classes), x.Labels)) / float64(bank.N)
	return f, nil
}

// part are the rows from, ..., to-1, not a copy.
func (f *Features) part(from, to int) *Features {
	return &Features{N: to - from, D: f.D, Data: f.Data[from*f.D : to*f.D], Labels: f.Labels[from:to]}
}

// choose returns the strength whose fit to train is most accurate on heldOut,
// and that fit, to start the next one from.
func (m Linear) choose(ctx context.Context, p *pool.Pool, train, heldOut *Features, classes int) (best float64, fit []float64, err error) {
	most := -1
	w := make([]float64, classes*(train.D+1))
	objective := newLogistic(p, train, classes, 0)
	for _, l2 := range m.L2 {
		objective.l2, objective.at = l2, nil
		w, _, err = objective.fit(ctx, w, m.MaxIterations)
		if err != nil {
			return 0, nil, err
		}
		if n := hits(predict(p, heldOut, nil, w, classes), heldOut.Labels); n > most {
			most, best, fit = n, l2, w
		}
	}
	return best, fit, nil
}

// scaler standardises features; a nil one leaves them as they are.
type scaler struct{ mean, inverse []float64 }

// newScaler measures the mean and the standard deviation of each value. One that
// is the same in all images stays what it is, less its mean.
func newScaler(f *Features) *scaler {
	s := &scaler{make([]float64, f.D), make([]float64, f.D)}
	for i := range f.N {
		for k, v := range f.Row(i) {
			s.mean[k] += float64(v) / float64(f.N)
		}
	}
	for i := range f.N {
		for k, v := range f.Row(i) {
			d := float64(v) - s.mean[k]
			s.inverse[k] += d * d / float64(f.N)
		}
	}
	for k, variance := range s.inverse {
		s.inverse[k] = 1
		if deviation := math.Sqrt(variance); deviation > 1e-7*math.Abs(s.mean[k]) {
			s.inverse[k] = 1 / deviation
		}
	}
	return s
}

// apply returns standardised features in another order, with their labels.
func (s *scaler) apply(f *Features, order []int, room Room) (*Features, error) {
	data, err := room.make(len(f.Data))
	if err != nil {
		return nil, err
	}
	x := &Features{N: f.N, D: f.D, Data: data, Labels: make([]int, f.N)}
	for to, i := range order {
		s.row(x.Row(to), f.Row(i))
		x.Labels[to] = f.Labels[i]
	}
	return x, nil
}

// row standardises a row.
func (s *scaler) row(to, from []float32) {
	for k, v := range from {
		to[k] = float32((float64(v) - s.mean[k]) * s.inverse[k])
	}
}
