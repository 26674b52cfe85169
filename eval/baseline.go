package eval

import (
	"context"
	"math"

	"alike/augment"
	"alike/dataset"
)

// Pixels are the images themselves as features, on the heap, as Room.Pixels makes them.
func Pixels(ctx context.Context, images dataset.Dataset, size int) (*Features, error) {
	return Room(nil).Pixels(ctx, images, size)
}

// pixels fills row i.
func (f *Features) pixels(ctx context.Context, images dataset.Dataset, i, size int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	img, err := images.Image(i)
	if err != nil {
		return err
	}
	row, sum := f.Row(i), 0.0
	augment.Evaluate(row, img, size)
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	if sum > 0 { // not all black
		for k, v := range row {
			row[k] = float32(float64(v) / math.Sqrt(sum))
		}
	}
	return nil
}

// Chance returns the accuracy on the queries of always answering the class
// that is most frequent in the bank, the lower one of equals: 1/C where classes
// are equally frequent. It is what an embedding that knows nothing reaches.
func Chance(bank, queries *Features) (float64, error) {
	classes, err := checkPair(bank, queries)
	if err != nil {
		return 0, err
	}
	counts := make([]int, classes)
	for _, l := range bank.Labels {
		counts[l]++
	}
	guess := 0
	for class, n := range counts {
		if n > counts[guess] {
			guess = class
		}
	}
	hits := 0
	for _, l := range queries.Labels {
		if l == guess {
			hits++
		}
	}
	return float64(hits) / float64(queries.N), nil
}
