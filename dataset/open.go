package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// The names of splits. A manifest may name others.
const (
	Train     = "train"
	Test      = "test"
	Val       = "val" // only beside Test
	Unlabeled = "unlabeled"
	Query     = "query" // the two sides of retrieval
	Gallery   = "gallery"
	All       = "all" // of a source that is not split
)

// Options bound what opening a source may cost. The zero value is the defaults.
type Options struct {
	Strict       bool      // the first image that cannot be read is an error
	MaxBad       float64   // share of images that may be skipped; 0 is 0.1
	MaxBytes     int64     // of decoded images in memory; 0 is 8 GiB
	MaxFileBytes int64     // of one image's file; 0 is 256 MiB
	MaxPixels    int       // of one image; 0 is 64 million
	Stdin        io.Reader // what the SPEC "-" reads; nil is the process's

	// CacheBytes is how many bytes of decoded images of a source of image files are
	// kept in memory; others are decoded whenever they are asked for. 0 demands that
	// all fit into MaxBytes.
	CacheBytes int64
	// Unchecked opens a source of image files without decoding any: which cannot be
	// read shows when they are asked for. No image is kept.
	Unchecked bool
}

// withDefaults replaces zeros.
func (o Options) withDefaults() Options {
	o.MaxBad = cmp.Or(o.MaxBad, 0.1)
	o.MaxBytes = cmp.Or(o.MaxBytes, 8<<30)
	o.MaxFileBytes = cmp.Or(o.MaxFileBytes, 256<<20)
	o.MaxPixels = cmp.Or(o.MaxPixels, 64_000_000)
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	return o
}

// tooLarge says that a source exceeds o.MaxBytes.
func (o Options) tooLarge() error {
	return fmt.Errorf("its images need more than %d MiB of memory; take fewer or smaller ones", o.MaxBytes>>20)
}

// Skipped is an image, or a folder of them, that could not be read.
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
	Missing      []Skipped      // files of the format that are not there
	FileTypes    map[string]int // images of each type, e.g. "jpeg"; nil where the format holds pixels
}

// Format reads one kind of source.
type Format struct {
	// Summary is one line for lists.
	Summary string
	// Detect says whether path looks like this format; nil if it has to be named.
	Detect func(path string) bool
	// General formats take whatever holds images: they are tried after the others.
	General bool
	// Open reads it. What is before the colon of a SPEC is cut off.
	Open func(ctx context.Context, path string, o Options) (*Source, error)
}

// FormatRegistry holds formats by name.
type FormatRegistry map[string]Format

// Formats are the registered formats. Those that are not General are tried
// first, each kind in the order of their names.
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
// FORMAT:PATH, or "-" for a list of files on standard input. Images that cannot
// be read are skipped and listed, up to a share of o.MaxBad; one is always
// allowed, unless o.Strict is set. A damaged container is an error: nobody can
// say what is missing from it.
func Open(ctx context.Context, spec string, o Options) (*Source, error) {
	name, path, err := recognise(spec)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s, err := Formats[name].Open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec, err)
	}
	s.Spec, s.Format = spec, name
	return s, s.check(o)
}

// check says whether too much had to be skipped.
func (s *Source) check(o Options) error {
	bad, total := len(s.Skipped), len(s.Skipped)+s.Len()
	if bad <= 1 || float64(bad) <= o.MaxBad*float64(total) {
		return nil
	}
	return fmt.Errorf("%s: %d of %d images cannot be read, more than %g %%; the first is %s: %w; repair or remove them, or allow more with --max-bad",
		s.Spec, bad, total, 100*o.MaxBad, s.Skipped[0].Name, s.Skipped[0].Err)
}

// recognise returns the format of a SPEC and what that format is to open.
func recognise(spec string) (name, path string, err error) {
	if prefix, rest, ok := strings.Cut(spec, ":"); ok {
		if _, ok := Formats[prefix]; ok {
			return prefix, rest, nil
		}
	}
	switch spec {
	case "":
		return "", "", errors.New("no data named; a SPEC is a folder, an archive, FORMAT:PATH, - or builtin:sprites")
	case "-":
		return "list", spec, nil
	}
	if _, err := os.Stat(spec); errors.Is(err, fs.ErrNotExist) && !isPattern(spec) {
		if prefix, _, ok := strings.Cut(spec, ":"); ok && !strings.ContainsAny(prefix, `/\`) {
			return "", "", fmt.Errorf("data %s: %q is no known format and there is no such file or folder; have %s (%w)", spec, prefix, strings.Join(Formats.Names(), ", "), fs.ErrNotExist)
		}
		return "", "", fmt.Errorf("data %s: no such file or folder; a SPEC is a path or FORMAT:PATH, and the formats are %s (%w)", spec, strings.Join(Formats.Names(), ", "), fs.ErrNotExist)
	} else if err != nil && !isPattern(spec) {
		return "", "", fmt.Errorf("data %s: %w", spec, reason(err))
	}
	for _, general := range []bool{false, true} {
		for _, name := range Formats.Names() {
			if f := Formats[name]; f.General == general && f.Detect != nil && f.Detect(spec) {
				return name, spec, nil
			}
		}
	}
	return "", "", fmt.Errorf("data %s: its format is not recognised; have %s; FORMAT:%s says which", spec, strings.Join(Formats.Names(), ", "), spec)
}

// Len is the number of images in all splits.
func (s *Source) Len() (n int) {
	for _, d := range s.Splits {
		n += d.Len()
	}
	return n
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
