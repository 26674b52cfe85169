package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// errTwice is the fault of an image whose name stands for another one already.
var errTwice = errors.New("its name is there twice; the first one is read")

// entry is an image file of a source, still encoded.
type entry struct {
	name  string // printable, slash-separated
	path  string // of its file, "" if it has none of its own
	read  func() ([]byte, error)
	box   image.Rectangle // what is cut out of the image; empty for all of it
	fault error           // why it cannot be read, if that is known already
}

// inMemory is an entry whose file was read.
func inMemory(name string, file []byte) entry {
	return entry{name: name, read: func() ([]byte, error) { return file, nil }}
}

// collect decodes the files of a folder or an archive, in the order of their
// names; layout says where each belongs.
func collect(ctx context.Context, title string, entries []entry, o Options) (*Source, error) {
	entries = slices.DeleteFunc(entries, func(e entry) bool {
		return e.fault == nil && (isHidden(e.name) || !isImageName(e.name))
	})
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	var names []string
	for _, e := range entries {
		if e.fault == nil {
			names = append(names, e.name)
		}
	}
	if len(names) == 0 {
		return nil, noImages(entries)
	}
	laid := layout(names)
	places := make([]place, len(entries))
	for i, e := range entries {
		if e.fault == nil {
			places[i], laid = laid[0], laid[1:]
		}
	}
	return assemble(ctx, title, entries, places, classesOf(places), o)
}

// noImages is the error of a source without any.
func noImages(entries []entry) error {
	if len(entries) > 0 {
		return fmt.Errorf("no images in it, and %s cannot be read: %w", entries[0].name, entries[0].fault)
	}
	return fmt.Errorf("no images in it (%s)", strings.Join(imageSuffixes, ", "))
}

// assemble decodes entries into data sets, in their order; places say where
// each belongs, classes are all classes in label order.
func assemble(ctx context.Context, title string, entries []entry, places []place, classes []string, o Options) (*Source, error) {
	seen, labels := map[[2]string]bool{}, map[string]int{}
	for i, c := range classes {
		labels[c] = i
	}
	for i := range entries {
		e, id := &entries[i], [2]string{places[i].split, entries[i].name}
		switch {
		case e.fault != nil:
			continue
		case places[i].split == "":
			e.fault = errOutside
		case seen[id]:
			e.fault = errTwice
		}
		seen[id] = true
	}
	images, kinds, err := decodeAll(ctx, entries, o)
	if err != nil {
		return nil, err
	}
	s := &Source{Splits: map[string]Dataset{}, FileTypes: map[string]int{}}
	sets := map[string]*files{}
	for i, e := range entries {
		if e.fault != nil {
			s.Skipped = append(s.Skipped, Skipped{e.name, e.fault})
			continue
		}
		split := places[i].split
		m := sets[split]
		if m == nil {
			m = &files{Memory: Memory{Title: fmt.Sprintf("%s (%s)", title, split), Names: classes}, limits: o}
			sets[split], s.Splits[split] = m, m
		}
		label, found := labels[places[i].class]
		if !found {
			label = -1
		}
		if kinds[i] != "" {
			s.FileTypes[kinds[i]]++
		}
		if images[i].Pix != nil {
			e.read = nil // an encoded file in memory is needed no more
		}
		m.entries = append(m.entries, e)
		m.Images, m.Labels, m.IDs = append(m.Images, images[i]), append(m.Labels, label), append(m.IDs, e.name)
	}
	switch {
	case len(entries) == 0:
		return nil, noImages(nil)
	case len(sets) == 0:
		return nil, fmt.Errorf("none of its %d images can be read, the first is %s: %w", len(entries), s.Skipped[0].Name, s.Skipped[0].Err)
	}
	return s, nil
}

// decodeAll decodes the entries on all CPUs and sets their faults. With
// o.Strict it stops at the first: entries before it are decoded, so that it is
// the first in any case.
func decodeAll(ctx context.Context, entries []entry, o Options) (images []Image, kinds []string, err error) {
	images, kinds = make([]Image, len(entries)), make([]string, len(entries))
	if o.Unchecked {
		return images, kinds, firstFault(entries, o)
	}
	var next, used atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil && (o.CacheBytes > 0 || used.Load() <= o.MaxBytes) && !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(entries) {
					return
				}
				e := &entries[i]
				if e.fault == nil {
					images[i], kinds[i], e.fault = e.decode(o)
				}
				if n := int64(len(images[i].Pix)); used.Add(n) > o.CacheBytes && o.CacheBytes > 0 {
					used.Add(-n)
					images[i].Pix = nil
				}
				if e.fault != nil && o.Strict {
					stop.Store(true)
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if o.CacheBytes == 0 && used.Load() > o.MaxBytes {
		return nil, nil, o.tooLarge()
	}
	return images, kinds, firstFault(entries, o)
}

// firstFault is the error of the first entry that cannot be read, with o.Strict.
func firstFault(entries []entry, o Options) error {
	for _, e := range entries {
		if e.fault != nil && o.Strict {
			return fmt.Errorf("%s cannot be read: %w", e.name, e.fault)
		}
	}
	return nil
}

// decode reads and decodes the entry. A decoder that panics on a hostile file
// spoils that file alone.
func (e *entry) decode(o Options) (img Image, kind string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = broken(cmp.Or(kind, "image"), fmt.Errorf("%v", p))
		}
	}()
	file, err := e.read()
	if err != nil {
		return img, kind, reason(err)
	}
	img, kind, err = decode(file, o.MaxPixels)
	if err == nil && !e.box.Empty() {
		img, err = img.crop(e.box)
	}
	return img, kind, err
}
