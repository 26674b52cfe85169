package dataset

import (
	"context"
	"fmt"
	"maps"
	"path"
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

// splitFolders are the names of folders that are splits.
var splitFolders = map[string]string{"train": Train, "training": Train, "test": Test, "val": Test, "valid": Test, "validation": Test}

// collect decodes image files into data sets: a folder per class, within a
// folder per split where all files are in one. Files that are no folder deep
// have no class. Entries are taken in the order of their names.
func collect(ctx context.Context, title string, entries []entry, o Options) (*Source, error) {
	entries = slices.DeleteFunc(entries, func(e entry) bool { return !isImageName(e.name) })
	if len(entries) == 0 {
		return nil, fmt.Errorf("no images in it (%s)", strings.Join(imageSuffixes, ", "))
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	images, faults, err := decodeAll(ctx, entries, o)
	if err != nil {
		return nil, err
	}
	strip, split := layout(entries)
	s := &Source{Splits: map[string]Dataset{}}
	classes := map[string]int{} // label of each class
	for _, e := range entries {
		classes[path.Dir(strings.TrimPrefix(e.name, strip(e.name)))] = 0
	}
	delete(classes, ".")
	names := slices.Sorted(maps.Keys(classes))
	for i, n := range names {
		classes[n] = i
	}
	sets := map[string]*Memory{}
	for i, e := range entries {
		if faults[i] != nil {
			s.Skipped = append(s.Skipped, Skipped{e.name, faults[i]})
			continue
		}
		m := sets[split(e.name)]
		if m == nil {
			m = &Memory{Title: fmt.Sprintf("%s (%s)", title, split(e.name)), Names: names}
			sets[split(e.name)] = m
			s.Splits[split(e.name)] = m
		}
		label := -1
		if l, ok := classes[path.Dir(strings.TrimPrefix(e.name, strip(e.name)))]; ok && len(names) > 0 {
			label = l
		}
		m.Images, m.Labels, m.IDs = append(m.Images, images[i]), append(m.Labels, label), append(m.IDs, e.name)
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("none of its %d images can be read, the first is %s: %w", len(entries), s.Skipped[0].Name, s.Skipped[0].Err)
	}
	return s, nil
}

// layout finds the folders that all entries share and whether the next level
// is splits. strip is the part of a name before the class, split its split.
func layout(entries []entry) (strip, split func(name string) string) {
	prefix := ""
	for {
		first, _, ok := strings.Cut(entries[0].name[len(prefix):], "/")
		next := prefix + first + "/"
		if !ok || slices.ContainsFunc(entries, func(e entry) bool { return !strings.HasPrefix(e.name, next) }) {
			break
		}
		// A single folder of images is a class only if there are others beside it.
		prefix = next
	}
	splitOf := func(name string) string {
		folder, _, ok := strings.Cut(name[len(prefix):], "/")
		if !ok {
			return ""
		}
		return splitFolders[strings.ToLower(folder)]
	}
	if slices.ContainsFunc(entries, func(e entry) bool { return splitOf(e.name) == "" }) {
		return func(string) string { return prefix }, func(string) string { return All }
	}
	return func(name string) string {
		folder, _, _ := strings.Cut(name[len(prefix):], "/")
		return prefix + folder + "/"
	}, splitOf
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
		return nil, nil, fmt.Errorf("its decoded images need more than %d MiB of memory; take fewer or smaller images", o.MaxBytes>>20)
	}
	return images, faults, nil
}
