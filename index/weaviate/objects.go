package weaviate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-openapi/strfmt"
	"github.com/google/uuid"
	"github.com/weaviate/weaviate-go-client/v5/weaviate/data/replication"
	"github.com/weaviate/weaviate/entities/models"

	"alike/index"
)

// namespace is that of the objects' UUIDs.
var namespace = uuid.MustParse("6a1c6b5c-3f5e-4b0e-9f0b-0d3c1c5a7e11")

// uuidOf is an object's UUID. It depends on the ID alone, so what is sent twice is there once, and a
// changed image takes the place of what it was.
func uuidOf(id string) string { return uuid.NewSHA1(namespace, []byte(id)).String() }

// quorum is what reads and writes ask of the replicas: most of them, so that what is
// acknowledged outlives any one node and is found by any read.
var quorum = replication.ConsistencyLevel.QUORUM

func (c *Collection) object(e index.Entry, vector []float32) *models.Object {
	p := map[string]any{propertyID: e.ID}
	for name, value := range map[string]string{propertyPath: e.Path, propertyLabel: e.Class, propertyHash: e.Hash} {
		if value != "" {
			p[name] = value
		}
	}
	return &models.Object{Class: c.Address.Collection, ID: strfmt.UUID(uuidOf(e.ID)), Properties: p, Vector: vector}
}

func entryOf(o *models.Object) index.Entry {
	p, _ := o.Properties.(map[string]any)
	text := func(name string) string {
		s, _ := p[name].(string)
		return s
	}
	return index.Entry{ID: text(propertyID), Class: text(propertyLabel), Path: text(propertyPath), Hash: text(propertyHash)}
}

// perPage is the number of objects that are listed at once.
const perPage = 1000

// Entries are what the objects are of, in the order of their UUIDs. They are read from one
// replica: a node that was away may not know all yet, and what it lacks is sent again.
func (c *Collection) Entries(ctx context.Context) ([]index.Entry, error) {
	var entries []index.Entry
	after := ""
	for {
		page := c.client.Data().ObjectsGetter().WithClassName(c.Address.Collection).WithLimit(perPage)
		if after != "" {
			page = page.WithAfter(after)
		}
		objects, err := page.Do(ctx)
		if err != nil {
			return nil, c.explain(err)
		}
		for _, o := range objects {
			entries = append(entries, entryOf(o))
			after = string(o.ID)
		}
		if len(objects) < perPage {
			return entries, nil
		}
	}
}

// ErrNoObject is the error of an ID that the collection does not hold.
var ErrNoObject = errors.New("it is not there")

// Get returns the object of an ID with its vector, as most replicas have it.
func (c *Collection) Get(ctx context.Context, id string) (e index.Entry, vector []float32, err error) {
	objects, err := c.client.Data().ObjectsGetter().WithClassName(c.Address.Collection).WithID(uuidOf(id)).WithVector().WithConsistencyLevel(quorum).Do(ctx)
	if status(err) == http.StatusNotFound {
		return e, nil, fmt.Errorf("%s: object %s: %w", c.Address, id, ErrNoObject)
	}
	if err != nil {
		return e, nil, c.explain(err)
	}
	return entryOf(objects[0]), objects[0].Vector, nil
}

// put writes objects, and returns when most replicas have acknowledged each of them. Objects
// that a server could not write are sent again, as requests are, for a fifth of the time.
func (c *Collection) put(ctx context.Context, objects []*models.Object) error {
	p := c.transport.pause(c.transport.patience / 5)
	for {
		results, err := c.client.Batch().ObjectsBatcher().WithObjects(objects...).WithConsistencyLevel(quorum).Do(ctx)
		if err != nil {
			return c.explain(err)
		}
		failed, why := unwritten(objects, results)
		if len(failed) == 0 {
			return nil
		}
		if err := p.sleep(ctx, 0); err != nil {
			if errors.Is(err, errNoPatience) {
				err = fmt.Errorf("%s did not take %d of %d objects; the first is %s: %s", c.Address, len(failed), len(objects), entryOf(failed[0]).ID, why)
			}
			return err
		}
		objects = failed
	}
}

// unwritten are the objects whose success is not said, and why the first failed.
func unwritten(objects []*models.Object, results []models.ObjectsGetResponse) (failed []*models.Object, why string) {
	written := map[strfmt.UUID]bool{}
	for _, r := range results {
		if r.Result != nil && r.Result.Status != nil && *r.Result.Status == models.ObjectsGetResponseAO2ResultStatusSUCCESS {
			written[r.ID] = true
		} else if r.Result != nil && r.Result.Errors != nil && len(r.Result.Errors.Error) > 0 && why == "" {
			why = r.Result.Errors.Error[0].Message
		}
	}
	for _, o := range objects {
		if !written[o.ID] {
			failed = append(failed, o)
		}
	}
	return failed, why
}

// remove removes the object of an ID, there or not.
func (c *Collection) remove(ctx context.Context, id string) error {
	err := c.client.Data().Deleter().WithClassName(c.Address.Collection).WithID(uuidOf(id)).WithConsistencyLevel(quorum).Do(ctx)
	if status(err) == http.StatusNotFound {
		return nil
	}
	return c.explain(err)
}

// each calls do for all items, some at a time, until one fails.
func each[T any](ctx context.Context, items func(yield func(T) bool), do func(context.Context, T) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	queue := make(chan T)
	var workers sync.WaitGroup
	for range mostAtOnce {
		workers.Go(func() {
			for item := range queue {
				if err := do(ctx, item); err != nil {
					stop(err)
				}
			}
		})
	}
	items(func(item T) bool {
		select {
		case queue <- item:
			return true
		case <-ctx.Done():
			return false
		}
	})
	close(queue)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
