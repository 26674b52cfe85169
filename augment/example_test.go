package augment_test

import (
	"fmt"

	"alike/augment"
	"alike/dataset"
	"alike/internal/rng"
)

// Two views of one image, as SimCLR trains on them.
func ExamplePipeline_View() {
	img := dataset.Image{Width: 2, Height: 2, Pix: []uint8{255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0}}
	const size, seed, epoch, position = 32, 1, 0, 0
	pipeline, err := augment.New(augment.SimCLR(size), size)
	if err != nil {
		fmt.Println(err)
		return
	}
	var scratch augment.Scratch
	stream := rng.New()
	view := make([]float32, size*size*3)
	for v := range uint64(2) {
		stream.Reset(rng.View, seed, epoch, position, v)
		pipeline.View(view, img, stream, &scratch)
		fmt.Printf("view %d: first pixel %.2f\n", v, view[:3])
	}
	// Output:
	// view 0: first pixel [0.52 0.06 0.33]
	// view 1: first pixel [0.23 0.23 0.23]
}
