package weightfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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

// archived is a zip of PyTorch's whose pickle is what is given, and whose storages have the given bytes.
func archived(t testing.TB, program string, storages map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	files := map[string]string{"archive/data.pkl": program}
	for key, data := range storages {
		files["archive/data/"+key] = data
	}
	for name, content := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pickled is the path of such a file.
func pickled(t testing.TB, program string, storages map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pth")
	if err := os.WriteFile(path, archived(t, program, storages), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// tensorOf is the program of a tensor that shows a storage "0", said to have so many values, with a shape and steps.
func tensorOf(kind, count, shape, steps string) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n" + kind + "Storage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuI" + count + "\ntQK\x00(" + shape + "t(" + steps + "t\x89NtR"
}

func TestPickles(t *testing.T) {
	two := "\x00\x00\x80\x3f\x00\x00\x00\xc0" // 1, -2
	wide := strings.Repeat("K\x01", 30)
	deep := "}" + strings.Repeat("K\x01}", 100) + strings.Repeat("s", 100)
	laughs := "}q\x00" // each of 30 dictionaries holds the one before twice
	for i := range 30 {
		last, next := string(byte(i)), string(byte(i+1))
		laughs += "}q" + next + "K\x00h" + last + "sK\x01h" + last + "s"
	}
	for _, tc := range []struct {
		name, program, want string // want: part of the error, or empty
		tensors             map[string]Tensor
	}{
		{"a tensor", "}U\x01a" + tensorOf("Float", "2", "K\x02", "K\x01") + "s.", "", map[string]Tensor{"a": {[]int{2}, []float32{1, -2}}}},
		{"a long step on an axis of one", "}U\x01a" + tensorOf("Float", "2", "K\x01K\x02", "K\x05K\x01") + "s.", "", map[string]Tensor{"a": {[]int{1, 2}, []float32{1, -2}}}},
		{"a parameter in a dictionary", "}U\x01m}U\x01a" + "ctorch._utils\n_rebuild_parameter\n(" + tensorOf("Float", "2", "K\x02", "K\x01") + "\x88NtRss.", "",
			map[string]Tensor{"m.a": {[]int{2}, []float32{1, -2}}}},
		{"settings of a class that is not known", "}U\x01acargparse\nNamespace\n)\x81}U\x01bK\x01sbsU\x01c" + tensorOf("BFloat16", "4", "K\x01", "K\x01") + "s.", "",
			map[string]Tensor{"c": {[]int{1}, []float32{0}}}},
		{"a function that is called", "}U\x01acos\nsystem\n(U\x04truetRsU\x01c" + tensorOf("Float", "2", "K\x01", "K\x01") + "s.", "", map[string]Tensor{"c": {[]int{1}, []float32{1}}}},
		{"numbers of another type", "}U\x01a" + tensorOf("Long", "1", "K\x01", "K\x01") + "s.", "holds no tensor of floating-point numbers", nil},
		{"a storage of more values than bytes", "}U\x01a" + tensorOf("Float", "1152921504606846976", "K\x02", "K\x01") + "s.", "has 8 bytes, and is said to have 1152921504606846976 values", nil},
		{"a shape beyond the storage", "}U\x01a" + tensorOf("Float", "2", "K\x03", "K\x01") + "s.", "its shape is [3]", nil},
		{"a shape whose product overflows", "}U\x01a" + tensorOf("Float", "2", strings.Repeat("K\x02", 64), strings.Repeat("K\x00", 64)) + "s.", "2 values are stored", nil},
		{"steps beyond the storage", "}U\x01a" + tensorOf("Float", "2", "K\x02", "K\x02") + "s.", "2 elements up to place 2", nil},
		{"many axes", "}U\x01a" + tensorOf("Float", "2", wide, wide) + "s.", "", map[string]Tensor{"a": {slices.Repeat([]int{1}, 30), []float32{1}}}},
		{"a text of 4 GiB", "}X\xff\xff\xff\xffa.", "states a length of 4294967295 where 2 bytes are left", nil},
		{"bytes of 2^63", "}\x8e\xff\xff\xff\xff\xff\xff\xff\x7fa.", "states a length of 9223372036854775807", nil},
		{"a frame of 2^60", "\x95\x00\x00\x00\x00\x00\x00\x00\x10}.", "states a length of 1152921504606846976", nil},
		{"a whole number of a million digits", "\x8b\x40\x42\x0f\x00" + strings.Repeat("1", 1000000) + ".", "states a length of 1000000", nil},
		{"operations without end", strings.Repeat("}", 3<<20) + ".", "more than 2097152 operations", nil},
		{"dictionaries in each other", deep + ".", "deeper than 32", nil},
		{"a dictionary that holds itself", "}q\x00K\x01h\x00s.", "deeper than 32", nil},
		{"dictionaries that double", laughs + ".", "more than 1048576 values", nil},
		{"no end", "}", "it ends early", nil},
		{"a storage that is not there", strings.Replace("}U\x01a"+tensorOf("Float", "2", "K\x02", "K\x01")+"s.", "X\x01\x00\x00\x000", "X\x01\x00\x00\x001", 1), "it lacks archive/data/1", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Read(pickled(t, tc.program, map[string]string{"0": two}))
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %.300v, want one with %q", err, tc.want)
			}
			if d := cmp.Diff(tc.tensors, got, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestTensorsThatShareAStorageAreBounded refuses a file that would become a thousand times as large.
func TestTensorsThatShareAStorageAreBounded(t *testing.T) {
	program := "}"
	tensor := tensorOf("Float", "65536", "J\x00\x00\x01\x00", "K\x01")
	for i := range 1000 {
		program += fmt.Sprintf("U\x03%03d%ss", i, tensor)
	}
	if _, err := Read(pickled(t, program+".", map[string]string{"0": strings.Repeat("\x00", 4<<16)})); err == nil || !strings.Contains(err.Error(), "many times the values") {
		t.Errorf("error %v", err)
	}
}

// TestEntriesThatLieOverEachOtherAreBounded reads one storage by many names: each would be a copy.
func TestEntriesThatLieOverEachOtherAreBounded(t *testing.T) {
	program, tensor := "}", tensorOf("Float", "65536", "K\x01", "K\x01")
	for i := range 30 {
		key := strings.Repeat("./", i) + "0"
		program += fmt.Sprintf("U\x03%03d%ss", i, strings.Replace(tensor, "X\x01\x00\x00\x000", fmt.Sprintf("X%c\x00\x00\x00%s", len(key), key), 1))
	}
	if _, err := Read(pickled(t, program+".", map[string]string{"0": strings.Repeat("\x00", 4<<16)})); err == nil || !strings.Contains(err.Error(), "larger than it can be") {
		t.Errorf("error %v", err)
	}
}

// TestChecksumsOfAZip changes a value, the checksums, or both: PyTorch writes 0 where it is told to compute none.
func TestChecksumsOfAZip(t *testing.T) {
	const value = "\x00\x00\x80\x3f"
	program := "}U\x01a" + tensorOf("Float", "1", "K\x01", "K\x01") + "s."
	for _, tc := range []struct {
		name            string
		spoilt, without bool
		want            string
	}{
		{"as it was written", false, false, ""},
		{"a value has changed", true, false, "its archive/data/0 is damaged: it has another checksum"},
		{"without checksums", false, true, ""},
		{"without checksums a value may change", true, true, ""},
	} {
		b := archived(t, program, map[string]string{"0": value})
		if tc.without {
			for _, content := range []string{program, value} {
				b = bytes.ReplaceAll(b, binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(content))), make([]byte, 4))
			}
		}
		if tc.spoilt {
			b = bytes.Replace(b, []byte(value), []byte("\x00\x00\x00\x40"), 1)
		}
		entries, _, err := parsePickle(b)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
		if err == nil && len(entries) != 1 {
			t.Errorf("%s: %d tensors", tc.name, len(entries))
		}
	}
}

func TestDescribe(t *testing.T) {
	path := pickled(t, "}U\x01b"+tensorOf("Float", "2", "K\x02", "K\x01")+"sU\x01a}U\x01n"+strings.ReplaceAll(tensorOf("Long", "1", "", ""), "X\x01\x00\x00\x000", "X\x01\x00\x00\x001")+"ss.",
		map[string]string{"0": "12345678", "1": "12345678"})
	d, err := Describe(path)
	want := &Description{Format: "PyTorch (zip)", Tensors: []Info{{"a.n", "I64", []int{}}, {"b", "F32", []int{2}}}}
	if diff := cmp.Diff(want, d); diff != "" || err != nil {
		t.Error(diff, err)
	}
	file := filepath.Join(t.TempDir(), "x.safetensors")
	f, err := os.Create(file)
	if err == nil {
		err = safetensors.SerializeToWriter(map[string]stored{"w": {safetensors.F16, []uint64{1, 2}, make([]byte, 4)}}, map[string]string{"format": "pt"}, f)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	d, err = Describe(file)
	want = &Description{Format: "safetensors", Tensors: []Info{{"w", "F16", []int{1, 2}}}, Metadata: map[string]string{"format": "pt"}}
	if diff := cmp.Diff(want, d); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// FuzzSafetensors reads hostile files: an error or tensors, never a crash.
func FuzzSafetensors(f *testing.F) {
	f.Add([]byte("\x40\x00\x00\x00\x00\x00\x00\x00" + `{"w":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}        ` + "\x00\x3c\x00\x3c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		Read(path)
		Describe(path)
	})
}

// FuzzPickle reads hostile files of both forms: an error or tensors, never a crash.
func FuzzPickle(f *testing.F) {
	f.Add([]byte("\x80\x02}q\x00."))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.M\xe9\x03.}.}U\x01a" + tensorOf("Float", "2", "K\x02", "K\x01") + "s.]U\x010a.\x02\x00\x00\x00\x00\x00\x00\x0012345678"))
	f.Add([]byte("}U\x01a" + tensorOf("Float", "2", "K\x02", "K\x01") + "s."))
	f.Fuzz(func(t *testing.T, b []byte) {
		if entries, _, err := parsePickle(b); err == nil {
			decode(entries)
		}
		entries, _, err := parsePickle(archived(t, string(b), map[string]string{"0": "12345678"}))
		if err == nil {
			decode(entries)
		}
	})
}
