package dataset

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

func init() {
	Formats.Add("cifar", Format{
		Summary: "CIFAR-10 or CIFAR-100, binary version: folder, tar or tar.gz; cifar:PATH?labels=coarse for CIFAR-100's 20 classes",
		Detect:  isCIFAR,
		Open:    openCIFAR,
	})
}

const (
	cifarSide   = 32
	cifarPixels = cifarSide * cifarSide
)

// cifarFile says what a file of the binary version is: its split and the bytes
// before the pixels of each record, of which the last is the label.
func cifarFile(name string) (split string, labels int, ok bool) {
	switch base := path.Base(name); {
	case strings.HasPrefix(base, "data_batch_") && strings.HasSuffix(base, ".bin"):
		return Train, 1, true
	case base == "test_batch.bin":
		return Test, 1, true
	case base == "train.bin":
		return Train, 2, true
	case base == "test.bin":
		return Test, 2, true
	}
	return "", 0, false
}

func isCIFAR(name string) bool {
	if isFolder(name) {
		return len(cifarFolder(name)) > 0
	}
	if _, _, ok := cifarFile(filepath.ToSlash(name)); ok {
		return true
	}
	if !isArchive(name) {
		return false
	}
	return holds(name, func(file string) bool {
		_, _, ok := cifarFile(file)
		return ok
	})
}

// cifarFolder lists the data files of a folder, or of the one that the
// archive unpacks to.
func cifarFolder(root string) []string {
	for _, pattern := range []string{"*", "cifar-10*/*", "cifar-100*/*"} {
		var files []string
		for _, n := range glob(root, pattern) {
			if _, _, ok := cifarFile(filepath.ToSlash(n)); ok {
				files = append(files, n)
			}
		}
		if len(files) > 0 {
			return files
		}
	}
	return nil
}

func openCIFAR(ctx context.Context, root string, o Options) (*Source, error) {
	root, coarse := strings.CutSuffix(root, "?labels=coarse")
	root = strings.TrimSuffix(root, "?labels=fine")
	files := map[string][]byte{}
	var err error
	switch _, _, single := cifarFile(filepath.ToSlash(root)); {
	case isFolder(root):
		err = readCIFARFolder(ctx, root, files, o)
	case single:
		err = readCIFARFiles(ctx, []string{root}, files, o)
	default:
		var read int64
		err = walkTar(ctx, root, func(h *tar.Header, r io.Reader) error {
			if _, _, ok := cifarFile(h.Name); !ok && !strings.HasSuffix(h.Name, ".txt") {
				return nil
			}
			b, err := readLimited(r, h.Size, min(maxData, o.MaxBytes))
			if read += int64(len(b)); read > o.MaxBytes {
				return o.tooLarge()
			}
			files[path.Base(h.Name)] = b
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	return cifarSource(filepath.Base(filepath.Clean(root)), files, coarse)
}

func readCIFARFolder(ctx context.Context, root string, files map[string][]byte, o Options) error {
	names := cifarFolder(root)
	if len(names) == 0 {
		return errors.New("no data_batch_N.bin, test_batch.bin, train.bin or test.bin in it")
	}
	return readCIFARFiles(ctx, names, files, o)
}

// readCIFARFiles reads data files and the texts beside them.
func readCIFARFiles(ctx context.Context, names []string, files map[string][]byte, o Options) error {
	texts := glob(filepath.Dir(names[0]), "*.txt")
	var read int64
	for _, n := range append(names, texts...) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		info, err := os.Stat(n)
		if err != nil {
			return err
		}
		if read += info.Size(); read > o.MaxBytes {
			return o.tooLarge()
		}
		b, err := os.ReadFile(n)
		if err != nil {
			return err
		}
		files[filepath.Base(n)] = b
	}
	return nil
}

// cifarSource builds the splits from the files' contents.
func cifarSource(title string, files map[string][]byte, coarse bool) (*Source, error) {
	sets := map[string]*Memory{}
	classes := cifarClasses(files, coarse)
	for _, name := range sortedKeys(files) {
		split, labels, ok := cifarFile(name)
		if !ok {
			continue
		}
		record := labels + 3*cifarPixels
		if n := len(files[name]); n == 0 || n%record != 0 {
			return nil, fmt.Errorf("%s has %d bytes, want a multiple of %d (one label and one image each): it is cut short or no CIFAR file; unpack or download it again", name, n, record)
		}
		m := sets[split]
		if m == nil {
			m = &Memory{Title: fmt.Sprintf("%s (%s)", title, split), Names: classes}
			sets[split] = m
		}
		for at := 0; at < len(files[name]); at += record {
			rec := files[name][at:][:record]
			label := int(rec[labels-1])
			if coarse {
				label = int(rec[0])
			}
			if label >= len(classes) {
				return nil, fmt.Errorf("%s: record %d has label %d, want one below %d: the file is damaged", name, at/record, label, len(classes))
			}
			m.Images = append(m.Images, interleave(rec[labels:]))
			m.Labels = append(m.Labels, label)
			m.IDs = append(m.IDs, fmt.Sprintf("%s/%05d", strings.TrimSuffix(name, ".bin"), at/record))
		}
	}
	if len(sets) == 0 {
		return nil, errors.New("no data_batch_N.bin, test_batch.bin, train.bin or test.bin in it")
	}
	s := sourceOf(sets)
	s.Missing = missingBatches(files)
	return s, nil
}

// missingBatches lists which of the five files of CIFAR-10's training images are
// not there, if some are.
func missingBatches(files map[string][]byte) (missing []Skipped) {
	for i := range 5 {
		name := fmt.Sprintf("data_batch_%d.bin", i+1)
		if _, ok := files[name]; !ok {
			missing = append(missing, Skipped{name, errors.New("it is missing, and a fifth of the training images with it")})
		}
	}
	if len(missing) == 5 {
		return nil
	}
	return missing
}

// interleave makes pixels of the three planes of a record.
func interleave(planes []byte) Image {
	img := Image{cifarSide, cifarSide, make([]uint8, 3*cifarPixels)}
	for i := range cifarPixels {
		img.Pix[3*i], img.Pix[3*i+1], img.Pix[3*i+2] = planes[i], planes[cifarPixels+i], planes[2*cifarPixels+i]
	}
	return img
}

// cifarClasses reads the names of the classes, one a line; without the file
// they are numbers.
func cifarClasses(files map[string][]byte, coarse bool) []string {
	_, train := files["train.bin"]
	_, test := files["test.bin"]
	switch {
	case coarse:
		return classNames(files["coarse_label_names.txt"], 20)
	case train || test:
		return classNames(files["fine_label_names.txt"], 100)
	}
	return classNames(files["batches.meta.txt"], 10)
}

// classNames reads names, one a line; numbers stand for those up to n that are
// missing.
func classNames(lines []byte, n int) []string {
	var classes []string
	for line := range bytes.Lines(lines) {
		if name := strings.TrimSpace(string(line)); name != "" {
			classes = append(classes, printable(name))
		}
	}
	for i := len(classes); i < n; i++ {
		classes = append(classes, fmt.Sprint(i))
	}
	return classes
}
