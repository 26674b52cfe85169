// Package infer passes images through a compiled network, a batch at a time.
package infer

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Network is a function of rows of numbers that is compiled for so many at once.
type Network struct {
	In, Out int // values of a row, and of what it gives
	Batch   int // rows that pass at once; what is left of the last is padding
	Pass    func(out, in []float32) error
}

// BatchFor is the number of rows of the program that n rows pass, at most so many: a power of four, so
// that few programs are compiled and few rows are padding.
func BatchFor(n, most int) int {
	batch := 1
	for batch < min(n, most) {
		batch *= 4
	}
	return min(batch, most)
}

// Each calls visit with what the network gives for each of so many images, in order: for its views rows, [views, Out],
// which visit may change and which are valid until it returns; or with the error of one that cannot be written. write
// writes a row; it is called by several goroutines. Each ends with the first error of visit.
func (n Network) Each(ctx context.Context, images, views int, write func(dst []float32, row int) error, visit func(i int, h []float32, err error) error) error {
	input, out, faults := make([]float32, n.Batch*n.In), make([]float32, n.Batch*n.Out), make([]error, n.Batch)
	var image []float32 // the rows of an image so far, which may lie in several batches
	var fault error
	rows := images * views
	for at := 0; at < rows; at += n.Batch {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		count := min(n.Batch, rows-at)
		inParallel(count, func(i int) { faults[i] = write(input[i*n.In:(i+1)*n.In], at+i) })
		if err := n.Pass(out, input); err != nil {
			return err
		}
		for i, f := range faults[:count] {
			image, fault = append(image, out[i*n.Out:(i+1)*n.Out]...), cmp.Or(fault, f)
			if (at+i+1)%views > 0 {
				continue
			}
			if fault != nil {
				image = nil
			}
			if err := visit((at+i)/views, image, fault); err != nil {
				return err
			}
			image, fault = image[:0], nil
		}
	}
	return nil
}

// Rows returns what the network gives for rows that are ready, [len(rows), Out].
func (n Network) Rows(ctx context.Context, rows [][]float32) ([]float32, error) {
	input, h := make([]float32, n.Batch*n.In), make([]float32, n.Batch*n.Out)
	out := make([]float32, 0, len(rows)*n.Out)
	for some := range slices.Chunk(rows, n.Batch) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		for i, v := range some {
			if len(v) != n.In {
				return nil, fmt.Errorf("a row of %d values, the network takes %d: it was made ready for another network", len(v), n.In)
			}
			copy(input[i*n.In:(i+1)*n.In], v)
		}
		if err := n.Pass(h, input); err != nil {
			return nil, err
		}
		out = append(out, h[:len(some)*n.Out]...)
	}
	return out, nil
}

// reportEvery is the number of images between two reports of progress.
const reportEvery = 256

// Collect returns what each visits of so many images, in a row, or its first error. progress, if set, is told
// how many images are done.
func Collect(each func(visit func(i int, h []float32, err error) error) error, images, width int, progress func(done int)) ([]float32, error) {
	out := make([]float32, 0, images*width)
	err := each(func(i int, h []float32, err error) error {
		out = append(out, h...)
		if done := i + 1; err == nil && progress != nil && (done%reportEvery == 0 || done == images) {
			progress(done)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// inParallel calls f for 0 to n-1.
func inParallel(n int, f func(i int)) {
	var (
		next atomic.Int64
		wg   sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
