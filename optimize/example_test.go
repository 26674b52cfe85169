package optimize_test

import (
	"fmt"

	"alike/optimize"
)

// The authors' CIFAR-10 run: batches of 512 images, 1000 epochs.
func ExampleSchedule() {
	s := optimize.Schedule{
		LR: 1, Scaling: optimize.ScalingLinear, Epochs: 1000, WarmupEpochs: 10,
		Batch: 512, Images: 50_000,
	}
	fmt.Println("steps:", s.Total())
	fmt.Println("peak:", s.At(s.Warmup()))
	fmt.Printf("halfway: %.3f\n", s.At(s.Total()/2))
	// Output:
	// steps: 97657
	// peak: 2
	// halfway: 1.016
}
