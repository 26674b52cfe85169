package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Write writes an array of float32 in format 1.0: magic, version, the header's length, the
// header, padded so that the values begin at a multiple of 64, and the values.
func Write(w io.Writer, dims []int, values []float32) error {
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
	if _, err := io.WriteString(w, header); err != nil {
		return err
	}
	return binary.Write(w, binary.LittleEndian, values)
}
