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
		Summary: "tar or tar.gz of images, laid out as a folder",
		Detect:  isArchive,
		General: true,
		Open:    openArchive,
	})
}

// maxData is the largest file of records that is read at once.
const maxData = 1 << 30

// perMember is what a member of an archive costs besides its content.
const perMember = 256

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
	err := walkTar(ctx, name, func(h *tar.Header, r io.Reader) error {
		if isHidden(h.Name) || !isImageName(h.Name) {
			return nil
		}
		e, err := tarEntry(h, r, &read, o)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return collect(ctx, filepath.Base(name), entries, o)
}

// tarEntry is a member of a tar archive. Where it lies uncompressed in a file it is read
// from there when it is needed; otherwise it is read now, and read counts the memory of all.
func tarEntry(h *tar.Header, r io.Reader, read *int64, o Options) (entry, error) {
	name, err := memberName(h.Name)
	switch {
	case err != nil:
	case h.Typeflag != tar.TypeReg:
		err = errIsLink
	case h.Size > o.MaxFileBytes:
		_, err = readLimited(nil, h.Size, o.MaxFileBytes)
	case inPlace(h, r):
		place := r.(tarFile)
		if *read += int64(len(name)) + perMember; *read > o.MaxBytes {
			return entry{}, o.tooLarge()
		}
		return entry{name: name, read: func() ([]byte, error) { return readAt(place.file, place.offset, h.Size) }}, nil
	default:
		b, err := io.ReadAll(r)
		if err != nil {
			return entry{}, cutShort(err)
		}
		if *read += int64(len(b)+len(name)) + perMember; *read > o.MaxBytes {
			return entry{}, o.tooLarge()
		}
		return inMemory(name, b), nil
	}
	if *read += int64(len(name)) + perMember; *read > o.MaxBytes {
		return entry{}, o.tooLarge()
	}
	return entry{name: name, fault: err}, nil
}

// tarFile is a file in an uncompressed archive.
type tarFile struct {
	io.Reader        // of its content, in passing
	file      string // the archive
	offset    int64  // of its content
}

// inPlace says whether a member's content lies in a file as it is: not compressed, and
// without the holes of a sparse file.
func inPlace(h *tar.Header, r io.Reader) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return false
		}
	}
	_, ok := r.(tarFile)
	return ok
}

// readAt reads a part of a file.
func readAt(name string, offset, size int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	if _, err := f.ReadAt(b, offset); err != nil {
		return nil, cutShort(err)
	}
	return b, nil
}

// counter counts what is read through it.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// walkTar calls f for each file and link of a tar archive, compressed or not.
func walkTar(ctx context.Context, name string, f func(h *tar.Header, r io.Reader) error) error {
	file, err := os.Open(name)
	if err != nil {
		return reason(err)
	}
	defer file.Close()
	return walkTarReader(ctx, file, f)
}

func walkTarReader(ctx context.Context, file io.Reader, f func(h *tar.Header, r io.Reader) error) error {
	r, compressed, err := gunzip(file)
	if err != nil {
		return cutShort(err)
	}
	place := func(r io.Reader, _ int64) io.Reader { return r }
	if f, ok := file.(*os.File); ok && !compressed {
		place = func(r io.Reader, at int64) io.Reader { return tarFile{r, f.Name(), at} }
	}
	passed := &counter{Reader: r}
	archive := tar.NewReader(passed)
	for {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			// gzip's checksum is behind the end of the tar.
			if _, err := io.Copy(io.Discard, r); err != nil {
				return cutShort(err)
			}
			return nil
		case err != nil:
			return cutShort(err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		h.Name = path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeLink, tar.TypeSymlink:
			if err := f(h, place(archive, passed.n)); err != nil {
				return fmt.Errorf("%s: %w", printable(h.Name), err)
			}
		}
	}
}

// cutShort says what to do about an archive that cannot be read on.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the archive ends early: it is cut short, copy or download it again (%w)", err)
	}
	return fmt.Errorf("the archive is broken or cut short, copy or download it again (%w)", err)
}

// gunzip reads through gzip if the file begins as one, and says whether it does.
func gunzip(r io.Reader) (plain io.Reader, compressed bool, err error) {
	b := bufio.NewReaderSize(r, 1<<20)
	if magic, err := b.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return b, false, nil
	}
	plain, err = gzip.NewReader(b)
	return plain, true, err
}

// errEnough ends a walk that has seen what it looks for.
var errEnough = errors.New("enough")

// holds says whether a tar archive has a file of that kind before any image or
// other file of records.
func holds(archive string, is func(file string) bool) bool {
	found := false
	walkTar(context.Background(), archive, func(h *tar.Header, _ io.Reader) error { // a broken one holds none
		if found = is(h.Name); found || isImageName(h.Name) || path.Ext(h.Name) == ".bin" {
			return errEnough
		}
		return nil
	})
	return found
}
