package dataset

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
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
	Formats.Add("tar", Format{
		Summary: "tar or tar.gz of JPEG and PNG images, laid out as a folder",
		Detect:  isArchive,
		Open:    openArchive,
	})
}

// maxFile is the largest file that is read from an archive.
const maxFile = 1 << 30

func isArchive(name string) bool {
	lower := strings.ToLower(name)
	for _, suffix := range []string{".tar", ".tar.gz", ".tgz"} {
		if strings.HasSuffix(lower, suffix) {
			return true
		}
	}
	return false
}

func openArchive(ctx context.Context, name string, o Options) (*Source, error) {
	var entries []entry
	var read int64
	err := walkTar(ctx, name, func(file string, r io.Reader) error {
		if isHidden(file) || !isImageName(file) {
			return nil
		}
		b, err := readLimited(r, file)
		if err != nil {
			return err
		}
		if read += int64(len(b)); read > o.MaxBytes {
			return o.tooLarge()
		}
		entries = append(entries, entry{file, func() ([]byte, error) { return b, nil }})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return collect(ctx, filepath.Base(name), entries, o)
}

func readLimited(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		err = brokenArchive(err)
	case len(b) > maxFile:
		err = fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	return b, err
}

// walkTar calls f for each regular file of a tar archive, compressed or not.
func walkTar(ctx context.Context, name string, f func(file string, r io.Reader) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := gunzip(file)
	if err != nil {
		return err
	}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			// gzip's checksum is behind the end of the tar.
			if _, err := io.Copy(io.Discard, r); err != nil {
				return brokenArchive(err)
			}
			return nil
		case err != nil:
			return brokenArchive(err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case h.Typeflag != tar.TypeReg:
			continue
		}
		if err := f(path.Clean(h.Name), archive); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// brokenArchive says what to do about an archive that cannot be read on.
func brokenArchive(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the archive ends early: it is cut short, copy or download it again (%w)", err)
	}
	return fmt.Errorf("the archive is damaged, copy or download it again: %w", err)
}

// gunzip reads through gzip if the file begins as one.
func gunzip(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	if magic, err := b.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return b, nil
	}
	return gzip.NewReader(b)
}
