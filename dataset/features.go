package dataset

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"alike/internal/npy"
)

func init() {
	Formats.Add("features", Format{
		Summary: "features in place of images: FILE.npy, with FILE.labels.txt and FILE.ids.txt beside it, or a folder of train.npy and test.npy",
		Detect:  func(path string) bool { return meant(path, featureFiles(path)) },
		Open:    openFeatures,
	})
}

// Features is a data set of vectors, as a frozen encoder made them of images.
type Features struct {
	Memory
	dim, views int
	values     []float32 // [Len, views, dim]
}

// Dim is the number of values of a vector.
func (f *Features) Dim() int { return f.dim }

// Views is how many vectors there are of each image: the first of the image as evaluation
// sees it, the others of augmented views.
func (f *Features) Views() int { return f.views }

// Vector returns a view of image i, not a copy.
func (f *Features) Vector(i, view int) []float32 {
	return f.values[(i*f.views+view)*f.dim:][:f.dim:f.dim]
}

// Len implements Dataset.
func (f *Features) Len() int { return len(f.values) / (f.views * f.dim) }

// Image implements Dataset: there is none.
func (f *Features) Image(int) (Image, error) {
	return Image{}, fmt.Errorf("%s holds features, not images: give it to 'alike train METHOD --from-features', or to what measures such a run", f.Title)
}

// FeaturesOf returns the features that image i of a data set is, and its place there; nil if it
// is an image.
func FeaturesOf(d Dataset, i int) (*Features, int) {
	if d.Len() == 0 {
		return nil, i
	}
	d, i = origin(d, i)
	f, _ := d.(*Features)
	return f, i
}

// featureFiles are the arrays at path.
func featureFiles(path string) []string {
	if filepath.Ext(path) == ".npy" {
		return []string{path}
	}
	return glob(path, "*.npy")
}

func openFeatures(_ context.Context, path string, o Options) (*Source, error) {
	files := featureFiles(path)
	if len(files) == 0 {
		return nil, errors.New("no file that ends in .npy")
	}
	s := &Source{Splits: map[string]Dataset{}}
	labels := map[string][]string{} // by split
	var all []string
	for _, file := range files {
		split := All
		if file != path {
			split = splitOfFile(filepath.Base(file))
		}
		if s.Splits[split] != nil {
			return nil, fmt.Errorf("%s: a second array for the split %s; want one each, named train.npy and test.npy", file, split)
		}
		f, err := readFeatures(file, o)
		if err != nil {
			return nil, err
		}
		if labels[split], err = lines(file, ".labels.txt", f.Len()); err != nil {
			return nil, err
		}
		if f.IDs, err = lines(file, ".ids.txt", f.Len()); err != nil {
			return nil, err
		}
		f.Title = filepath.Base(file)
		s.Splits[split] = f
		all = append(all, labels[split]...)
	}
	slices.Sort(all)
	classes := numbered(slices.DeleteFunc(slices.Compact(all), func(c string) bool { return c == "" }))
	number := map[string]int{"": -1}
	for l, c := range classes {
		number[c] = l
	}
	for split, d := range s.Splits {
		f := d.(*Features)
		f.Names = classes
		for _, c := range labels[split] {
			f.Labels = append(f.Labels, number[c])
		}
	}
	valForTest(s.Splits)
	return s, nil
}

// readFeatures reads the array of a file, [N, D] or [N, V, D].
func readFeatures(file string, o Options) (*Features, error) {
	if st, err := os.Stat(file); err == nil && st.Size() > o.MaxBytes {
		return nil, o.tooLarge()
	}
	dims, values, err := npy.Read(file)
	if err != nil {
		return nil, err
	}
	if len(dims) < 2 || len(dims) > 3 || slices.Contains(dims, 0) {
		return nil, fmt.Errorf("%s: an array of %v; want [images, values] or [images, views, values]", file, dims)
	}
	f := &Features{dim: dims[len(dims)-1], views: 1, values: values}
	if len(dims) == 3 {
		f.views = dims[1]
	}
	for i, v := range values {
		if v-v != 0 { // NaN or infinite
			return nil, fmt.Errorf("%s: row %d holds %g; want finite values", file, i/(f.views*f.dim), v)
		}
	}
	return f, nil
}

// lines reads the n lines of the file beside an array, nil if there is none.
func lines(array, suffix string, n int) ([]string, error) {
	path := strings.TrimSuffix(array, ".npy") + suffix
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var list []string
	scan := bufio.NewScanner(file)
	for scan.Scan() {
		list = append(list, strings.TrimSuffix(scan.Text(), "\r"))
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(list) != n {
		return nil, fmt.Errorf("%s has %d lines, %s has %d rows; want one a line", path, len(list), filepath.Base(array), n)
	}
	return list, nil
}
