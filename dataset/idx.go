package dataset

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func init() {
	Formats.Add("idx", Format{
		Summary: "IDX, MNIST's format: folder or file of images with the labels beside it, gzip or not",
		Detect:  func(path string) bool { return len(idxFiles(path)) > 0 },
		Open:    openIDX,
	})
}

// The magic numbers of IDX: unsigned bytes in three dimensions, and in one.
const (
	idxImages = 0x0803
	idxLabels = 0x0801
)

// idxFiles finds the files of images.
func idxFiles(path string) []string {
	if isFolder(path) {
		return glob(path, "*idx3-ubyte*")
	}
	if strings.Contains(filepath.Base(path), "idx3-ubyte") {
		return []string{path}
	}
	return nil
}

// idxSplits are the files by their splits, each of which has one; MNIST's test
// images are t10k-images-idx3-ubyte.
func idxSplits(files []string) (map[string]string, error) {
	splits := map[string]string{}
	for _, file := range files {
		base := filepath.Base(file)
		split := splitOfFile(base)
		if strings.HasPrefix(base, "t10k") {
			split = Test
		}
		if other, ok := splits[split]; ok && strings.TrimSuffix(file, ".gz") == other {
			continue // what it was unpacked from, as torchvision leaves it
		} else if ok {
			return nil, fmt.Errorf("%s and %s are both of the split %s; want one: open the file that is meant, or move the other", filepath.Base(other), base, split)
		}
		splits[split] = file
	}
	valForTest(splits)
	return splits, nil
}

func openIDX(_ context.Context, path string, o Options) (*Source, error) {
	files := idxFiles(path)
	if len(files) == 0 {
		return nil, errors.New("no file whose name holds idx3-ubyte")
	}
	splits, err := idxSplits(files)
	if err != nil {
		return nil, err
	}
	s := &Source{Splits: map[string]Dataset{}}
	var classes []string
	for _, split := range sortedKeys(splits) {
		images := splits[split]
		m, err := readIDX(images, labelsOf(images), o)
		if err != nil {
			return nil, err
		}
		m.Title = fmt.Sprintf("%s (%s)", filepath.Base(images), split)
		s.Splits[split] = m
		if len(m.Names) > len(classes) {
			classes = m.Names
		}
	}
	for _, d := range s.Splits {
		if m := d.(*Memory); m.Labels != nil {
			m.Names = classes // one that lacks the last does not know of it
		}
	}
	return s, nil
}

// labelsOf is the file of labels that belongs to a file of images, compressed
// or not, whichever is there.
func labelsOf(images string) string {
	base := strings.NewReplacer("images", "labels", "idx3", "idx1", ".gz", "").Replace(filepath.Base(images))
	plain := filepath.Join(filepath.Dir(images), base)
	if _, err := os.Stat(plain); err != nil {
		return plain + ".gz"
	}
	return plain
}

// readIDX reads images and, where the file exists, labels.
func readIDX(images, labels string, o Options) (*Memory, error) {
	dims, pixels, err := readIDXFile(images, idxImages, o)
	if err != nil {
		return nil, err
	}
	n, h, w := dims[0], dims[1], dims[2]
	if int64(n)*int64(h)*int64(w)*3 > o.MaxBytes {
		return nil, fmt.Errorf("%s: %w", filepath.Base(images), o.tooLarge())
	}
	m := &Memory{}
	for i := range n {
		img := Image{w, h, make([]uint8, 3*w*h)}
		for p, v := range pixels[i*w*h:][:w*h] {
			img.Pix[3*p], img.Pix[3*p+1], img.Pix[3*p+2] = v, v, v
		}
		m.Images = append(m.Images, img)
	}
	dims, classes, err := readIDXFile(labels, idxLabels, o)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	if dims[0] != n {
		return nil, fmt.Errorf("%s has %d labels for the %d images of %s", filepath.Base(labels), dims[0], n, filepath.Base(images))
	}
	for _, l := range classes {
		m.Labels = append(m.Labels, int(l))
	}
	for i := range slices.Max(m.Labels) + 1 {
		m.Names = append(m.Names, fmt.Sprint(i))
	}
	return m, nil
}

// readIDXFile reads a file with that magic number: its dimensions and bytes.
func readIDXFile(name string, magic uint32, o Options) (dims []int, data []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	base := filepath.Base(name)
	r, _, err := gunzip(f)
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(r, o.MaxBytes))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s is broken or cut short: %w", base, err)
	}
	rank := int(magic & 0xff)
	if len(data) < 4+4*rank || binary.BigEndian.Uint32(data) != magic {
		return nil, nil, fmt.Errorf("%s begins with %x, want the IDX magic number %08x", base, data[:min(4, len(data))], magic)
	}
	size := int64(1)
	for i := range rank {
		d := int64(binary.BigEndian.Uint32(data[4+4*i:]))
		if d == 0 || size > o.MaxBytes/d {
			return nil, nil, fmt.Errorf("%s: dimension %d is %d: empty, or more than is read", base, i, d)
		}
		size *= d
		dims = append(dims, int(d))
	}
	data = data[4+4*rank:]
	if int64(len(data)) != size {
		return nil, nil, fmt.Errorf("%s holds %d bytes after its header, want %d (%v): it is cut short or damaged", base, len(data), size, dims)
	}
	return dims, data, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
