package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Write writes an array of float32 in format 1.0.
func Write(w io.Writer, dims []int, values []float32) error {
	if _, err := w.Write(Header(dims...)); err != nil {
		return err
	}
	return binary.Write(w, binary.LittleEndian, values)
}

// Header is what comes before the values of an array of float32 in format 1.0: magic, version, the
// header's length, the header, padded so that the values begin at a multiple of 64.
func Header(dims ...int) []byte {
	const before = len(magic) + 4 // bytes
	shape := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(dims)), ", "), "[]")
	if len(dims) == 1 {
		shape += "," // a tuple of one
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape)
	size := (before+len(header)+1+63)/64*64 - before
	header += strings.Repeat(" ", size-len(header)-1) + "\n"
	return append([]byte(magic+"\x01\x00"+string([]byte{byte(size), byte(size >> 8)})), header...)
}
