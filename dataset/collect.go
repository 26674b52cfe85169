package dataset

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// entry is a file of a folder or an archive.
type entry struct {
	name string // slash-separated, relative
	read func() ([]byte, error)
}

// collect decodes image files into data sets; layout says where each belongs.
// Entries are taken in the order of their names.
func collect(ctx context.Context, title string, entries []entry, o Options) (*Source, error) {
	entries = slices.DeleteFunc(entries, func(e entry) bool { return isHidden(e.name) || !isImageName(e.name) })
	if len(entries) == 0 {
		return nil, fmt.Errorf("no images in it (%s)", strings.Join(imageSuffixes, ", "))
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	images, faults, err := decodeAll(ctx, entries, o)
	if err != nil {
		return nil, err
	}
	places := layout(entries)
	classes := classesOf(places)
	s := &Source{Splits: map[string]Dataset{}}
	sets := map[string]*Memory{}
	for i, e := range entries {
		split := places[i].split
		if split == "" {
			faults[i] = errOutside
		}
		if faults[i] != nil {
			s.Skipped = append(s.Skipped, Skipped{e.name, faults[i]})
			continue
		}
		m := sets[split]
		if m == nil {
			m = &Memory{Title: fmt.Sprintf("%s (%s)", title, split), Names: classes}
			sets[split], s.Splits[split] = m, m
		}
		label, found := slices.BinarySearch(classes, places[i].class)
		if !found {
			label = -1
		}
		m.Images, m.Labels, m.IDs = append(m.Images, images[i]), append(m.Labels, label), append(m.IDs, e.name)
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("none of its %d images can be read, the first is %s: %w", len(entries), s.Skipped[0].Name, s.Skipped[0].Err)
	}
	return s, nil
}

// decodeAll decodes the entries on all CPUs; faults are by entry.
func decodeAll(ctx context.Context, entries []entry, o Options) (images []Image, faults []error, err error) {
	images, faults = make([]Image, len(entries)), make([]error, len(entries))
	var next, used atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil && used.Load() <= o.MaxBytes {
				i := int(next.Add(1)) - 1
				if i >= len(entries) {
					return
				}
				file, err := entries[i].read()
				if err == nil {
					images[i], err = Decode(file, o.MaxPixels)
				}
				faults[i] = err
				used.Add(int64(len(images[i].Pix)))
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if used.Load() > o.MaxBytes {
		return nil, nil, o.tooLarge()
	}
	return images, faults, nil
}
