package method

import (
	"fmt"
	"math"
)

// between checks a share of a whole, 1 excluded.
func between(name string, x float64) error {
	if !(x >= 0 && x < 1) {
		return fmt.Errorf("%s %g: must be at least 0 and below 1", name, x)
	}
	return nil
}

// above0 is written so that NaN fails too.
func above0(name string, x float64) error {
	if !(x > 0) || math.IsInf(x, 0) {
		return fmt.Errorf("%s %g: must be > 0", name, x)
	}
	return nil
}

func atLeast1(name string, n int) error {
	if n < 1 {
		return fmt.Errorf("%s %d: must be at least 1", name, n)
	}
	return nil
}

func atLeast0(name string, x float64) error {
	if !(x >= 0) || math.IsInf(x, 0) {
		return fmt.Errorf("%s %g: must be at least 0", name, x)
	}
	return nil
}
