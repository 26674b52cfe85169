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

// Schedule is the learning rate of every step: a linear warm-up, then a cosine
// down to 0 without restarts, as in SimCLR's code. With n images, batches of B
// images, E epochs and W warm-up epochs,
//
//	warm  = floor(W n / B)
//	total = floor(E n / B) + 1
//	step < warm:  lr = peak step / warm
//	otherwise:    lr = peak (1 + cos(π (step-warm) / (total-warm))) / 2
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

	// Batch is B, images per step (not views); Images is n, the images of an
	// epoch. The rest of the run's configuration knows them.
	Batch  int `yaml:"-"`
	Images int `yaml:"-"`
}

// Validate checks all fields, Batch and Images included.
func (s Schedule) Validate() error {
	errs := []error{
		positive("lr", s.LR),
		notNegative("warmup_epochs", s.WarmupEpochs),
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
	if total <= warm { // the warm-up is all there is
		return s.Peak()
	}
	progress := float64(min(step, total)-warm) / float64(total-warm)
	return s.Peak() * (1 + math.Cos(math.Pi*progress)) / 2
}
