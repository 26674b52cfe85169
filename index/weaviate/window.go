package weaviate

import (
	"context"
	"sync"
)

// window bounds how many requests are on their way: at most `most`, half as many
// after each that the server was too busy for, one more after as many as fit that it
// answered (additive increase, multiplicative decrease, as TCP does).
type window struct {
	mu    sync.Mutex
	limit float64 // at least 1
	most  int
	busy  int
	turn  chan struct{} // closed when somebody may enter
}

func newWindow(most int) *window {
	return &window{limit: float64(most), most: most, turn: make(chan struct{})}
}

// enter waits until another request fits.
func (w *window) enter(ctx context.Context) error {
	for {
		w.mu.Lock()
		if w.busy < int(w.limit) {
			w.busy++
			w.mu.Unlock()
			return nil
		}
		turn := w.turn
		w.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// leave ends a request.
func (w *window) leave(answered bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	if answered {
		w.limit = min(w.limit+1/w.limit, float64(w.most))
	} else {
		w.limit = max(w.limit/2, 1)
	}
	close(w.turn)
	w.turn = make(chan struct{})
}
