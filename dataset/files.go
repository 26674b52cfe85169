package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// errEscapes is the fault of a name like "../x".
var errEscapes = errors.New("its name leads out of the archive; pack it again without .. and leading /")

// errIsLink is the fault of an image that an archive only points to.
var errIsLink = errors.New("it is a link; pack the archive again with the files that links lead to")

// glob are the files and folders in a folder whose names match, in their order. The
// folder's own name may hold what filepath.Glob takes for a pattern: "photos [2024]".
func glob(folder, pattern string) []string {
	names, _ := fs.Glob(os.DirFS(folder), pattern) // the only error is a bad pattern
	for i, n := range names {
		names[i] = filepath.Join(folder, filepath.FromSlash(n))
	}
	return names
}

// meant says whether a folder is to be read for these files in it: not for those
// that have strayed among images, unless their names say splits.
func meant(folder string, files []string) bool {
	saysSplit := func(file string) bool { return splitOfFile(strings.TrimPrefix(file, filepath.Clean(folder))) != All }
	return slices.ContainsFunc(files, saysSplit) || len(files) > 0 && !holdsImages(folder)
}

// holdsImages says whether there is an image in a folder or in those below, or a link to a folder, which may hold some.
func holdsImages(folder string) (found bool) {
	fs.WalkDir(os.DirFS(folder), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read holds none
		}
		link := d.Type()&fs.ModeSymlink != 0 && isFolder(filepath.Join(folder, path))
		if found = link || !d.IsDir() && isImageName(path); found {
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// readFile reads an image's file, if it is a regular one of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name) // opening a pipe could wait for ever
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("it is gone, or a link to nothing")
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is no regular file (%v)", info.Mode())
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, info.Size(), limit)
}

// readLimited reads at most limit bytes of a file that says it has size bytes.
func readLimited(r io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, fmt.Errorf("it has %d bytes, want at most %d; shrink it", size, limit)
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it has more than %d bytes; shrink it", limit)
	}
	return b, err
}

// reason is an error without the name of the file, which its reader adds.
func reason(err error) error {
	if pe := new(fs.PathError); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// memberName is the name of an archive's member as an entry has it.
func memberName(name string) (string, error) {
	clean := path.Clean(name)
	if clean[0] == '/' || clean == ".." || strings.HasPrefix(clean, "../") {
		return printable(name), errEscapes
	}
	return printable(clean), nil
}

// printable replaces what is no text in a name, which on most systems may hold
// any bytes, by escapes: "caf\xe9.jpg".
func printable(name string) string {
	plain := func(r rune) bool { return r != utf8.RuneError && unicode.IsPrint(r) }
	if strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if plain(r) {
			b.WriteString(name[:n])
		} else {
			quoted := strconv.Quote(name[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		name = name[n:]
	}
	return b.String()
}
