package weaviate

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weaviate/weaviate/entities/models"

	"alike/index"
)

// Changes are what Hold did.
type Changes struct {
	Written int `json:"written"` // objects that were sent
	Deleted int `json:"deleted"`
}

// Batches have at most so many objects, and about so many values, some MB as JSON.
const (
	mostPerBatch = 256
	perBatch     = 1 << 17 // values
)

// Hold makes the collection hold the entries wanted, with the vectors of those rows, in place of
// those that it had: what is new or has changed is written, what is no longer wanted is deleted.
// When it returns without an error, most replicas have acknowledged all of it. It may be
// stopped, killed and called again at any time. progress is told how many are acknowledged.
func (c *Collection) Hold(ctx context.Context, had, want []index.Entry, vector func(row int) ([]float32, error), progress func(done int)) (Changes, error) {
	known := make(map[string]index.Entry, len(had))
	for _, e := range had {
		known[e.ID] = e
	}
	var rows []int
	wanted := make(map[string]bool, len(want))
	for row, e := range want {
		if wanted[e.ID] {
			return Changes{}, fmt.Errorf("two entries have the ID %q, want each once", e.ID)
		}
		wanted[e.ID] = true
		if known[e.ID] != e {
			rows = append(rows, row)
		}
	}
	var written, deleted atomic.Int64
	counted := counter(progress, len(want)-len(rows))
	size := min(mostPerBatch, max(1, perBatch/c.About.Dim))
	err := each(ctx, slices.Chunk(rows, size), func(ctx context.Context, batch []int) error {
		objects := make([]*models.Object, len(batch))
		for i, row := range batch {
			v, err := vector(row)
			if err != nil {
				return err
			}
			if len(v) != c.About.Dim {
				return fmt.Errorf("the vector of %s has %d values, want %d as the others of %s", want[row].ID, len(v), c.About.Dim, c.Address)
			}
			objects[i] = c.object(want[row], v)
		}
		if err := c.put(ctx, objects); err != nil {
			return err
		}
		written.Add(int64(len(batch)))
		counted(len(batch))
		return nil
	})
	if err == nil {
		gone := func(yield func(string) bool) {
			for _, e := range had {
				if !wanted[e.ID] && !yield(e.ID) {
					return
				}
			}
		}
		err = each(ctx, gone, func(ctx context.Context, id string) error {
			deleted.Add(1)
			return c.remove(ctx, id)
		})
	}
	return Changes{int(written.Load()), int(deleted.Load())}, err
}

// counter returns what tells progress, one call at a time, that n more are done.
func counter(progress func(done int), done int) func(n int) {
	var mu sync.Mutex
	return func(n int) {
		mu.Lock()
		defer mu.Unlock()
		if done += n; progress != nil {
			progress(done)
		}
	}
}

// CheckCount compares the number of objects with what is wanted: at least so many, or, if
// nobody else writes to the collection, exactly. A replica that lags behind is waited for.
func (c *Collection) CheckCount(ctx context.Context, want int, alone bool) error {
	p := c.transport.pause(c.transport.patience / 5)
	for {
		n, err := c.Count(ctx)
		if err != nil {
			return err
		}
		if n == want || n > want && !alone {
			return nil
		}
		if p.sleep(ctx, 0) != nil {
			return fmt.Errorf("%s holds %d objects, want %d; does something else write to it?", c.Address, n, want)
		}
	}
}
