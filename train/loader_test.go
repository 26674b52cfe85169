package train

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// TestALoaderStopsWhenItSays: nothing is read any more, though batches were ready that nobody took.
func TestALoaderStopsWhenItSays(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "run"))
	l, err := r.Config.newLoader(images)
	if err != nil {
		t.Fatal(err)
	}
	var placed atomic.Int32
	place := placer(engine(t, ""), &r.Config)
	l.place = func(b batch) (inputs, error) {
		placed.Add(1)
		return place(b)
	}
	stop := l.start(t.Context(), 0, 1000)
	if _, ok := l.next(); !ok {
		t.Fatal("there is no batch")
	}
	for len(l.ready) < cap(l.ready) {
		time.Sleep(time.Millisecond)
	}
	stop()
	n := placed.Load()
	if _, ok := l.next(); ok {
		t.Error("a batch is left")
	}
	if time.Sleep(50 * time.Millisecond); placed.Load() != n {
		t.Errorf("%d batches were made after the stop", placed.Load()-n)
	}
}
