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
)

// meta is the file beside a NumPy array: what the vectors are, and of what.
type meta struct {
	About   index.About   `json:"about"`
	Entries []index.Entry `json:"entries"`
}

// npyFiles are the array NAME.npy, its ids NAME.ids.txt, one a line, and NAME.json.
func npyFiles(path string) (array, ids, about string) {
	name := strings.TrimSuffix(path, filepath.Ext(path))
	return path, name + ".ids.txt", name + ".json"
}

func writeNPY(path string, a index.About, rows index.Rows) error {
	path, ids, about := npyFiles(path)
	m := meta{About: a}
	sum := sha256.New()
	m.About.Files.Vectors.Name = filepath.Base(path)
	return atomicfile.WriteAll(
		atomicfile.File{Path: path, Write: func(w io.Writer) error {
			to := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
			header := npyHeader(a.Count, a.Dim)
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
		atomicfile.File{Path: ids, Write: func(w io.Writer) error {
			for _, e := range m.Entries {
				if _, err := io.WriteString(w, e.ID+"\n"); err != nil {
					return err
				}
			}
			return nil
		}},
		atomicfile.File{Path: about, Write: func(w io.Writer) error {
			m.About.Files.Vectors.SHA256 = hex.EncodeToString(sum.Sum(nil))
			enc := json.NewEncoder(w)
			enc.SetIndent("", " ")
			return enc.Encode(m)
		}},
	)
}

// npyHeader is what comes before the values in NumPy's format 1.0: magic, version, the
// header's length, the header, padded so that the values begin at a multiple of 64.
func npyHeader(n, d int) []byte {
	const before = 10 // bytes
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", n, d)
	size := (before+len(header)+1+63)/64*64 - before
	header += strings.Repeat(" ", size-len(header)-1) + "\n"
	return append([]byte("\x93NUMPY\x01\x00"+string([]byte{byte(size), byte(size >> 8)})), header...)
}

// readNPY reads an array that writeNPY wrote.
func readNPY(path string) (*stored, error) {
	path, _, about := npyFiles(path)
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
	sum, header := sha256.Sum256(array), npyHeader(m.About.Count, m.About.Dim)
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
