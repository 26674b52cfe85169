// Package doctor looks for what is wrong with a data set: images that cannot be
// read, classes that are too small, images unlike the others, and copies, exact or
// nearly so, above all those that put an image of a test into the training.
package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"alike/dataset"
	"alike/internal/kernel/pool"
)

// Findings are what Check found.
type Findings struct {
	Images       map[string]int `json:"images"` // of each split, that can be read
	Classes      int            `json:"classes"`
	BadFiles     []Bad          `json:"bad_files"`
	SmallClasses []SmallClass   `json:"small_classes"`
	Outliers     []Outlier      `json:"outliers"`
	Duplicates   []Duplicate    `json:"duplicates"` // the exact ones first, then by falling correlation
	// Leaked are the images of evaluation splits that a training split holds too,
	// exactly or nearly.
	Leaked  []Ref   `json:"leaked"`
	Seconds float64 `json:"seconds"`
}

// Ref names an image.
type Ref struct {
	Split string `json:"split"`
	ID    string `json:"id"`
	Class string `json:"class,omitempty"`

	Index int `json:"-"` // in the split
}

// Bad is what could not be read.
type Bad struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// picture is what the doctor knows of an image.
type picture struct {
	Ref
	label       int
	sum         [sha256.Size]byte // of its size and pixels
	fingerprint *fingerprint      // nil if it is blank
	traits
}

// Training says whether images of the split are learned from.
func Training(split string) bool {
	return split == dataset.Train || split == dataset.Unlabeled || split == dataset.All
}

// Check looks at every image of a source. Files that the source skipped are bad
// ones, and so is an image that cannot be read now; that none can is an error.
// progress is told how many of the images are read, in one call at a time. Images that
// cannot be read count nowhere else. Each image is read once, so the source is best
// opened with Unchecked. Memory is 1.5 KB an image, time
// is O(n²), but 10 s for 60,000 images of 32 x 32 pixels on two cores.
func Check(ctx context.Context, s *dataset.Source, progress func(done int)) (*Findings, error) {
	began := time.Now()
	f := &Findings{Images: map[string]int{}, BadFiles: []Bad{}}
	for _, skipped := range slices.Concat(s.Skipped, s.Missing) {
		f.BadFiles = append(f.BadFiles, Bad{skipped.Name, skipped.Err.Error()})
	}
	images, err := f.look(ctx, s, progress)
	if err != nil {
		return nil, err
	}
	f.SmallClasses = smallClasses(s, images)
	f.Outliers = outliers(images)
	f.Duplicates, f.Leaked, err = duplicates(ctx, images)
	f.Seconds = time.Since(began).Seconds()
	return f, err
}

// look reads the images, those of training splits first.
func (f *Findings) look(ctx context.Context, s *dataset.Source, progress func(done int)) ([]*picture, error) {
	p := pool.New(0)
	defer p.Close()
	var mu sync.Mutex
	done := 0
	var all []*picture
	total := 0
	for _, split := range splits(s) {
		d := s.Splits[split]
		f.Classes, total = max(f.Classes, len(d.Classes())), total+d.Len()
		images, errs := make([]*picture, d.Len()), make([]error, d.Len())
		p.Run(d.Len(), func(i int) {
			if ctx.Err() == nil {
				images[i], errs[i] = newPicture(d, split, i)
				mu.Lock()
				defer mu.Unlock()
				done++
				progress(done)
			}
		})
		for i, err := range errs {
			if err != nil {
				f.BadFiles = append(f.BadFiles, Bad{d.ID(i), err.Error()})
				continue
			}
			all = append(all, images[i])
			f.Images[split]++
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case len(all) == 0 && total > 0:
		return nil, fmt.Errorf("%s: none of its %d images can be read, the first is %s: %s", s.Spec, total, f.BadFiles[0].Name, f.BadFiles[0].Reason)
	case len(all) == 0:
		return nil, errors.New("there are no images to check")
	}
	return all, nil
}

// splits are the names of the splits, those of training first.
func splits(s *dataset.Source) []string {
	return slices.SortedStableFunc(maps.Keys(s.Splits), func(a, b string) int {
		if Training(a) != Training(b) {
			if Training(a) {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}

func newPicture(d dataset.Dataset, split string, i int) (*picture, error) {
	m, err := d.Image(i)
	if err != nil {
		return nil, err
	}
	img := &picture{Ref: Ref{Split: split, ID: d.ID(i), Index: i}, label: d.Label(i), sum: sumOf(m), traits: traitsOf(m)}
	if img.label >= 0 {
		img.Class = d.Classes()[img.label]
	}
	if !img.blank() {
		img.fingerprint = newFingerprint(m, img.deviation)
	}
	return img, nil
}

// sumOf is the hash of an image's size and pixels.
func sumOf(m dataset.Image) (sum [sha256.Size]byte) {
	h := sha256.New()
	var size [16]byte
	binary.LittleEndian.PutUint64(size[:8], uint64(m.Width))
	binary.LittleEndian.PutUint64(size[8:], uint64(m.Height))
	h.Write(size[:])
	h.Write(m.Pix)
	h.Sum(sum[:0])
	return sum
}

// Method says how Check looks for copies, in sentences.
func Method() []string {
	return []string{
		"Exact copies have the same size and the same pixels, whatever their files.",
		fmt.Sprintf("Near copies are sought among all pairs of images, upright and mirrored: of each image a thumbnail of %d x %d gray pixels is made, and a perceptual hash of it, the signs of %d coefficients of its cosine transform. Pairs whose hashes differ in at most %d bits are looked at again: the thumbnails, moved against each other by up to %d pixels, must correlate by %g and their details by %g, and the colours must fit: in an %d x %d grid they may differ by %d of 255 on average and by %d besides, unless one of the two is gray.", side, side, hashBits, maxDistance, maxShift, minCorrelation, minDetail, cells, cells, maxCast, maxChange),
		"So copies that were scaled, saved anew, moved by a little, mirrored, made gray, or made brighter or darker are found; copies that were turned, cut out of a larger image or moved by more than a sixteenth are not. Different pictures of the same thing from the same place may be taken for copies.",
	}
}
