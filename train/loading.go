package train

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"alike/dataset"
	"alike/sampler"
)

// Loading is how views are made while the trainer computes. Weights do not depend on it.
type Loading struct {
	Workers int // goroutines that make views
	Ahead   int // batches that are ready before the trainer asks for them
}

// defaultLoading is what a loader does that was not measured.
func defaultLoading() Loading { return Loading{Workers: runtime.GOMAXPROCS(0), Ahead: 2} }

const (
	triedImages  = 64  // whose views are timed
	spareWorkers = 1.5 // how much faster than the trainer the workers are to be
	mostAhead    = 8   // batches, which are memory
)

// choose returns what a trainer of such steps needs: workers that make its batches half as
// fast again as it takes them, and so many batches ahead that the slowest of the images
// that were timed is not waited for. why says so.
func choose(times []time.Duration, images int, step time.Duration, cpus int) (l Loading, why string) {
	trainer, worker, slowest := float64(images)/step.Seconds(), rate(times), slices.Max(times)
	l = Loading{
		Workers: workers(trainer, worker, cpus),
		Ahead:   min(max(1+int(math.Ceil(float64(slowest)/float64(step))), 2), mostAhead),
	}
	return l, fmt.Sprintf("%d workers, %d batches ahead: one makes the views of %.0f images/s, the trainer takes %.0f, the slowest image took %s",
		l.Workers, l.Ahead, worker, trainer, slowest.Round(10*time.Microsecond))
}

// ViewRate is how many images a second one worker makes the views of, as a run of this
// configuration would on these images: timed on the first of them.
func (c *Config) ViewRate(data dataset.Dataset) (float64, error) {
	l, err := c.newLoader(data)
	if err != nil {
		return 0, err
	}
	times, err := l.measure(0)
	if err != nil || len(times) == 0 {
		return 0, err
	}
	return rate(times), nil
}

// rate is how many images a second took such times each.
func rate(times []time.Duration) float64 {
	var sum time.Duration
	for _, t := range times {
		sum += t
	}
	return float64(len(times)) / max(sum, 1).Seconds()
}

// WorkersFor is how many workers a run takes whose trainer uses images at one rate, where one
// worker makes the views of them at another.
func WorkersFor(trainer, worker float64) int { return workers(trainer, worker, runtime.GOMAXPROCS(0)) }

func workers(trainer, worker float64, cpus int) int {
	return int(min(max(math.Ceil(spareWorkers*trainer/worker), 1), float64(cpus)))
}

// measure times one worker on the first images of the step, after one to warm up.
func (l *loader) measure(step int) ([]time.Duration, error) {
	draws := l.draws.Batch(step, make([]sampler.Draw, l.images))
	few := *l // a whole batch of large images is gigabytes
	few.images = min(1+triedImages, l.images)
	b, w := few.newBatch(), newWorker()
	var times []time.Duration
	for i, d := range draws[:few.images] {
		start := time.Now()
		if err := few.fillImage(b, i, d, w); err != nil {
			return nil, err
		}
		times = append(times, time.Since(start))
	}
	return times[1:], nil
}
