// Package eval measures how good embeddings are. Metrics take plain features
// and know nothing of how they were learned; every score carries the protocol
// that it was measured by.
package eval

import (
	"errors"
	"fmt"
	"slices"

	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// Features are the embeddings of images, one a row, and where they come from.
type Features struct {
	N, D    int
	Data    []float32 // [N, D], row-major
	Labels  []int     // [N], the class of each row; nil if none has one
	IDs     []string  // [N], names of the images, or nil
	Classes []string  // names of the classes, in label order, or nil

	Layer string // what the rows are: "h", "z", "pixels"
	Set   Set    // the images
}

// Set says which images features were made from.
type Set struct {
	Data    string `json:"data" compare:"no"` // as the user named it; the hash is what counts
	Split   string `json:"split"`
	Classes string `json:"classes,omitempty" compare:"no"` // the rule that chose the classes; the hash is of those
	SHA256  string `json:"sha256"`
	// Excluded is the number of images that were left out on purpose, as those that
	// the bank holds too; the hash is of the others.
	Excluded int `json:"excluded,omitempty" compare:"no"`
	Images   int `json:"images"`
}

// Row returns row i, not a copy.
func (f *Features) Row(i int) []float32 { return f.Data[i*f.D : (i+1)*f.D] }

// rows are the embeddings as the kernels take them, not a copy.
func (f *Features) rows() nearest.Rows { return nearest.Rows{N: f.N, D: f.D, Data: f.Data} }

// Normalize divides the rows by their lengths, in place; rows of zeros stay. Metrics of
// cosines do so on a copy, and need none of features that are normalised.
func (f *Features) Normalize() {
	p := pool.New(0)
	defer p.Close()
	nearest.Normalize(p, f.rows())
}

// Retain keeps the given rows, rising, and forgets the others, in place.
func (f *Features) Retain(rows []int) {
	for to, i := range rows {
		copy(f.Row(to), f.Row(i))
		if f.Labels != nil {
			f.Labels[to] = f.Labels[i]
		}
		if f.IDs != nil {
			f.IDs[to] = f.IDs[i]
		}
	}
	f.N = len(rows)
	f.Data = f.Data[:f.N*f.D]
	f.Labels, f.IDs = f.Labels[:min(f.N, len(f.Labels))], f.IDs[:min(f.N, len(f.IDs))]
}

// Select returns the given rows, copied.
func (f *Features) Select(rows []int) *Features {
	s := *f
	s.N = len(rows)
	s.Data, s.Labels, s.IDs = make([]float32, 0, len(rows)*f.D), nil, nil
	for _, i := range rows {
		s.Data = append(s.Data, f.Row(i)...)
		if f.Labels != nil {
			s.Labels = append(s.Labels, f.Labels[i])
		}
		if f.IDs != nil {
			s.IDs = append(s.IDs, f.IDs[i])
		}
	}
	return &s
}

// Validate checks that the parts fit each other and that every value is finite.
func (f *Features) Validate() error {
	switch {
	case f.N < 1 || f.D < 1:
		return fmt.Errorf("features of %d images with %d values each: need at least one of each", f.N, f.D)
	case len(f.Data) != f.N*f.D:
		return fmt.Errorf("features hold %d values, want %d images x %d", len(f.Data), f.N, f.D)
	case f.Labels != nil && len(f.Labels) != f.N:
		return fmt.Errorf("features have %d labels for %d images", len(f.Labels), f.N)
	case f.IDs != nil && len(f.IDs) != f.N:
		return fmt.Errorf("features have %d ids for %d images", len(f.IDs), f.N)
	}
	for i, v := range f.Data {
		if v-v != 0 { // NaN or infinite
			return fmt.Errorf("the embedding of %s holds %g; the network that made it has diverged", f.name(i/f.D), v)
		}
	}
	return nil
}

// name says which image row i is.
func (f *Features) name(i int) string {
	if f.IDs != nil {
		return fmt.Sprintf("image %d (%s)", i, f.IDs[i])
	}
	return fmt.Sprintf("image %d", i)
}

// checkPair returns the number of classes of a bank that labels queries, or
// says why it cannot.
func checkPair(bank, queries *Features) (classes int, err error) {
	if err := errors.Join(wrap("bank", bank.Validate()), wrap("queries", queries.Validate())); err != nil {
		return 0, err
	}
	if bank.D != queries.D {
		return 0, fmt.Errorf("the bank's features have %d values an image, the queries' %d: they come from different models or layers", bank.D, queries.D)
	}
	if bank.Classes != nil && queries.Classes != nil && !slices.Equal(bank.Classes, queries.Classes) {
		return 0, fmt.Errorf("the classes of the bank and of the queries differ: %s and %s", few(bank.Classes), few(queries.Classes))
	}
	for _, f := range []*Features{bank, queries} {
		if f.Labels == nil {
			return 0, fmt.Errorf("the images of %s have no labels, and scores need them", f.Set.Data)
		}
		for i, l := range f.Labels {
			if l < 0 || bank.Classes != nil && l >= len(bank.Classes) {
				return 0, fmt.Errorf("%s of %s has label %d, want one in [0, %d)", f.name(i), f.Set.Data, l, max(len(bank.Classes), classes))
			}
			classes = max(classes, l+1)
		}
	}
	return max(classes, len(bank.Classes)), nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// few spells out a list's beginning.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return fmt.Sprintf("%q", names)
	}
	return fmt.Sprintf("%q and %d more", names[:most], len(names)-most)
}
