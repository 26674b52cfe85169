package train

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"alike/method"
	"alike/optimize"
)

// encoderPart chooses all tensors of the encoder, as headScope and lossScope do of their parts.
const encoderPart = "encoder"

// chooses says whether a pattern chooses the tensor of a dotted name: by its name
// ("conv1.weight"), by that of a module that it lies in ("layer1", "layer1.0.bn1"), by a
// part ("encoder", "head", "loss"), or by a glob over any of these ("layer[12]",
// "*.running_*"), whose * stands for dots too.
func chooses(pattern, name string) bool {
	if pattern == encoderPart {
		return isOfEncoder(name)
	}
	for at := 0; ; at++ {
		dot := strings.IndexByte(name[at:], '.')
		if dot < 0 {
			ok, _ := path.Match(pattern, name)
			return ok
		}
		at += dot
		if ok, _ := path.Match(pattern, name[:at]); ok {
			return true
		}
	}
}

// isOfEncoder says whether the tensor of a dotted name is the encoder's, which is at the root.
func isOfEncoder(name string) bool {
	part, _, _ := strings.Cut(name, ".")
	return !slices.Contains([]string{headScope, lossScope, strings.Trim(methodPath, "/"), strings.Trim(optimize.StatePath, "/")}, part)
}

// frozen says whether the tensor of a dotted name keeps the value that it begins with, or
// follows one that does.
func (c *Config) frozen(name string) bool {
	name = method.OnlineName(name)
	return slices.ContainsFunc(c.Freeze, func(pattern string) bool { return chooses(pattern, name) })
}

// scaleLR multiplies the learning rates of parameters by what the configuration says of
// them; several factors multiply.
func (c *Config) scaleLR(params []optimize.Param) {
	for i, p := range params {
		name, factor := dotted(p.Variable.Path()), 1.0
		if strings.HasPrefix(name, headScope+".") {
			factor = cmp.Or(c.Schedule.HeadLR, 1)
		}
		for _, pattern := range slices.Sorted(maps.Keys(c.LRScale)) {
			if chooses(pattern, name) {
				factor *= c.LRScale[pattern]
			}
		}
		params[i].LR = factor
	}
}

// validatePatterns checks what can be checked without the network's names.
func (c *Config) validatePatterns() error {
	var errs []error
	for _, pattern := range slices.Concat(c.Freeze, slices.Sorted(maps.Keys(c.LRScale))) {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			errs = append(errs, fmt.Errorf(`pattern %q: want a name ("layer1", "layer1.0.bn1.weight"), "encoder", "head", or a glob ("layer[12]", "*.running_*")`, pattern))
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(c.LRScale)) {
		if f := c.LRScale[pattern]; !(f > 0) || f > 1e6 {
			errs = append(errs, fmt.Errorf("lr_scale %s=%g: must be above 0; freeze keeps weights as they are", pattern, f))
		}
	}
	return errors.Join(errs...)
}

// checkPatterns names the first pattern that chooses no tensor of the network, and what is wrong
// if nothing is left to train.
func (c *Config) checkPatterns(store *model.Store, trained int) error {
	if trained == 0 {
		return fmt.Errorf("freeze %s: nothing is left to train; freeze less, or take a --head that learns", strings.Join(c.Freeze, ", "))
	}
	var names []string
	modules := map[string]bool{}
	for v := range store.IterVariables() {
		name := dotted(v.Path())
		names = append(names, name)
		if isOfEncoder(name) && v.Path() != model.RootScopePath+model.RNGStateVariableName {
			module, _, _ := strings.Cut(name, ".")
			modules[module] = true
		}
	}
	for _, pattern := range slices.Concat(c.Freeze, slices.Sorted(maps.Keys(c.LRScale))) {
		if !slices.ContainsFunc(names, func(name string) bool { return chooses(pattern, name) }) {
			return fmt.Errorf("pattern %q chooses no weight; the encoder's parts are %s, beside them is %s",
				pattern, strings.Join(slices.Sorted(maps.Keys(modules)), ", "), headScope)
		}
	}
	return nil
}

// dotted is the name of the variable at a path, as files have it.
func dotted(path string) string { return strings.ReplaceAll(path[1:], "/", ".") }
