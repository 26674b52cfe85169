package npy_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/internal/npy"
)

// file is an array as NumPy saves it.
func file(version byte, header string, values []byte) []byte {
	text := []byte("\x93NUMPY" + string([]byte{version, 0}))
	if version == 1 {
		text = binary.LittleEndian.AppendUint16(text, uint16(len(header)))
	} else {
		text = binary.LittleEndian.AppendUint32(text, uint32(len(header)))
	}
	return append(append(text, header...), values...)
}

func TestRead(t *testing.T) {
	var f4, f8 []byte
	for _, v := range []float64{1, -2.5, 0, 1e-3, 7, 1e4} {
		f4 = binary.LittleEndian.AppendUint32(f4, math.Float32bits(float32(v)))
		f8 = binary.LittleEndian.AppendUint64(f8, math.Float64bits(v))
	}
	f2 := []byte{0x00, 0x3c, 0x00, 0xc1, 0x00, 0x00, 0x00, 0x47} // 1, -2.5, 0, 7
	for _, tc := range []struct {
		name string
		file []byte
		dims []int
		want []float32
		err  string
	}{
		{name: "f4", file: file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }   \n", f4), dims: []int{3, 2}, want: []float32{1, -2.5, 0, 1e-3, 7, 1e4}},
		{name: "f8, version 2", file: file(2, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3, 2), }\n", f8), dims: []int{1, 3, 2}, want: []float32{1, -2.5, 0, 1e-3, 7, 1e4}},
		{name: "f2, a vector", file: file(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (4,), }\n", f2), dims: []int{4}, want: []float32{1, -2.5, 0, 7}},
		{name: "empty", file: nil, err: "not an array of NumPy"},
		{name: "a picture", file: []byte("\x89PNG\r\n\x1a\n0000000"), err: "not an array of NumPy"},
		{name: "whole numbers", file: file(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (3, 2), }\n", f8), err: `its values are "<i8"`},
		{name: "Fortran", file: file(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }\n", f4), err: "Fortran"},
		{name: "objects", file: file(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 2), }\n", f4), err: "not one of a plain array"},
		{name: "cut short", file: file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n", f4[:20]), err: "room for 5"},
		{name: "huge", file: file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2), }\n", f4), err: "room for 6"},
		{name: "a huge header", file: append([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), f4...), err: "header of 4294967295 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.npy")
			if err := os.WriteFile(path, tc.file, 0o600); err != nil {
				t.Fatal(err)
			}
			dims, values, err := npy.Read(path)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("%v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.dims, dims) + cmp.Diff(tc.want, values); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
