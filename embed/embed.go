// Package embed writes the embeddings of data sets to disk: once, however often it is
// killed, and again only for images that have changed.
package embed

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"alike/dataset"
	"alike/index"
	"alike/index/weaviate"
)

// Job is what to embed, by what, and where to.
type Job struct {
	Data dataset.Dataset // best opened with Unchecked: each image is decoded once, and only if it is embedded
	// About says what the vectors are: Dim, Layer, Normalized, Size, Model, Data and CreatedBy.
	About index.About
	Views int // vectors of each image beside the one that evaluation sees; only where Output.Views says so
	// Each embeds images, in order, as [1+Views, Dim]; see train.Model.EmbedEach.
	Each func(ctx context.Context, data dataset.Dataset, visit func(i int, h []float32, err error) error) error
	Out  string // an Output says which form it has
	Shard
	Token    string // of a Remote output's server, if it demands one
	Replicas int    // that a Remote output keeps of each object, 0 for what its server does by itself

	Strict   bool    // the first image that cannot be read is an error
	MaxBad   float64 // share of images that may be skipped
	Progress func(done int)
}

// Result is what a Job did.
type Result struct {
	Images    int               // that are in the output
	Embedded  int               // that passed the network now
	Resumed   int               // whose vectors a stopped job had left
	Unchanged int               // whose vectors were in the output already
	Added     []string          // IDs that the former output lacked; nil if there was none
	Changed   []string          // IDs whose images changed
	Vanished  []string          // IDs that are no longer in the data
	Skipped   []dataset.Skipped // images that cannot be read
	Former    bool              // there was a former output
	Written   bool              // false if nothing had changed
	Ignored   string            // why the former output could not be built on, if so
}

// Run embeds the images of the shard and writes the output, in the order of the data.
//
// A vector is found again by the content of its image: in the former output, if that
// was made by the same weights, and in what a stopped job left beside it,
// OUT.partial, to which every batch is written when it is done. So a killed job costs
// one batch, images that were moved cost nothing, and the output does not depend on
// what happened on the way: it has the same bytes. A Remote output is brought from what it
// holds to what it is to hold; what a job for it has embedded is kept in the working
// directory.
func (j Job) Run(ctx context.Context) (Result, error) {
	out, err := OutputOf(j.Out)
	if err != nil {
		return Result{}, err
	}
	if !out.Remote {
		j.Out = filepath.Clean(j.Out) // "x/" is "x", also where ".partial" is added
	}
	r := &work{Job: j, known: map[hash]place{}}
	old, err := out.read(ctx, j)
	switch {
	case err != nil && out.Remote:
		return r.Result, err
	case err != nil:
		r.Ignored = err.Error()
	case old != nil:
		defer old.close()
		if why := difference(j, old); why != "" {
			if out.Remote {
				return r.Result, fmt.Errorf("%s holds other vectors: %s; name another collection, or delete that one", j.Out, why)
			}
			r.Ignored = why
		} else {
			r.Former, r.old = true, old
			r.learnOld()
		}
	}
	log, err := openJournal(j.partial(), j.identity(), j.width(), func(h hash, at int64) {
		if _, ok := r.known[h]; !ok {
			r.known[h] = place{at: at, resumed: true}
		}
	})
	if err != nil {
		return r.Result, err
	}
	defer log.close()
	r.log = log
	if err := r.embed(ctx); err != nil {
		return r.Result, err
	}
	if r.Images == 0 {
		return r.Result, fmt.Errorf("%s: none of its images is left to write", j.Data.Name())
	}
	if r.Former && (slices.Equal(r.entries, r.old.entries) || out.Remote && r.allThere()) {
		return r.Result, log.remove()
	}
	r.Written = true
	r.About.Count, r.About.Data.SHA256 = len(r.entries), index.DataSHA256(r.entries)
	if err := out.write(ctx, r); err != nil {
		return r.Result, err
	}
	return r.Result, log.remove()
}

// partial is the file of what a stopped job has embedded.
func (j Job) partial() string {
	if a, err := weaviate.ParseAddress(j.Out); err == nil {
		name := a.Collection
		if j.Of > 1 {
			name = fmt.Sprintf("%s.%d-of-%d", name, j.Number, j.Of)
		}
		return name + ".weaviate.partial"
	}
	return j.Out + ".partial"
}

// width is the number of values of an image.
func (j Job) width() int { return (1 + j.Views) * j.About.Dim }

// work is a Job on its way.
type work struct {
	Job
	Result
	old     *stored
	known   map[hash]place
	log     *journal
	entries []index.Entry
	former  map[string]index.Entry // the former output by ID
	done    int
}

// place is where a vector is: a row of the former output, or, from an offset on, in the
// journal, where a stopped job left it or this one wrote it.
type place struct {
	row     int
	at      int64 // 0 for the former output: the journal begins with a header
	resumed bool
}

func (r *work) learnOld() {
	r.former = make(map[string]index.Entry, len(r.old.entries))
	for i, e := range r.old.entries {
		r.former[e.ID] = e
		if h, err := parseHash(e.Hash); err == nil {
			r.known[h] = place{row: i}
		}
	}
}

// perBatch is the number of images between two writes to the journal.
const perBatch = 256

