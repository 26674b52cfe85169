package serve

import (
	"context"
	"time"
)

// batcher joins what many goroutines ask for at the same time into few calls. A
// call takes all that was asked for while the one before it ran: nobody waits
// for company, and the busier the server, the larger its batches.
type batcher[In, Out any] struct {
	run     func(ctx context.Context, in []In) ([]Out, error)
	observe func(items int, took time.Duration)
	most    int // items of a call
	queue   chan job[In, Out]
	stop    chan struct{}
	stopped chan struct{}
}

// job is what one goroutine asks for.
type job[In, Out any] struct {
	ctx context.Context
	in  []In
	out chan result[Out] // has room for the answer: nobody need be there to take it
}

type result[Out any] struct {
	out []Out
	err error
}

// newBatcher starts a batcher whose calls have at most that many items. The
// caller closes it.
func newBatcher[In, Out any](most int, run func(context.Context, []In) ([]Out, error), observe func(int, time.Duration)) *batcher[In, Out] {
	b := &batcher[In, Out]{run, observe, most, make(chan job[In, Out], 1024), make(chan struct{}), make(chan struct{})}
	go b.loop()
	return b
}

// do runs the items, with others, and returns what became of each. There must be
// at most b.most.
func (b *batcher[In, Out]) do(ctx context.Context, in ...In) ([]Out, error) {
	j := job[In, Out]{ctx, in, make(chan result[Out], 1)}
	select {
	case b.queue <- j:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-b.stopped:
		return nil, errStopping
	}
	select {
	case r := <-j.out:
		return r.out, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-b.stopped:
		select {
		case r := <-j.out: // it was answered just before
			return r.out, r.err
		default:
			return nil, errStopping
		}
	}
}

// close runs what is queued and returns when that is done.
func (b *batcher[In, Out]) close() {
	close(b.stop)
	<-b.stopped
}

func (b *batcher[In, Out]) loop() {
	defer close(b.stopped)
	var held []job[In, Out] // the first of the next batch
	for {
		batch := held
		held = nil
		if len(batch) == 0 {
			select {
			case j := <-b.queue:
				batch = append(batch, j)
			case <-b.stop:
				select {
				case j := <-b.queue:
					batch = append(batch, j)
				default:
					return
				}
			}
		}
		items := len(batch[0].in)
	fill:
		for items < b.most {
			select {
			case j := <-b.queue:
				if items+len(j.in) > b.most {
					held = append(held, j)
					break fill
				}
				batch, items = append(batch, j), items+len(j.in)
			default:
				break fill
			}
		}
		b.serve(batch)
	}
}

// serve runs a batch without the jobs that nobody waits for any more.
func (b *batcher[In, Out]) serve(batch []job[In, Out]) {
	var in []In
	kept := batch[:0]
	for _, j := range batch {
		if j.ctx.Err() == nil {
			kept, in = append(kept, j), append(in, j.in...)
		}
	}
	if len(kept) == 0 {
		return
	}
	start := time.Now()
	// A client that leaves must not end the call of the others.
	out, err := b.run(context.WithoutCancel(kept[0].ctx), in)
	b.observe(len(in), time.Since(start))
	for _, j := range kept {
		r := result[Out]{err: err}
		if err == nil {
			r.out, out = out[:len(j.in)], out[len(j.in):]
		}
		j.out <- r
	}
}
