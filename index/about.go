package index

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"alike/eval"
)

// The version of the directory that Write writes, and the file that makes a
// directory an index: it names the others.
const (
	version  = 1
	metaFile = "index.json"
)

// About says what the vectors of an index are, and what they were made from: the
// file index.json.
type About struct {
	Version    int `json:"version"`
	Generation int `json:"generation"` // how often the directory was written
	Count      int `json:"count"`      // N, vectors
	Dim        int `json:"dim"`        // D, values of a vector

	Layer      string       `json:"layer"`      // what they are: "h" or "z"
	Normalized bool         `json:"normalized"` // always true: every vector has length 1, or 0
	Size       int          `json:"size"`       // side of the images that the network saw, in pixels
	Model      eval.Subject `json:"model"`      // with the hash of its weights
	Data       Data         `json:"data"`
	CreatedBy  string       `json:"created_by"` // the program's version

	Files Files `json:"files"`
}

// Data says which images an index was made from.
type Data struct {
	Spec    string `json:"spec"` // as the user named them
	Split   string `json:"split"`
	Classes string `json:"classes,omitempty"` // the rule that chose the classes
	SHA256  string `json:"sha256"`            // of each entry's ID, class and content hash, in order
}

// Files are those that index.json names.
type Files struct {
	Vectors File `json:"vectors"` // float32 [Count, Dim], row-major, little endian
	Entries File `json:"entries"` // an Entry in JSON a line, in the order of the vectors
}

// File is a file of the directory.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ErrDamaged is the error of an index whose files are not what was written.
var ErrDamaged = errors.New("damaged")

// Is says whether dir is an index, whole or not.
func Is(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, metaFile))
	return err == nil
}

// ReadAbout reads what an index says of itself.
func ReadAbout(dir string) (About, error) {
	var a About
	b, err := os.ReadFile(filepath.Join(dir, metaFile))
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("%s is no index: it has no %s; 'alike embed RUN --data SPEC --out %s' writes one", dir, metaFile, dir)
	}
	if err != nil {
		return a, err
	}
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return a, fmt.Errorf("the index %s is %w: %s: %w; write it again", dir, ErrDamaged, metaFile, err)
	}
	if v.Version != version {
		return a, fmt.Errorf("the index %s has version %d of the format, this program reads version %d; write it again", dir, v.Version, version)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return a, fmt.Errorf("the index %s is %w: %s: %w; write it again", dir, ErrDamaged, metaFile, err)
	}
	return a, a.validate(dir)
}

// validate checks what others rely on.
func (a About) validate(dir string) error {
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("the index %s is %w: %s: %s; write it again", dir, ErrDamaged, metaFile, fmt.Sprintf(format, args...))
	}
	switch {
	case a.Count < 0 || a.Dim < 1 || a.Count > 1<<31 || a.Dim > 1<<20:
		return damaged("it has %d vectors of %d values", a.Count, a.Dim)
	case a.Files.Vectors.Bytes != 4*int64(a.Count)*int64(a.Dim):
		return damaged("%d vectors of %d values are not %d bytes", a.Count, a.Dim, a.Files.Vectors.Bytes)
	}
	for _, f := range a.Files.list() {
		if f.Name == "" || f.Name != filepath.Base(f.Name) || f.Name[0] == '.' {
			return damaged("%q is no name of a file in it", f.Name)
		}
	}
	return nil
}

// list are all files.
func (f Files) list() []File { return []File{f.Vectors, f.Entries} }
