package embed

import (
	"context"

	"alike/index"
	"alike/index/weaviate"
)

// connect returns the collection of a job.
func (j Job) connect() (*weaviate.Collection, error) {
	a, err := weaviate.ParseAddress(j.Out)
	if err != nil {
		return nil, err
	}
	return weaviate.Connect(a, j.Token)
}

// readCollection lists what the collection holds of the job's shard. Vectors are
// fetched one by one: only an image that has moved needs its own.
func readCollection(ctx context.Context, j Job) (*stored, error) {
	c, err := j.connect()
	if err != nil {
		return nil, err
	}
	if found, err := c.Find(ctx); err != nil || !found {
		return nil, err
	}
	all, err := c.Entries(ctx)
	if err != nil {
		return nil, err
	}
	var entries []index.Entry
	for _, e := range all {
		if j.Has(e.ID) {
			entries = append(entries, e)
		}
	}
	row := func(i int) ([]float32, error) {
		_, v, err := c.Get(ctx, entries[i].ID)
		return v, err
	}
	return &stored{c.About, 0, entries, row, func() error { return nil }}, nil
}

// writeCollection brings the collection to what it is to hold of the shard.
func writeCollection(ctx context.Context, r *work) error {
	c, err := r.connect()
	if err != nil {
		return err
	}
	if err := c.Create(ctx, r.About, r.Replicas); err != nil {
		return err
	}
	var had []index.Entry
	if r.Former {
		had = r.old.entries
	}
	if _, err := c.Hold(ctx, had, r.entries, r.vector, nil); err != nil {
		return err
	}
	return c.CheckCount(ctx, len(r.entries), r.Of <= 1)
}
