package optimize

import (
	"errors"
	"fmt"
	"math"
)

// The values of Schedule.Scaling.
const (
	ScalingLinear = "linear"
	ScalingSqrt   = "sqrt"
	ScalingNone   = "none"
)

// The values of Schedule.Decay.
const (
	DecayCosine   = "cosine"
	DecaySteps    = "steps"
	DecayConstant = "constant"
)

// Schedule is the learning rate of every step: a linear warm-up, then a cosine
// down to 0 without restarts, as in SimCLR's code, or steps as in ISIF's and
// ICE's. With n images, batches of B images, E epochs and W warm-up epochs,
//
//	warm  = floor(W n / B)
//	total = floor(E n / B) + 1
//	step < warm:  lr = peak step / warm
//	cosine:       lr = peak (1 + cos(π (step-warm) / (total-warm))) / 2
//	steps:        lr = peak factor, of the last milestone with floor(epoch n / B) ≤ step
//	constant:     lr = peak
//
// so that step 0, the first update, has rate 0 where there is a warm-up.
type Schedule struct {
	// LR is the learning rate before scaling; SimCLR's is 0.3 with linear and
	// 0.075 with square root scaling.
	LR float64 `yaml:"lr"`
	// Scaling makes the peak rate from LR: "linear" LR B/256, "sqrt" LR √B, better
	// for small batches and few epochs, "none" LR.
	Scaling string `yaml:"scaling"`
	// Epochs is E, passes over the images; 0 is no training at all.
	Epochs float64 `yaml:"epochs"`
	// WarmupEpochs is W; 10 in the paper.
	WarmupEpochs float64 `yaml:"warmup_epochs"`
	// Decay is what follows the warm-up: "cosine", which "" stands for too, as
	// runs from before there was a choice have it; "steps" or "constant".
	Decay string `yaml:"decay"`
	// Milestones are where the rate of "steps" changes, in ascending order; ISIF's
	// are {120, 0.1}, {160, 0.05} and {200, 0.01}. One beyond the run's end is
	// never reached.
	Milestones []Milestone `yaml:"milestones"`
	// HeadLR multiplies the rate for the head's parameters; 10 in ICE, for a new
	// layer on a trained encoder. 0 stands for 1.
	HeadLR float64 `yaml:"head_lr"`

	// Batch is B, images per step (not views); Images is n, the images of an
	// epoch. The rest of the run's configuration knows them.
	Batch  int `yaml:"-"`
	Images int `yaml:"-"`
}

// Milestone is a change of the rate.
type Milestone struct {
	// Epoch is when, in epochs from the beginning of the run.
	Epoch float64 `yaml:"epoch"`
	// Factor is the rate from then on as a share of the peak, not of the rate before.
	Factor float64 `yaml:"factor"`
}

// Validate checks all fields, Batch and Images included.
func (s Schedule) Validate() error {
	errs := []error{
		positive("lr", s.LR),
		notNegative("warmup_epochs", s.WarmupEpochs),
		notNegative("head_lr", s.HeadLR),
		s.validateDecay(),
	}
	if !(s.Epochs >= 0 && s.Epochs <= 1e9) {
		errs = append(errs, fmt.Errorf("epochs %g: must be 0 to 1e9", s.Epochs))
	}
	if s.Scaling != ScalingLinear && s.Scaling != ScalingSqrt && s.Scaling != ScalingNone {
		errs = append(errs, fmt.Errorf("scaling %q: must be %s, %s or %s", s.Scaling, ScalingLinear, ScalingSqrt, ScalingNone))
	}
	if s.Batch < 1 {
		errs = append(errs, fmt.Errorf("batch of %d images: must be at least 1", s.Batch))
	}
	if s.Images < 1 {
		errs = append(errs, fmt.Errorf("%d images to train on: must be at least 1", s.Images))
	}
	return errors.Join(errs...)
}

func (s Schedule) validateDecay() error {
	var errs []error
	switch s.Decay {
	case "", DecayCosine, DecayConstant:
		if len(s.Milestones) > 0 {
			errs = append(errs, fmt.Errorf("milestones: are for decay %s, not %q", DecaySteps, s.Decay))
		}
	case DecaySteps:
		if len(s.Milestones) == 0 {
			errs = append(errs, fmt.Errorf("decay %s: needs milestones, such as [{epoch: 120, factor: 0.1}]", DecaySteps))
		}
	default:
		errs = append(errs, fmt.Errorf("decay %q: must be %s, %s or %s", s.Decay, DecayCosine, DecaySteps, DecayConstant))
	}
	last := 0.0
	for i, m := range s.Milestones {
		if !(m.Epoch > last) || math.IsInf(m.Epoch, 1) {
			errs = append(errs, fmt.Errorf("milestones: epoch %g: must come after %g", m.Epoch, last))
		}
		if err := positive("factor", m.Factor); err != nil {
			errs = append(errs, fmt.Errorf("milestones: %d: %w", i+1, err))
		}
		last = m.Epoch
	}
	return errors.Join(errs...)
}

// Peak is the rate at the end of the warm-up.
func (s Schedule) Peak() float64 {
	switch s.Scaling {
	case ScalingLinear:
		return s.LR * float64(s.Batch) / 256
	case ScalingSqrt:
		return s.LR * math.Sqrt(float64(s.Batch))
	default:
		return s.LR
	}
}

// Warmup is the number of warm-up steps.
func (s Schedule) Warmup() int { return s.steps(s.WarmupEpochs) }

// Total is the number of steps of the run.
func (s Schedule) Total() int {
	if s.Epochs == 0 {
		return 0
	}
	return s.steps(s.Epochs) + 1
}

func (s Schedule) steps(epochs float64) int {
	return int(math.Floor(epochs * float64(s.Images) / float64(s.Batch)))
}

// At returns the learning rate of a step in [0, Total()), counted from 0.
func (s Schedule) At(step int) float64 {
	warm, total := s.Warmup(), s.Total()
	if step < warm {
		return float64(step) / float64(warm) * s.Peak()
	}
	switch s.Decay {
	case DecaySteps:
		return s.Peak() * s.factor(step)
	case DecayConstant:
		return s.Peak()
	}
	if total <= warm { // the warm-up is all there is
		return s.Peak()
	}
	progress := float64(min(step, total)-warm) / float64(total-warm)
	return s.Peak() * (1 + math.Cos(math.Pi*progress)) / 2
}

// factor is that of the last milestone which the step has reached.
func (s Schedule) factor(step int) float64 {
	factor := 1.0
	for _, m := range s.Milestones {
		if step >= s.steps(m.Epoch) {
			factor = m.Factor
		}
	}
	return factor
}
