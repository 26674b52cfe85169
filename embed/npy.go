package embed

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"alike/index"
	"alike/internal/atomicfile"
	"alike/internal/npy"
)

// meta is the file beside a NumPy array: what the vectors are, and of what.
type meta struct {
	About   index.About   `json:"about"`
	Views   int           `json:"views"`
	Entries []index.Entry `json:"entries"`
}

// beside is the file NAME+suffix of an array NAME.npy.
func beside(path, suffix string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + suffix
}

// writeNPY writes an array [N, D], or [N, 1+views, D], and beside it the ids and, if there are
// any, the names of the classes, one a line, and what the vectors are.
func writeNPY(_ context.Context, r *work) error {
	m, sum := meta{About: r.About, Views: r.Views}, sha256.New()
	dims := []int{r.About.Count, r.About.Dim}
	if r.Views > 0 {
		dims = []int{r.About.Count, 1 + r.Views, r.About.Dim}
	}
	vectors := &m.About.Files.Vectors
	vectors.Name = filepath.Base(r.Out)
	files := []atomicfile.File{
		{Path: r.Out, Write: func(w io.Writer) error {
			to := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
			if err := npy.WriteHeader(to, dims); err != nil {
				return err
			}
			err := r.rows(func(e index.Entry, v []float32) error {
				m.Entries = append(m.Entries, e)
				return binary.Write(to, binary.LittleEndian, v)
			})
			return errors.Join(err, to.Flush())
		}},
		{Path: beside(r.Out, ".ids.txt"), Write: func(w io.Writer) error {
			return lines(w, m.Entries, func(e index.Entry) string { return e.ID })
		}},
		{Path: beside(r.Out, ".labels.txt"), Write: func(w io.Writer) error {
			return lines(w, m.Entries, func(e index.Entry) string { return e.Class })
		}},
		{Path: beside(r.Out, ".json"), Write: func(w io.Writer) error {
			vectors.SHA256 = hex.EncodeToString(sum.Sum(nil))
			vectors.Bytes = 4 * int64(r.width()) * int64(len(m.Entries))
			enc := json.NewEncoder(w)
			enc.SetIndent("", " ")
			return enc.Encode(m)
		}},
	}
	return atomicfile.WriteAll(files...)
}

func lines(w io.Writer, entries []index.Entry, of func(index.Entry) string) error {
	for _, e := range entries {
		if _, err := io.WriteString(w, of(e)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// AboutOf returns what the file beside an array says of its vectors; of a folder, of its train.npy. nil if there is none.
func AboutOf(path string) (*index.About, error) {
	if filepath.Ext(path) != ".npy" {
		path = filepath.Join(path, "train.npy")
	}
	about := beside(path, ".json")
	b, err := os.ReadFile(about)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var m meta
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", about, err)
	}
	return &m.About, nil
}

// readNPY reads an array that writeNPY wrote.
func readNPY(_ context.Context, j Job) (*stored, error) {
	path := j.Out
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	about := beside(path, ".json")
	b, err := os.ReadFile(about)
	if err != nil {
		return nil, fmt.Errorf("nothing is known of its vectors (%w)", err)
	}
	var m meta
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", about, err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != m.About.Files.Vectors.SHA256 || len(m.Entries) != m.About.Count {
		return nil, fmt.Errorf("it is not the array that %s is of", about)
	}
	_, values, err := npy.Read(path)
	if err != nil {
		return nil, err
	}
	width := (1 + m.Views) * m.About.Dim
	if len(values) != width*m.About.Count {
		return nil, fmt.Errorf("it holds %d values, %s speaks of %d", len(values), about, width*m.About.Count)
	}
	return &stored{m.About, m.Views, m.Entries, func(i int) ([]float32, error) { return values[i*width:][:width], nil }, func() error { return nil }}, nil
}
