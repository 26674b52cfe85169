// Package atomicfile writes files and folders that are whole or absent, and locks them.
package atomicfile

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file to write.
type File struct {
	Path  string
	Write func(w io.Writer) error
}

// Write writes a file beside its target, syncs it and renames it into place:
// at any moment the target is the old file or the new one.
func Write(path string, data []byte) error {
	return WriteAll(File{path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}})
}

// WriteAll writes files that belong together: none is renamed into place before
// all are on the disk.
func WriteAll(files ...File) error {
	staged := make([]string, len(files))
	for i, f := range files {
		tmp, err := stage(f)
		if err != nil {
			return named(err, f.Path)
		}
		defer os.Remove(tmp) // fails once it is renamed
		staged[i] = tmp
	}
	for i, f := range files {
		if err := Rename(staged[i], f.Path); err != nil {
			return named(err, f.Path)
		}
	}
	return nil
}

// stage writes a file beside its target and returns its name there.
func stage(file File) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(file.Path), "."+filepath.Base(file.Path)+".*")
	if err != nil {
		return "", err
	}
	b := bufio.NewWriterSize(f, 1<<20)
	for _, do := range []func() error{
		func() error { return file.Write(b) },
		b.Flush,
		func() error { return f.Chmod(0o644) },
		f.Sync,
	} {
		if err == nil {
			err = do()
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// named is an error that names the target, not the file beside it.
func named(err error, target string) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return &fs.PathError{Op: "write", Path: target, Err: e.Err}
	}
	if e := (*os.LinkError)(nil); errors.As(err, &e) {
		return &fs.PathError{Op: "write", Path: target, Err: e.Err}
	}
	return err
}

// Rename renames a file or folder and makes the new name durable.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}
