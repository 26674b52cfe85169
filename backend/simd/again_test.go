package simd

import (
	"testing"

	"alike/internal/kernel/cpu"
)

// TestComputedAgain trains with and without computing outputs of blocks again, which changes
// no bit of a loss: of a step, or of one after the weights have moved.
func TestComputedAgain(t *testing.T) {
	if testing.Short() && cpu.Detect() == cpu.Generic {
		t.Skip("takes minutes in generic Go, whose graphs are the same")
	}
	kept := minAgain
	defer func() { minAgain = kept }()
	var losses [2][3]float32
	var passes [2]int
	for i := range losses {
		minAgain = 1 << (60 * i)
		b := open(t, "workers=2")
		step := trainer(t, b, "resnet18", 2)
		b.StartProfile()
		for s := range losses[i] {
			losses[i][s] = step()
		}
		for _, s := range b.Profile() {
			if s.Name == "batch norm + residual + ReLU" {
				passes[i] += s.Calls
			}
		}
	}
	if losses[0] != losses[1] {
		t.Errorf("losses %v, kept %v", losses[0], losses[1])
	}
	// of two blocks in each of four stages, the first
	if want := passes[1] + 4*len(losses[0]); passes[0] != want {
		t.Errorf("%d passes, want %d: %d where all is kept", passes[0], want, passes[1])
	}
}
