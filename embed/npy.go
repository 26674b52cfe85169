package embed

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"alike/index"
	"alike/internal/atomicfile"
	"alike/internal/npy"
)

// meta is the file beside a NumPy array: what the vectors are, and of what.
type meta struct {
	About   index.About   `json:"about"`
	Entries []index.Entry `json:"entries"`
}

// beside is the file NAME.suffix of an array NAME.npy.
func beside(array, suffix string) string {
	return strings.TrimSuffix(array, filepath.Ext(array)) + suffix
}

// writeNPY writes NAME.npy, and beside it NAME.ids.txt and NAME.labels.txt, the names of images and
// classes, one a line, and NAME.json.
func writeNPY(path string, a index.About, rows index.Rows) error {
	m := meta{About: a}
	sum := sha256.New()
	m.About.Files.Vectors.Name = filepath.Base(path)
	return atomicfile.WriteAll(
		atomicfile.File{Path: path, Write: func(w io.Writer) error {
			to := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
			header := npy.Header(a.Count, a.Dim)
			if _, err := to.Write(header); err != nil {
				return err
			}
			err := rows(func(e index.Entry, v []float32) error {
				m.Entries = append(m.Entries, e)
				_, err := to.Write(bytesOf(v))
				return err
			})
			m.About.Files.Vectors.Bytes = int64(len(header) + 4*a.Dim*len(m.Entries))
			return errors.Join(err, to.Flush())
		}},
		lines(beside(path, ".ids.txt"), &m.Entries, func(e index.Entry) string { return e.ID }),
		lines(beside(path, ".labels.txt"), &m.Entries, func(e index.Entry) string { return e.Class }),
		atomicfile.File{Path: beside(path, ".json"), Write: func(w io.Writer) error {
			m.About.Files.Vectors.SHA256 = hex.EncodeToString(sum.Sum(nil))
			enc := json.NewEncoder(w)
			enc.SetIndent("", " ")
			return enc.Encode(m)
		}},
	)
}

// lines writes a line of each entry.
func lines(path string, entries *[]index.Entry, of func(index.Entry) string) atomicfile.File {
	return atomicfile.File{Path: path, Write: func(w io.Writer) error {
		to := bufio.NewWriter(w)
		for _, e := range *entries {
			to.WriteString(of(e) + "\n") // Flush has the error
		}
		return to.Flush()
	}}
}

// readNPY reads an array that writeNPY wrote.
func readNPY(path string) (*stored, error) {
	about := beside(path, ".json")
	array, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(about)
	if err != nil {
		return nil, fmt.Errorf("nothing is known of its vectors (%w)", err)
	}
	var m meta
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", about, err)
	}
	sum, header := sha256.Sum256(array), npy.Header(m.About.Count, m.About.Dim)
	if hex.EncodeToString(sum[:]) != m.About.Files.Vectors.SHA256 || len(m.Entries) != m.About.Count || len(array) != len(header)+4*m.About.Dim*m.About.Count {
		return nil, fmt.Errorf("it is not the array that %s is of", about)
	}
	values := floatsOf(array[len(header):])
	return &stored{m.About, m.Entries, func(i int) []float32 { return values[i*m.About.Dim:][:m.About.Dim] }, func() error { return nil }}, nil
}

// bytesOf shows floats as their bytes, little endian.
func bytesOf(x []float32) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x)) }

// floatsOf shows bytes, little endian and aligned as floats are, as floats.
func floatsOf(b []byte) []float32 { return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4) }
