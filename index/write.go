package index

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unsafe"

	"alike/internal/atomicfile"
)

// Rows calls visit with each entry and its vector, in order, and returns the first
// error: its own or visit's.
type Rows func(visit func(e Entry, vector []float32) error) error

// Write writes an index to a directory, which is made if it is not there. The vectors
// need not have unit length; rows are walked twice. A graph
// is not carried over. Of About the caller says Layer, Size, Model, Data and CreatedBy.
//
// An index that is there already is replaced in one step: the new files are written
// beside the old ones and are on the disk before index.json names them. A process
// that has the old one open keeps it.
func Write(dir string, a About, rows Rows) error {
	a.Encoding, a.Quantized = "", nil
	return write(dir, a, rows, nil)
}

// write is Write with the vectors in another form, if e is not nil. Where the rows are those of indexes,
// from, the one in dir must still be what was opened.
func write(dir string, a About, rows Rows, e encoded, from ...*Index) error {
	a.Version, a.Generation, a.Normalized, a.Graph = version, 1, true, nil
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if !Is(dir) && !allOurs(list) {
		return fmt.Errorf("%s is a folder of something else; choose another name for the index", dir)
	}
	lock, err := take(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	old, err := ReadAbout(dir)
	switch {
	case err == nil:
		a.Generation = old.Generation + 1
	case Is(dir):
		return err // damaged: its owner decides
	}
	for _, x := range from {
		if same(dir, x.dir) {
			if _, err := x.current(); err != nil {
				return err
			}
		}
	}
	w := writer{dir: dir, rows: rows, about: &a}
	a.Files.Vectors.Name = fmt.Sprintf("vectors-%d.%s", a.Generation, extensions[a.Encoding])
	a.Files.Entries.Name = fmt.Sprintf("ids-%d.jsonl", a.Generation)
	vectors := w.vectors
	if e != nil {
		vectors = e.write
	}
	if err := atomicfile.WriteAll(
		atomicfile.File{Path: filepath.Join(dir, a.Files.Vectors.Name), Write: w.summed(&a.Files.Vectors, vectors)},
		atomicfile.File{Path: filepath.Join(dir, a.Files.Entries.Name), Write: w.summed(&a.Files.Entries, w.entries)},
	); err != nil {
		return err
	}
	if err := writeAbout(dir, a); err != nil {
		return err
	}
	return sweep(dir, a)
}

func writeAbout(dir string, a About) error {
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, metaFile), append(b, '\n'))
}

// generated are the names of the files beside index.json, of any generation; ours are these, and
// those of files that are being written.
const generated = `(vectors-\d+\.(f32|i8|bits)|ids-\d+\.jsonl|graph-\d+-[0-9a-f]{8}\.hnsw)`

var ours = regexp.MustCompile(`^(` + generated + `|\.(` + generated + `|index\.json)\.\d+)$`)

func allOurs(list []os.DirEntry) bool {
	return !slices.ContainsFunc(list, func(e os.DirEntry) bool { return e.Name() != lockFile && !ours.MatchString(e.Name()) })
}

// sweep removes the files that index.json does not name: of older generations, and
// what a killed process left.
func sweep(dir string, a About) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		named := slices.ContainsFunc(a.list(), func(f File) bool { return f.Name == e.Name() })
		if ours.MatchString(e.Name()) && !named {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// writer writes the files of an index.
type writer struct {
	dir   string
	rows  Rows
	about *About
}

// summed writes a file and notes its size and checksum.
func (w *writer) summed(f *File, write func(io.Writer) error) func(io.Writer) error {
	return func(to io.Writer) error {
		h := sha256.New()
		counted := &counter{w: io.MultiWriter(to, h)}
		b := bufio.NewWriterSize(counted, 1<<16)
		err := write(b)
		if err == nil {
			err = b.Flush()
		}
		f.Bytes, f.SHA256 = counted.n, hexOf(h)
		return err
	}
}

// counter counts what passes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// vectors writes the vectors, made unit length.
func (w *writer) vectors(to io.Writer) error {
	w.about.Count = 0
	var row []float32
	return w.rows(func(e Entry, v []float32) error {
		if len(v) != w.about.Dim {
			return fmt.Errorf("the vector of %s has %d values, want %d as the others", e.ID, len(v), w.about.Dim)
		}
		row = append(row[:0], v...)
		if err := Normalize(row); err != nil {
			return fmt.Errorf("the vector of %s %w", e.ID, err)
		}
		w.about.Count++
		_, err := to.Write(bytesOf(row))
		return err
	})
}

// entries writes the entries, and notes the hash of the data.
func (w *writer) entries(to io.Writer) error {
	seen := make(map[string]bool, w.about.Count)
	data := sha256.New()
	err := w.rows(func(e Entry, _ []float32) error {
		switch {
		case e.ID == "" || strings.ContainsAny(e.ID, "\n\r\x00"):
			return fmt.Errorf("entry %d has the ID %q, want a line of text", len(seen), e.ID)
		case seen[e.ID]:
			return fmt.Errorf("two entries have the ID %q, want each once", e.ID)
		}
		seen[e.ID] = true
		e.identify(data)
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = to.Write(append(line, '\n'))
		return err
	})
	w.about.Data.SHA256 = hexOf(data)
	return err
}

// identify adds an entry to the hash of data.
func (e Entry) identify(data hash.Hash) { fmt.Fprintf(data, "%q %q %s\n", e.ID, e.Class, e.Hash) }

// DataSHA256 identifies images by their IDs, classes and content hashes, in order.
func DataSHA256(entries []Entry) string {
	data := sha256.New()
	for _, e := range entries {
		e.identify(data)
	}
	return hexOf(data)
}

// Normalize divides a vector by its length, unless that is 0 or, to the precision of
// float32, 1. It fails if a value is not finite.
func Normalize(v []float32) error {
	sum := 0.0
	for _, x := range v {
		if x-x != 0 { // NaN or infinite
			return fmt.Errorf("holds %g, want finite values", x)
		}
		sum += float64(x) * float64(x)
	}
	length := math.Sqrt(sum)
	if length == 0 || math.Abs(length-1) <= 1e-6 {
		return nil
	}
	for i, x := range v {
		v[i] = float32(float64(x) / length)
	}
	return nil
}

// bytesOf shows floats as their bytes, little endian.
func bytesOf(x []float32) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}

// floatsOf shows bytes, little endian and aligned as floats are, as floats.
func floatsOf(b []byte) []float32 {
	if len(b) < 4 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)
}
