// Package augment turns an image into views: the augmentations of SimCLR (Chen et al.
// 2020), ICE and ISIF, those that ablations need, and the fixed view that evaluation
// uses.
//
// A view is a pure function of the image, the Config, the size and the random
// stream, the same bits at every level of vector instructions. Values are float32 in
// [0,1]; no mean is subtracted and nothing is divided by a standard deviation. Each
// step is one file that holds its parameters, their defaults, its draws and its
// arithmetic; a Config lists the steps of a view, and Pipeline runs them.
package augment

import (
	"errors"
	"fmt"

	"alike/internal/kernel/cpu"
	"alike/internal/registry"
	"alike/internal/rng"
)

// Step is one operation on the way to a view, with its parameters. The types of this
// package are its implementations.
type Step interface {
	Validate() error

	// name is what the step is registered as.
	name() string

	// numbers sets the parameters that are written without their names, as in
	// crop(0.08, 1). Its error says which are wanted.
	numbers(x []float64) error

	// draw draws what is random about the step: of the first one for an image of w by
	// h pixels, of the others for a view.
	draw(w, h int, s *rng.Stream) draw
}

// cutter is a step that makes a view out of an image: the first, and only that.
type cutter interface {
	Step
	filter() Filter
}

// change is a step from view to view.
type change interface {
	Step

	// apply changes the view of size by size pixels as d says.
	apply(view Planes, size int, d *draw, buf *Scratch)

	// mirrors reports whether a view may as well be mirrored before as after.
	mirrors() bool
}

// draw is what was drawn for one step of one view.
type draw struct {
	happens bool
	rect    Rect       // crop, resize, cutout
	amount  float64    // standard deviation, angle
	jitter  jitterDraw // jitter
	seed    uint64     // noise
}

// Augmentations are the steps by name, each with its published parameters: SimCLR's
// on ImageNet where it has the step.
var Augmentations = registry.Registry[Step]{Kind: "augmentation"}

// level is what this CPU's kernels may use. All levels give the same bits.
var level = cpu.Detect()

// Planes is an image as three planes of equal length: red, green and blue.
type Planes [3][]float32

// Config says how views are made: steps, in the order in which they run. The first is
// a crop or a resize, which gives the view its size. A step may occur twice, with
// draws of its own.
type Config []Step

// SmallSide is the largest side, in pixels, of images that get the recipe for
// CIFAR-10; larger ones get the one for ImageNet.
const SmallSide = 32

// SimCLR is the recipe of Chen et al. 2020 (appendix A and B.9) for views of side
// pixels: the one for CIFAR-10, with half the colour strength and without blur, up
// to SmallSide, above it the one for ImageNet.
func SimCLR(side int) Config {
	strength, blur := 1.0, defaultBlur()
	if side <= SmallSide {
		strength, blur.P = 0.5, 0
	}
	return Config{defaultCrop(), &Flip{P: 0.5}, defaultJitter(strength), &Gray{P: 0.2}, blur}
}

// CropFlip is the recipe of SimCLR's linear evaluation and fine-tuning: crops and
// flips, without changes of colour.
func CropFlip() Config { return Config{defaultCrop(), &Flip{P: 0.5}} }

// ISIF is the recipe of Ye et al. 2019 for CIFAR-10 and STL-10, from their code: crops
// of a fifth of the area and more, colours always jittered, the flip last.
func ISIF(_ int) Config {
	crop := defaultCrop()
	crop.Area[0] = 0.2
	jitter := &Jitter{P: 1, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Hue: 0.4, Form: "torchvision"}
	return Config{crop, jitter, &Gray{P: 0.2}, &Flip{P: 0.5}}
}

// MetricLearning is the recipe of ICE (Wang et al. 2020, from the code of its
// authors' next paper): of the image squeezed to a square a crop of half to the whole
// side, ratio 3/4 to 4/3, and a flip; colours stay.
func MetricLearning(_ int) Config {
	crop := defaultCrop()
	crop.Sampler, crop.Square = "side", true
	crop.Area[0] = 0.25
	return Config{crop, &Flip{P: 0.5}}
}

// Validate returns all faults of the configuration, each with its step's name.
func (c Config) Validate() error {
	if len(c) == 0 {
		return errors.New("views: no steps: want crop or resize, then any others")
	}
	var errs []error
	for i, step := range c {
		_, cuts := step.(cutter)
		switch {
		case i == 0 && !cuts:
			errs = append(errs, fmt.Errorf("views: %s comes first: want crop or resize, which gives the view its size", step.name()))
		case i > 0 && cuts:
			errs = append(errs, fmt.Errorf("views: %s is step %d: want it first and only there", step.name(), i+1))
		}
		if err := step.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("views: %s: %w", step.name(), err))
		}
	}
	return errors.Join(errs...)
}

// checkProbability is the fault of a probability p, if any.
func checkProbability(p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("p %g: must be a probability, in [0, 1]", p)
	}
	return nil
}

// checkRange is the fault of a smallest and a largest value within [least, most].
func checkRange(what string, x [2]float64, least, most float64) error {
	if !(x[0] >= least && x[0] <= x[1] && x[1] <= most) {
		return fmt.Errorf("%s %g: want the smallest and the largest, in [%g, %g]", what, x, least, most)
	}
	return nil
}

// set stores the numbers x in fields, one each.
func set(x []float64, want string, fields ...*float64) error {
	if len(x) != len(fields) {
		return errors.New("want " + want)
	}
	for i, f := range fields {
		*f = x[i]
	}
	return nil
}
