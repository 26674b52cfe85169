package weightfile

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nlpodyssey/safetensors"
)

func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x3555: 0.33325195, 0x7bff: 65504, 0x0001: 0x1p-24, 0x03ff: 1023 * 0x1p-24, 0x0400: 0x1p-14,
		0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)),
	} {
		if got := floats(safetensors.F16, binary.LittleEndian.AppendUint16(nil, bits))[0]; got != want {
			t.Errorf("%#04x is %g, want %g", bits, got, want)
		}
	}
	if x := floats(safetensors.F16, []byte{0, 0x7e})[0]; x == x {
		t.Errorf("0x7e00 is %g, want NaN", x)
	}
}

// stored is a tensor as the library wants it to be written.
type stored struct {
	dtype safetensors.DType
	shape []uint64
	data  []byte
}

func (s stored) DType() safetensors.DType { return s.dtype }
func (s stored) Shape() []uint64          { return s.shape }
func (s stored) Data() []byte             { return s.data }
func (s stored) DataLen() uint64          { return uint64(len(s.data)) }

func TestSafetensorsOfEveryFloatingType(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := safetensors.SerializeToWriter(map[string]stored{
		"f32":  {safetensors.F32, []uint64{1, 2}, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}},
		"f64":  {safetensors.F64, []uint64{1}, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}},
		"f16":  {safetensors.F16, []uint64{2}, []byte{0, 0x3c, 0, 0xc0}},
		"bf16": {safetensors.BF16, []uint64{2}, []byte{0x80, 0x3f, 0, 0xc0}},
		"i64":  {safetensors.I64, []uint64{1}, make([]byte, 8)},
	}, nil, f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Tensor{
		"f32": {[]int{1, 2}, []float32{1, -2}}, "f64": {[]int{1}, []float32{1}}, "f16": {[]int{2}, []float32{1, -2}}, "bf16": {[]int{2}, []float32{1, -2}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestFaultsAreSentences(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		"x.safetensors": "not a safetensors file",
		"x.pth":         "not a file of weights that PyTorch saved",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("\x80\x02garbage"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder: %v", err)
	}
}

// FuzzPickle reads hostile files: an error or tensors, never a crash.
func FuzzPickle(f *testing.F) {
	f.Add([]byte("\x80\x02}q\x00."))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.pth")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		Read(path)
	})
}
