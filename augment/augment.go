// Package augment turns an image into views: random crop, flip, colour jitter, gray
// and blur, as SimCLR (Chen et al. 2020) trains on them, and the fixed view that
// evaluation uses.
//
// A view is a pure function of the image, the Config, the size and the random
// stream, the same bits at every level of vector instructions. Values are float32 in [0,1]; no mean is subtracted and nothing is divided
// by a standard deviation. Each step is one file that holds its parameters, their
// defaults, its draws and its arithmetic; Pipeline joins them.
package augment

import (
	"errors"
	"fmt"

	"alike/internal/kernel/cpu"
	"alike/internal/registry"
)

// Augmentations are the steps of a pipeline by name, each with the parameters of
// SimCLR on ImageNet.
var Augmentations = registry.Registry[registry.Validator]{Kind: "augmentation"}

// level is what this CPU's kernels may use. All levels give the same bits.
var level = cpu.Detect()

// Planes is an image as three planes of equal length: red, green and blue.
type Planes [3][]float32

// Config says how views are made. The steps run in the order of the fields.
type Config struct {
	Crop   Crop   `yaml:"crop"`
	Flip   Flip   `yaml:"flip"`
	Jitter Jitter `yaml:"jitter"`
	Gray   Gray   `yaml:"gray"`
	Blur   Blur   `yaml:"blur"`
}

// SmallSide is the largest side, in pixels, of images that get the recipe for
// CIFAR-10; larger ones get the one for ImageNet.
const SmallSide = 32

// SimCLR is the recipe of Chen et al. 2020 (appendix A and B.9) for views of side
// pixels: the one for CIFAR-10, with half the colour strength and without blur, up
// to SmallSide, above it the one for ImageNet.
func SimCLR(side int) Config {
	c := Config{Crop: defaultCrop(), Flip: Flip{P: 0.5}, Jitter: defaultJitter(1), Gray: Gray{P: 0.2}, Blur: defaultBlur()}
	if side <= SmallSide {
		c.Jitter = defaultJitter(0.5)
		c.Blur.P = 0
	}
	return c
}

// ISIF is the recipe of Ye et al. 2019 for CIFAR-10 and STL-10, in the authors'
// code: smaller crops are left out, colours always vary, the hue widely. The code
// flips last, which changes nothing.
func ISIF() Config {
	c := Config{Crop: defaultCrop(), Flip: Flip{P: 0.5}, Jitter: defaultJitter(1), Gray: Gray{P: 0.2}, Blur: defaultBlur()}
	c.Crop.Area = [2]float64{0.2, 1}
	c.Jitter.P, c.Jitter.Brightness, c.Jitter.Contrast, c.Jitter.Saturation, c.Jitter.Hue = 1, 0.4, 0.4, 0.4, 0.4
	c.Blur.P = 0
	return c
}

// MetricLearning is crop and flip alone, with crops of half the image's side and
// more, as the authors of ICE trained its sister, the Ranked List Loss.
func MetricLearning() Config {
	c := Config{Crop: defaultCrop(), Flip: Flip{P: 0.5}, Jitter: defaultJitter(1), Gray: Gray{P: 0}, Blur: defaultBlur()}
	c.Crop.Area = [2]float64{0.25, 1}
	c.Jitter.P, c.Blur.P = 0, 0
	return c
}

// Validate returns all faults of the configuration, each with its step's name.
func (c Config) Validate() error {
	var errs []error
	check := func(step string, v registry.Validator) {
		if err := v.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", step, err))
		}
	}
	check("crop", c.Crop)
	check("flip", c.Flip)
	check("jitter", c.Jitter)
	check("gray", c.Gray)
	check("blur", c.Blur)
	return errors.Join(errs...)
}

// checkProbability is the fault of a probability p, if any.
func checkProbability(p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("p %g: must be a probability, in [0, 1]", p)
	}
	return nil
}
