// Package npy reads arrays of numbers in NumPy's file format.
package npy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes/float16"
)

// magic begins every file, and is followed by the version.
const magic = "\x93NUMPY"

// maxHeader bounds the header's bytes: real ones have some hundred.
const maxHeader = 1 << 16

var (
	descrField = regexp.MustCompile(`'descr':\s*'([^']*)'`)
	orderField = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	shapeField = regexp.MustCompile(`'shape':\s*\(([0-9, ]*)\)`)
)

// Read returns the dimensions and the values of an array of float16, float32 or float64 in
// C's order, as float32. What the header states is compared with the file's size before
// memory is taken.
func Read(path string) (dims []int, values []float32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(f, 1<<20)
	descr, dims, before, err := header(r)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	size, err := sizeOf(descr)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	n, have := 1, (st.Size()-int64(before))/int64(size)
	for _, d := range dims {
		if d > 0 && int64(n) > have/int64(d) {
			return nil, nil, fmt.Errorf("%s: it states %v values of %d bytes, the file has room for %d of them: it is cut short", path, dims, size, have)
		}
		n *= d
	}
	values = make([]float32, n)
	if err := fill(values, r, size); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return dims, values, nil
}

// header reads what stands before the values, and how long that is.
func header(r io.Reader) (descr string, dims []int, size int, err error) {
	fixed := make([]byte, len(magic)+2)
	if _, err := io.ReadFull(r, fixed); err != nil || string(fixed[:len(magic)]) != magic {
		return "", nil, 0, errors.New("not an array of NumPy: want a file that numpy.save or 'alike embed' wrote")
	}
	length, width := 0, 2
	if fixed[len(magic)] >= 2 {
		width = 4
	}
	field := make([]byte, 4)
	if _, err := io.ReadFull(r, field[:width]); err != nil {
		return "", nil, 0, err
	}
	if length = int(binary.LittleEndian.Uint32(field)); length > maxHeader {
		return "", nil, 0, fmt.Errorf("a header of %d bytes, want at most %d", length, maxHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", nil, 0, err
	}
	d, order, shape := descrField.FindSubmatch(text), orderField.FindSubmatch(text), shapeField.FindSubmatch(text)
	if d == nil || order == nil || shape == nil {
		return "", nil, 0, fmt.Errorf("its header %.100q is not one of a plain array of numbers", text)
	}
	if string(order[1]) == "True" {
		return "", nil, 0, errors.New("it is in Fortran's order: save numpy.ascontiguousarray of it")
	}
	for field := range strings.SplitSeq(string(shape[1]), ",") {
		if field = strings.TrimSpace(field); field != "" {
			n, err := strconv.Atoi(field)
			if err != nil {
				return "", nil, 0, fmt.Errorf("its shape (%s): %w", shape[1], err)
			}
			dims = append(dims, n)
		}
	}
	return string(d[1]), dims, len(fixed) + width + length, nil
}

// sizeOf is the number of bytes of a value of that type.
func sizeOf(descr string) (int, error) {
	switch descr {
	case "<f2":
		return 2, nil
	case "<f4":
		return 4, nil
	case "<f8":
		return 8, nil
	}
	return 0, fmt.Errorf("its values are %q; want float16, float32 or float64, little endian: save x.astype('<f4')", descr)
}

// fill reads values of size bytes.
func fill(values []float32, r io.Reader, size int) error {
	block := make([]byte, size<<13)
	for at := 0; at < len(values); {
		n := min(len(values)-at, len(block)/size)
		if _, err := io.ReadFull(r, block[:n*size]); err != nil {
			return err
		}
		for i := range n {
			b := block[i*size:]
			switch size {
			case 2:
				values[at+i] = float16.FromBits(binary.LittleEndian.Uint16(b)).Float32()
			case 4:
				values[at+i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
			case 8:
				values[at+i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
			}
		}
		at += n
	}
	return nil
}
