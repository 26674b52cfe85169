package dataset

import (
	"archive/zip"
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
	Formats.Add("zip", Format{
		Summary: "zip of images, laid out as a folder",
		Detect:  func(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".zip") && !isFolder(name) },
		Open:    openZip,
	})
}

func openZip(ctx context.Context, name string, o Options) (*Source, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	s, err := readZipFile(ctx, f, o)
	if err != nil || (o.CacheBytes == 0 && !o.Unchecked) {
		return s, errors.Join(err, f.Close())
	}
	return s, nil // f is needed as long as there are images to decode, then the collector closes it
}

func readZipFile(ctx context.Context, f *os.File, o Options) (*Source, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	entries, err := zipEntries(f, info.Size(), o)
	if err != nil {
		return nil, err
	}
	return collect(ctx, filepath.Base(f.Name()), entries, o)
}

// zipEntries lists the images of a zip archive; they are read when they are decoded.
func zipEntries(r io.ReaderAt, size int64, o Options) ([]entry, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, cutShort(err)
	}
	var entries []entry
	for _, f := range archive.File {
		slashed := path.Clean(strings.ReplaceAll(f.Name, `\`, "/")) // as some Windows programs write it
		if f.FileInfo().IsDir() || isHidden(slashed) || !isImageName(slashed) {
			continue
		}
		e := entry{read: func() ([]byte, error) { return readZip(f, o.MaxFileBytes) }}
		e.name, e.fault = memberName(slashed)
		if e.fault == nil && !f.Mode().IsRegular() {
			e.fault = errIsLink
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func readZip(f *zip.File, limit int64) ([]byte, error) {
	if f.Flags&1 != 0 {
		return nil, errors.New("it is encrypted; pack it again without a password")
	}
	if f.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("it has %d bytes, want at most %d; shrink it", f.UncompressedSize64, limit)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readLimited(r, 0, limit)
}
