package augment

import (
	"math"

	"alike/internal/rng"
)

// Sobel replaces the view, with probability P, by how steep it is: in each channel
//
//	√(gx² + gy²) / 4, clipped to 1
//
// with gx and gy the differences of Sobel's operator, rows 1 2 1, across and down.
// An edge from 0 to 1 that runs across or down becomes 1. Pixels beyond the border
// repeat the border's. One of the transformations of SimCLR's ablation (figures 4 and
// 5), whose settings were never released: form and probability are ours.
type Sobel struct {
	P float64 `yaml:"p"`
}

func init() {
	Augmentations.Add("sobel", "steepness of each channel by Sobel's operator with probability 0.5", func() Step { return &Sobel{P: 0.5} })
}

// Validate implements Step.
func (o *Sobel) Validate() error { return checkProbability(o.P) }

func (*Sobel) name() string { return "sobel" }

func (o *Sobel) numbers(x []float64) error { return set(x, "one, its probability", &o.P) }

func (o *Sobel) draw(_, _ int, s *rng.Stream) draw { return draw{happens: happens(s, o.P)} }

func (*Sobel) mirrors() bool { return true }

func (*Sobel) apply(view Planes, size int, _ *draw, buf *Scratch) {
	buf.spare = grow(buf.spare, size*size)
	for _, plane := range view {
		copy(buf.spare, plane)
		row := func(y int) []float32 { return buf.spare[clamp(y, 0, size-1)*size:][:size] }
		for y := range size {
			above, here, below := row(y-1), row(y), row(y+1)
			for x := range size {
				l, r := max(x-1, 0), min(x+1, size-1)
				gx := (above[r] - above[l]) + (below[r] - below[l]) + float32(2*(here[r]-here[l]))
				gy := (below[l] - above[l]) + (below[r] - above[r]) + float32(2*(below[x]-above[x]))
				steepness := float32(math.Sqrt(float64(float32(gx*gx) + float32(gy*gy))))
				plane[y*size+x] = min(steepness/4, 1)
			}
		}
	}
}
