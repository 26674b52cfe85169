package dataset

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

func init() {
	Formats.Add("stl10", Format{
		Summary: "STL-10, binary version: folder, tar or tar.gz; its splits are train, test and unlabeled",
		Detect:  isSTL10,
		Open:    openSTL10,
	})
}

// An image of STL-10 is three planes, each column by column.
const (
	stlSide   = 96
	stlPixels = stlSide * stlSide
	stlRecord = 3 * stlPixels
)

// stlImages are the files of images and their splits.
var stlImages = map[string]string{"train_X.bin": Train, "test_X.bin": Test, "unlabeled_X.bin": Unlabeled}

// stlLabels are the files of labels, which go from 1 to 10.
var stlLabels = map[string]string{"train_y.bin": Train, "test_y.bin": Test}

const stlNames = "class_names.txt"

func isSTL10File(name string) bool {
	base := path.Base(name)
	return stlImages[base] != "" || stlLabels[base] != ""
}

func isSTL10(name string) bool {
	if isFolder(name) {
		return len(stlFolder(name)) > 0
	}
	return isArchive(name) && holds(name, isSTL10File)
}

// stlFolder lists the files in a folder or in the one that the archive unpacks to.
func stlFolder(root string) []string {
	for _, pattern := range []string{"*_X.bin", "stl10*/*_X.bin"} {
		names := glob(root, pattern)
		if len(names) > 0 && isSTL10File(filepath.Base(names[0])) {
			return glob(filepath.Dir(names[0]), "*")
		}
	}
	return nil
}

func openSTL10(ctx context.Context, root string, o Options) (*Source, error) {
	s := stl10{o: o, sets: map[string]*Memory{}, labels: map[string][]byte{}}
	var err error
	if isFolder(root) {
		err = s.readFolder(ctx, root)
	} else {
		err = walkTar(ctx, root, func(h *tar.Header, r io.Reader) error { return s.read(ctx, path.Base(h.Name), r) })
	}
	if err != nil {
		return nil, err
	}
	return s.source(filepath.Base(filepath.Clean(root)))
}

// stl10 is what was read of the data set.
type stl10 struct {
	o      Options
	used   int64
	sets   map[string]*Memory
	labels map[string][]byte // of the splits
	names  []byte
}

func (s *stl10) readFolder(ctx context.Context, root string) error {
	for _, name := range stlFolder(root) {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = s.read(ctx, filepath.Base(name), f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// read reads one of the files.
func (s *stl10) read(ctx context.Context, name string, r io.Reader) (err error) {
	switch {
	case stlImages[name] != "":
		s.sets[stlImages[name]], err = s.readImages(ctx, name, r)
	case stlLabels[name] != "":
		s.labels[stlLabels[name]], err = readLimited(r, 0, 1<<20)
	case name == stlNames:
		s.names, err = readLimited(r, 0, 1<<16)
	}
	return err
}

func (s *stl10) readImages(ctx context.Context, name string, r io.Reader) (*Memory, error) {
	m, planes := &Memory{}, make([]byte, stlRecord)
	for ctx.Err() == nil {
		switch n, err := io.ReadFull(r, planes); {
		case err == io.EOF:
			return m, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%s ends %d bytes into an image of %d: it is cut short or no STL-10 file; unpack or download it again", name, n, stlRecord)
		case err != nil:
			return nil, err
		}
		if s.used += stlRecord; s.used > s.o.MaxBytes {
			return nil, s.o.tooLarge()
		}
		m.Images = append(m.Images, stlImage(planes))
	}
	return nil, context.Cause(ctx)
}

// stlImage makes pixels of the planes of a record.
func stlImage(planes []byte) Image {
	img := Image{stlSide, stlSide, make([]uint8, stlRecord)}
	for y := range stlSide {
		for x := range stlSide {
			for c := range 3 {
				img.Pix[3*(y*stlSide+x)+c] = planes[c*stlPixels+x*stlSide+y]
			}
		}
	}
	return img
}

// source joins images and labels.
func (s *stl10) source(title string) (*Source, error) {
	if len(s.sets) == 0 {
		return nil, errors.New("no train_X.bin, test_X.bin or unlabeled_X.bin in it")
	}
	classes := classNames(s.names, 10)
	for split, m := range s.sets {
		m.Title = fmt.Sprintf("%s (%s)", title, split)
		for i := range m.Images {
			m.IDs = append(m.IDs, fmt.Sprintf("%s/%06d", split, i))
		}
		labels, ok := s.labels[split]
		if !ok {
			continue
		}
		if m.Names = classes; len(labels) != len(m.Images) {
			return nil, fmt.Errorf("%s_y.bin has %d labels for the %d images of %s_X.bin: one of them is cut short; unpack or download them again", split, len(labels), len(m.Images), split)
		}
		for i, l := range labels {
			if l < 1 || int(l) > len(classes) {
				return nil, fmt.Errorf("%s_y.bin: label %d is %d, want 1 to %d: the file is damaged", split, i, l, len(classes))
			}
			m.Labels = append(m.Labels, int(l)-1)
		}
	}
	return sourceOf(s.sets), nil
}
