package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Write writes an array of float32.
func Write(w io.Writer, dims []int, values []float32) error {
	if err := WriteHeader(w, dims); err != nil {
		return err
	}
	return binary.Write(w, binary.LittleEndian, values)
}

// WriteHeader writes what comes before the values of an array of float32, little endian, in
// format 1.0: magic, version, the header's length, the header, padded so that the values
// begin at a multiple of 64.
func WriteHeader(w io.Writer, dims []int) error {
	const before = len(magic) + 4 // bytes
	shape := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(dims)), ", "), "[]")
	if len(dims) == 1 {
		shape += "," // a tuple of one
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape)
	size := (before+len(header)+1+63)/64*64 - before
	header += strings.Repeat(" ", size-len(header)-1) + "\n"
	if _, err := w.Write(append([]byte(magic+"\x01\x00"), byte(size), byte(size>>8))); err != nil {
		return err
	}
	_, err := io.WriteString(w, header)
	return err
}