// embed embeds what is not known, batch by batch.
func (r *work) embed(ctx context.Context) error {
	total := 0
	var batch []int
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := r.embedBatch(ctx, batch)
		r.done += len(batch)
		batch = batch[:0]
		if r.Progress != nil {
			r.Progress(r.done)
		}
		return err
	}
	for i := range r.Data.Len() {
		if !r.Has(r.Data.ID(i)) {
			continue
		}
		total++
		if batch = append(batch, i); len(batch) == perBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if bad := len(r.Skipped); bad > 1 && float64(bad) > r.MaxBad*float64(total) {
		return fmt.Errorf("%d of %d images cannot be read, more than %g %%; the first is %s: %w; repair or remove them, or allow more with --max-bad",
			bad, total, 100*r.MaxBad, r.Skipped[0].Name, r.Skipped[0].Err)
	}
	r.compare()
	return r.log.sync()
}

// embedBatch adds the images with these indices to the entries.
func (r *work) embedBatch(ctx context.Context, images []int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	hashes, faults := r.hashes(images)
	var todo []int // places in images
	for i, h := range hashes {
		p, ok := r.known[h]
		switch {
		case faults[i] != nil:
		case !ok:
			r.known[h] = place{at: -1} // to be embedded; its twins in the batch need not be
			todo = append(todo, i)
		case p.at == 0:
			r.Unchanged++
		case p.resumed:
			r.Resumed++
		}
	}
	if err := r.compute(ctx, images, hashes, faults, todo); err != nil {
		return err
	}
	for i, image := range images {
		if faults[i] == nil {
			r.entries = append(r.entries, r.entry(image, hashes[i]))
		} else if r.Strict {
			return fmt.Errorf("%s: image %s cannot be read: %w", r.Data.Name(), r.Data.ID(image), faults[i])
		} else {
			r.Skipped = append(r.Skipped, dataset.Skipped{Name: r.Data.ID(image), Err: faults[i]})
		}
	}
	r.Images = len(r.entries)
	return nil
}

// compute embeds those of the images that are to do, and notes the faults of what cannot be read.
func (r *work) compute(ctx context.Context, images []int, hashes []hash, faults []error, todo []int) error {
	if len(todo) == 0 {
		return nil
	}
	wanted := make([]int, len(todo))
	for k, i := range todo {
		wanted[k] = images[i]
	}
	var batch record
	bad := map[hash]error{}
	err := r.Each(ctx, dataset.Subset(r.Data, r.Data.Name(), wanted), func(k int, vector []float32, err error) error {
		h := hashes[todo[k]]
		if err != nil {
			bad[h] = err
			delete(r.known, h)
			return nil
		}
		if r.About.Normalized {
			for view := range slices.Chunk(vector, r.About.Dim) {
				if err := index.Normalize(view); err != nil {
					return fmt.Errorf("%s: the embedding of image %s %w; the network has diverged", r.Data.Name(), r.Data.ID(wanted[k]), err)
				}
			}
		}
		batch.add(h, vector)
		return nil
	})
	if err != nil {
		return err
	}
	for i, h := range hashes {
		if err := bad[h]; err != nil && faults[i] == nil {
			faults[i] = err
		}
	}
	at, err := r.log.append(&batch)
	for i, h := range batch.hashes {
		r.known[h] = place{at: at + int64(4*r.width()*i)}
	}
	r.Embedded += len(batch.hashes)
	return err
}

// entry says what the vector of an image is of.
func (r *work) entry(image int, h hash) index.Entry {
	e := index.Entry{ID: r.Data.ID(image), Path: dataset.Path(r.Data, image), Hash: h.String()}
	if classes, l := r.Data.Classes(), r.Data.Label(image); l >= 0 && l < len(classes) {
		e.Class = classes[l]
	}
	return e
}

// hashes are the content hashes of images, by all CPUs.
func (r *work) hashes(images []int) ([]hash, []error) {
	hashes, faults := make([]hash, len(images)), make([]error, len(images))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(images); i = int(next.Add(1)) - 1 {
				text, err := dataset.ContentHash(r.Data, images[i])
				if err == nil {
					hashes[i], err = parseHash(text)
				}
				faults[i] = err
			}
		})
	}
	wg.Wait()
	return hashes, faults
}

// compare says what is new, what has changed and what has vanished.
func (r *work) compare() {
	if !r.Former {
		return
	}
	now := make(map[string]bool, len(r.entries))
	for _, e := range r.entries {
		now[e.ID] = true
		switch was, ok := r.former[e.ID]; {
		case !ok:
			r.Added = append(r.Added, e.ID)
		case was.Hash != e.Hash:
			r.Changed = append(r.Changed, e.ID)
		}
	}
	for _, e := range r.old.entries {
		if !now[e.ID] {
			r.Vanished = append(r.Vanished, e.ID)
		}
	}
}

// allThere tells whether the former output holds the entries and no others, in any order.
func (r *work) allThere() bool {
	return len(r.entries) == len(r.former) && !slices.ContainsFunc(r.entries, func(e index.Entry) bool { return r.former[e.ID] != e })
}

// rows are the entries and their vectors, in the order of the data.
func (r *work) rows(visit func(index.Entry, []float32) error) error {
	for i, e := range r.entries {
		vector, err := r.vector(i)
		if err != nil {
			return err
		}
		if err := visit(e, vector); err != nil {
			return err
		}
	}
	return nil
}

// vector is that of entry i, a copy.
func (r *work) vector(i int) ([]float32, error) {
	h, err := parseHash(r.entries[i].Hash)
	if err != nil {
		return nil, err
	}
	if p := r.known[h]; p.at == 0 {
		v, err := r.old.row(p.row)
		return slices.Clone(v), err
	} else {
		v := make([]float32, r.width())
		return v, r.log.read(p.at, v)
	}
}
