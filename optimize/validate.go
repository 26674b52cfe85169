package optimize

import (
	"fmt"
	"math"
)

// The checks are written so that NaN fails too.

func fraction(name string, x float64) error {
	if !(x >= 0 && x < 1) {
		return fmt.Errorf("%s %g: must be at least 0 and below 1", name, x)
	}
	return nil
}

func notNegative(name string, x float64) error {
	if !(x >= 0) || math.IsInf(x, 1) {
		return fmt.Errorf("%s %g: must be a finite number, at least 0", name, x)
	}
	return nil
}

func positive(name string, x float64) error {
	if !(x > 0) || math.IsInf(x, 1) {
		return fmt.Errorf("%s %g: must be a finite number, > 0", name, x)
	}
	return nil
}
