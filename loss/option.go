package loss

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// oneOf refuses a value that is none of names.
func oneOf(option, value string, names ...string) error {
	if slices.Contains(names, value) {
		return nil
	}
	return fmt.Errorf("%s %q: must be one of %s", option, value, strings.Join(names, ", "))
}

// above0 refuses a value that is not finite and > 0, NaN too.
func above0(option string, value float64) error {
	if value > 0 && !math.IsInf(value, 1) {
		return nil
	}
	return fmt.Errorf("%s %g: must be > 0", option, value)
}

// atLeast0 refuses a value that is not finite and ≥ 0, NaN too.
func atLeast0(option string, value float64) error {
	if value >= 0 && !math.IsInf(value, 1) {
		return nil
	}
	return fmt.Errorf("%s %g: must be at least 0", option, value)
}

// finite refuses NaN and infinities.
func finite(option string, value float64) error {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		return nil
	}
	return fmt.Errorf("%s %g: must be finite", option, value)
}
