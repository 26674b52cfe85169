package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// The names of splits.
const (
	Train = "train"
	Test  = "test"
	Val   = "val" // only beside Test
	All   = "all" // of a source that is not split
)

// Options bound what opening a source may cost. The zero value is the defaults.
type Options struct {
	Strict    bool  // a broken image is an error, not skipped
	MaxBytes  int64 // of decoded images in memory; 0 is 8 GiB
	MaxPixels int   // of one image; 0 is 64 million
}

// tooLarge says that a source exceeds o.MaxBytes.
func (o Options) tooLarge() error {
	return fmt.Errorf("its images need more than %d MiB of memory; take fewer or smaller ones", o.MaxBytes>>20)
}

// Skipped is an image that could not be read.
type Skipped struct {
	Name string
	Err  error
}

// Source is what a SPEC names: one data set for each split.
type Source struct {
	Spec, Format string
	Classes      string // the rule of OfClasses, "" for all classes
	Splits       map[string]Dataset
	Skipped      []Skipped
}

// Format reads one kind of source.
type Format struct {
	// Summary is one line for lists.
	Summary string
	// Detect says whether path looks like this format; nil if it has to be named.
	Detect func(path string) bool
	// Open reads it. What is before the colon of a SPEC is cut off.
	Open func(ctx context.Context, path string, o Options) (*Source, error)
}

// FormatRegistry holds formats by name.
type FormatRegistry map[string]Format

// Formats are the registered formats. They are tried in the order of their names.
var Formats = FormatRegistry{}

// Add registers a format. It panics on a duplicate and is called from init.
func (r FormatRegistry) Add(name string, f Format) {
	if _, ok := r[name]; ok {
		panic(fmt.Sprintf("format %q is registered twice", name))
	}
	r[name] = f
}

// Names returns the registered names in alphabetical order.
func (r FormatRegistry) Names() []string { return slices.Sorted(maps.Keys(r)) }

// Summary returns the line that describes a format.
func (r FormatRegistry) Summary(name string) string { return r[name].Summary }

// Open reads the images that a SPEC names: a path whose format is recognised,
// or FORMAT:PATH. Broken images are skipped and listed, unless o.Strict is set.
func Open(ctx context.Context, spec string, o Options) (*Source, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 8 << 30
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = 64_000_000
	}
	name, path, err := recognise(spec)
	if err != nil {
		return nil, err
	}
	s, err := Formats[name].Open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec, err)
	}
	s.Spec, s.Format = spec, name
	if o.Strict && len(s.Skipped) > 0 {
		return nil, fmt.Errorf("%s: %d images cannot be read, the first is %s: %w", spec, len(s.Skipped), s.Skipped[0].Name, s.Skipped[0].Err)
	}
	return s, nil
}

// recognise returns the format of a SPEC and what that format is to open.
func recognise(spec string) (name, path string, err error) {
	if prefix, rest, ok := strings.Cut(spec, ":"); ok {
		if _, ok := Formats[prefix]; ok {
			return prefix, rest, nil
		}
	}
	if spec == "" {
		return "", "", fmt.Errorf("no data named; a SPEC is a folder, an archive, FORMAT:PATH or builtin:sprites")
	}
	if _, err := os.Stat(spec); errors.Is(err, fs.ErrNotExist) {
		if prefix, _, ok := strings.Cut(spec, ":"); ok && !strings.ContainsAny(prefix, `/\`) {
			return "", "", fmt.Errorf("data %s: %q is no known format and there is no such file or folder; have %s (%w)", spec, prefix, strings.Join(Formats.Names(), ", "), fs.ErrNotExist)
		}
		return "", "", fmt.Errorf("data %s: no such file or folder; a SPEC is a path or FORMAT:PATH, and the formats are %s (%w)", spec, strings.Join(Formats.Names(), ", "), fs.ErrNotExist)
	} else if err != nil {
		return "", "", fmt.Errorf("data %s: %w", spec, err)
	}
	for _, name := range Formats.Names() {
		if f := Formats[name]; f.Detect != nil && f.Detect(spec) {
			return name, spec, nil
		}
	}
	return "", "", fmt.Errorf("data %s: its format is not recognised; have %s; FORMAT:%s says which", spec, strings.Join(Formats.Names(), ", "), spec)
}

// Split returns the split of that name. A source that is not split has only All.
func (s *Source) Split(name string) (Dataset, error) {
	if d, ok := s.Splits[name]; ok {
		return d, nil
	}
	return nil, fmt.Errorf("%s has no split %q; it has %s", s.Spec, name, strings.Join(slices.Sorted(maps.Keys(s.Splits)), ", "))
}

// Training returns what is trained on: the train split, or everything where
// there are no splits, with the split's name.
func (s *Source) Training() (Dataset, string, error) { return s.firstOf(Train, All) }

// Evaluation returns what is evaluated on: the test split, or everything where
// there are no splits, with the split's name.
func (s *Source) Evaluation() (Dataset, string, error) { return s.firstOf(Test, All) }

func (s *Source) firstOf(names ...string) (Dataset, string, error) {
	for _, name := range names {
		if d, ok := s.Splits[name]; ok {
			return d, name, nil
		}
	}
	_, err := s.Split(names[0])
	return nil, "", err
}
