package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"alike/internal/testdata"
)

func pngFile(t testing.TB, side int, v uint8) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, side, side))
	for i := range m.Pix {
		m.Pix[i] = v
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tree writes files below a new folder.
func tree(t testing.TB, files map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for name, b := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// ids lists a data set as "id:label".
func ids(d Dataset) string {
	var out []string
	for i := range d.Len() {
		out = append(out, fmt.Sprintf("%s:%d", d.ID(i), d.Label(i)))
	}
	return strings.Join(out, " ")
}

func TestFolders(t *testing.T) {
	p := pngFile(t, 8, 1)
	for _, tc := range []struct {
		name  string
		files map[string][]byte
		want  map[string]string
	}{
		{"a folder per class", map[string][]byte{"b/1.png": p, "a/2.png": p, "a/1.png": p}, map[string]string{All: "a/1.png:0 a/2.png:0 b/1.png:1"}},
		{"a flat folder has no classes", map[string][]byte{"2.png": p, "1.png": p}, map[string]string{All: "1.png:-1 2.png:-1"}},
		{"splits", map[string][]byte{"train/a/1.png": p, "train/b/1.png": p, "val/b/2.png": p}, map[string]string{Train: "train/a/1.png:0 train/b/1.png:1", Test: "val/b/2.png:1"}},
		{"a split alone", map[string][]byte{"train/a/1.png": p, "train/b/1.png": p}, map[string]string{Train: "train/a/1.png:0 train/b/1.png:1"}},
		{"val beside test is a split of its own", map[string][]byte{"x/train/a/1.png": p, "x/val/a/1.png": p, "x/test/a/1.png": p}, map[string]string{Train: "x/train/a/1.png:0", Val: "x/val/a/1.png:0", Test: "x/test/a/1.png:0"}},
		{"a class may be called train", map[string][]byte{"train/1.png": p, "bus/1.png": p}, map[string]string{All: "bus/1.png:0 train/1.png:1"}},
		{"the first folder is the class", map[string][]byte{"a/x/1.png": p, "a/y/1.png": p, "b/1.png": p}, map[string]string{All: "a/x/1.png:0 a/y/1.png:0 b/1.png:1"}},
		{"images in a single folder have no class", map[string][]byte{"a/1.png": p, "a/2.png": p}, map[string]string{All: "a/1.png:-1 a/2.png:-1"}},
		{"other files and hidden ones are left out", map[string][]byte{"a/1.png": p, "a/x.txt": nil, "b/.h.png": p, "b/1.png": p, ".c/1.png": p}, map[string]string{All: "a/1.png:0 b/1.png:1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Open(t.Context(), tree(t, tc.files), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Splits) != len(tc.want) {
				t.Errorf("%d splits, want %d", len(s.Splits), len(tc.want))
			}
			for split, want := range tc.want {
				d, err := s.Split(split)
				if err != nil {
					t.Fatal(err)
				}
				if got := ids(d); got != want {
					t.Errorf("%s: %s, want %s", split, got, want)
				}
			}
		})
	}
}

func TestBrokenImagesAreSkippedAndNamed(t *testing.T) {
	root := tree(t, map[string][]byte{"a/1.png": pngFile(t, 4, 9), "a/2.jpg": []byte("a text file"), "b/1.png": pngFile(t, 4, 9)[:30]})
	s, err := Open(t.Context(), root, Options{MaxBad: 0.7})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Skipped) != 2 || s.Skipped[0].Name != "a/2.jpg" || !strings.Contains(s.Skipped[0].Err.Error(), "not an image: it begins with \"a text f\"") {
		t.Errorf("skipped %v", s.Skipped)
	}
	if _, err := Open(t.Context(), root, Options{Strict: true}); err == nil || !strings.Contains(err.Error(), "a/2.jpg cannot be read: not an image") {
		t.Errorf("strict: %v", err)
	}
}

func TestImagesBesideSplitsAreSkipped(t *testing.T) {
	p := pngFile(t, 4, 9)
	s, err := Open(t.Context(), tree(t, map[string][]byte{"preview.png": p, "train/a/1.png": p, "test/a/1.png": p}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Splits) != 2 || len(s.Skipped) != 1 || s.Skipped[0] != (Skipped{"preview.png", errOutside}) {
		t.Errorf("splits %v, skipped %v", s.Splits, s.Skipped)
	}
}

func TestLinkedFolder(t *testing.T) {
	p := pngFile(t, 4, 9)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(tree(t, map[string][]byte{"a/1.png": p, "b/1.png": p}), link); err != nil {
		t.Skip("this system makes no links")
	}
	s, err := Open(t.Context(), link, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := s.Split(All); ids(d) != "a/1.png:0 b/1.png:1" || d.Name() != "link (all)" {
		t.Errorf("%s: %s", d.Name(), ids(d))
	}
}

// An archive reads as the folder it was packed from.
func TestArchive(t *testing.T) {
	p, q := pngFile(t, 4, 9), pngFile(t, 5, 7)
	files := map[string][]byte{"b/1.png": p, "a/1.png": q, ".hidden/a/2.png": p, "a/._1.png": p, "a/notes.txt": p}
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for name, b := range files {
		w.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o644, Size: int64(len(b))})
		w.Write(b)
	}
	w.Close()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(packed.Bytes())
	z.Close()
	root := tree(t, map[string][]byte{"x.tar": packed.Bytes(), "x.tar.gz": zipped.Bytes()})
	sums := map[string]bool{}
	for _, spec := range []string{tree(t, files), filepath.Join(root, "x.tar"), "tar:" + filepath.Join(root, "x.tar.gz")} {
		s, err := Open(t.Context(), spec, Options{})
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.Split(All)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := Hash(d)
		if err != nil {
			t.Fatal(err)
		}
		if sums[sum] = true; ids(d) != "a/1.png:0 b/1.png:1" {
			t.Errorf("%s: %s", spec, ids(d))
		}
	}
	if len(sums) != 1 {
		t.Error("folder, tar and tar.gz differ in content")
	}
}

func TestArchiveWithAWrongChecksumIsRefused(t *testing.T) {
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	tw := tar.NewWriter(zw)
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	b := packed.Bytes()
	b[len(b)-8] ^= 1 // of the CRC-32
	file := filepath.Join(t.TempDir(), "a.tar.gz")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), file, Options{}); !errors.Is(err, gzip.ErrChecksum) {
		t.Errorf("the error is %v, want that of the checksum", err)
	}
}

func TestBadSources(t *testing.T) {
	record := make([]byte, 3073)
	damaged := bytes.Clone(record)
	damaged[0] = 77
	for _, tc := range []struct {
		name  string
		files map[string][]byte
		spec  string // below the folder
		want  string
	}{
		{"a path that is not there", nil, "nothing", "no such file or folder; a SPEC is a path or FORMAT:PATH, and the formats are " + strings.Join(Formats.Names(), ", ")},
		{"an empty folder", map[string][]byte{"x.txt": nil}, "", "no images in it (.jpg, .jpeg, .png, "},
		{"a truncated CIFAR file", map[string][]byte{"data_batch_1.bin": record[:3000]}, "", "data_batch_1.bin has 3000 bytes, want a multiple of 3073"},
		{"a damaged CIFAR label", map[string][]byte{"data_batch_1.bin": append(record, damaged...)}, "", "record 1 has label 77, want one below 10"},
		{"a file of no known format", map[string][]byte{"x.bin": nil}, "x.bin", "its format is not recognised; have"},
		{"an IDX file cut short", map[string][]byte{"train-images-idx3-ubyte": {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1}}, "", "holds 1 bytes after its header, want 8"},
		{"an IDX file that is none", map[string][]byte{"train-images-idx3-ubyte": []byte("hello, world")}, "", "want the IDX magic number 00000803"},
		{"an archive cut short", map[string][]byte{"x.tar": make([]byte, 100)}, "x.tar", "the archive ends early: it is cut short, copy or download it again"},
		{"images that are too large", map[string][]byte{"a.png": pngFile(t, 200, 1)}, "", "it has 200 x 200 pixels, want at most 10000"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Open(t.Context(), filepath.Join(tree(t, tc.files), tc.spec), Options{MaxPixels: 10000})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestAnUnknownFormatIsNamed(t *testing.T) {
	_, err := Open(t.Context(), "rar:photos.rar", Options{})
	if err == nil || !strings.Contains(err.Error(), `"rar" is no known format and there is no such file or folder; have `) {
		t.Errorf("got %v", err)
	}
}

func TestMissingCIFARFilesAreNamed(t *testing.T) {
	record := make([]byte, 3073)
	root := tree(t, map[string][]byte{"data_batch_1.bin": record, "data_batch_3.bin": record, "data_batch_5.bin": record, "test_batch.bin": record})
	s, err := Open(t.Context(), root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Missing) != 2 || s.Missing[0].Name != "data_batch_2.bin" || s.Missing[1].Name != "data_batch_4.bin" {
		t.Errorf("missing %v", s.Missing)
	}
	for _, prefix := range []string{"", "cifar:"} {
		s, err = Open(t.Context(), prefix+filepath.Join(root, "test_batch.bin"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d, err := s.Split(Test); err != nil || d.Len() != 1 || len(s.Splits) != 1 || len(s.Missing) != 0 {
			t.Errorf("%q: a single file has splits %v, %v", prefix, s.Splits, err)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	root := tree(t, map[string][]byte{"1.png": pngFile(t, 64, 1), "2.png": pngFile(t, 64, 1), "3.png": pngFile(t, 64, 1)})
	if _, err := Open(t.Context(), root, Options{MaxBytes: 20000}); err == nil || !strings.Contains(err.Error(), "of memory") {
		t.Errorf("got %v", err)
	}
}

func TestMemoryOfCIFARIsBounded(t *testing.T) {
	root := tree(t, map[string][]byte{"data_batch_1.bin": make([]byte, 3073), "test_batch.bin": make([]byte, 3073)})
	if _, err := Open(t.Context(), root, Options{MaxBytes: 4000}); err == nil || !strings.Contains(err.Error(), "of memory") {
		t.Errorf("got %v", err)
	}
}

func TestIDXSplitsShareTheirClasses(t *testing.T) {
	image := func(n byte) []byte {
		return append([]byte{0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, n)...)
	}
	s, err := Open(t.Context(), tree(t, map[string][]byte{
		"train-images-idx3-ubyte": image(3), "train-labels-idx1-ubyte": {0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2},
		"t10k-images-idx3-ubyte": image(2), "t10k-labels-idx1-ubyte": {0, 0, 8, 1, 0, 0, 0, 2, 0, 1},
	}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range []string{Train, Test} {
		d, err := s.Split(split)
		if err != nil || !slices.Equal(d.Classes(), []string{"0", "1", "2"}) {
			t.Errorf("%s has classes %q, error %v", split, d.Classes(), err)
		}
	}
}

func TestSplitsOfIDX(t *testing.T) {
	image := []byte{0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7}
	for _, tc := range []struct {
		name  string
		files []string
		want  string // the splits, or what is wrong
	}{
		{"MNIST", []string{"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"}, "test train"},
		{"EMNIST", []string{"emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters-test-images-idx3-ubyte.gz"}, "test train"},
		{"val in place of test", []string{"train-images.idx3-ubyte", "val-images.idx3-ubyte"}, "test train"},
		{"no split", []string{"images-idx3-ubyte"}, "all"},
		{"a file and what it was unpacked from", []string{"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"}, "train"},
		{"a file and its copy", []string{"train-images-idx3-ubyte", "train-images-copy-idx3-ubyte"}, "train-images-copy-idx3-ubyte and train-images-idx3-ubyte are both of the split train; want one"},
	} {
		files := map[string][]byte{}
		for _, name := range tc.files {
			files[name] = image
		}
		s, err := Open(t.Context(), tree(t, files), Options{})
		got := fmt.Sprint(err)
		if err == nil {
			got = strings.Join(sortedKeys(s.Splits), " ")
		}
		if got != tc.want && (err == nil || !strings.Contains(got, tc.want)) {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestIDX(t *testing.T) {
	images := []byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40}
	labels := []byte{0, 0, 8, 1, 0, 0, 0, 2, 1, 0}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(labels)
	z.Close()
	for _, tc := range []struct {
		name  string
		files map[string][]byte
		want  string
	}{
		{"with labels", map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels}, "0:1 1:0"},
		{"with compressed labels", map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte.gz": zipped.Bytes()}, "0:1 1:0"},
		{"without labels", map[string][]byte{"train-images-idx3-ubyte": images}, "0:-1 1:-1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Open(t.Context(), tree(t, tc.files), Options{})
			if err != nil {
				t.Fatal(err)
			}
			d, err := s.Split(Train)
			if err != nil {
				t.Fatal(err)
			}
			img, _ := d.Image(1)
			if ids(d) != tc.want || img.Width != 2 || !bytes.Equal(img.Pix, []byte{30, 30, 30, 40, 40, 40}) {
				t.Errorf("%s, image 1 is %v", ids(d), img)
			}
		})
	}
}

// Records of CIFAR-100 hold a coarse and a fine label; the fine one counts.
func TestCIFAR100(t *testing.T) {
	record := make([]byte, 2+3*cifarPixels)
	record[0], record[1] = 3, 99
	record[2], record[2+cifarPixels], record[2+2*cifarPixels] = 7, 8, 9
	s, err := Open(t.Context(), tree(t, map[string][]byte{"cifar-100-binary/train.bin": record, "cifar-100-binary/test.bin": record}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Split(Test)
	if err != nil {
		t.Fatal(err)
	}
	img, _ := d.Image(0)
	if s.Format != "cifar" || ids(d) != "test/00000:99" || len(d.Classes()) != 100 || !bytes.Equal(img.Pix[:4], []byte{7, 8, 9, 0}) {
		t.Errorf("%s: %s of %d classes, pixels %v", s.Format, ids(d), len(d.Classes()), img.Pix[:4])
	}
}

func TestCancelled(t *testing.T) {
	root := tree(t, map[string][]byte{"1.png": pngFile(t, 4, 1)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, root, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDecodeToRGB(t *testing.T) {
	clear := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	clear.Set(0, 0, color.NRGBA{R: 255, A: 128})
	var b bytes.Buffer
	if err := png.Encode(&b, clear); err != nil {
		t.Fatal(err)
	}
	img, err := Decode(b.Bytes(), 100)
	if err != nil {
		t.Fatal(err)
	}
	if img.Pix[0] != 255 || img.Pix[1] < 126 || img.Pix[1] > 128 {
		t.Errorf("half transparent red is %v, want it on white", img.Pix)
	}
	if img, err = Decode(pngFile(t, 1, 77), 100); err != nil || !bytes.Equal(img.Pix, []byte{77, 77, 77}) {
		t.Errorf("gray is %v, %v", img.Pix, err)
	}
	b.Reset()
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 20, 10)), nil); err != nil {
		t.Fatal(err)
	}
	if img, err = Decode(b.Bytes(), 1000); err != nil || img.Width != 20 || img.Height != 10 {
		t.Errorf("JPEG: %d x %d, %v", img.Width, img.Height, err)
	}
}

func TestHashSeesContentOnly(t *testing.T) {
	a := &Memory{Title: "a", Images: []Image{{1, 1, []uint8{1, 2, 3}}, {1, 1, []uint8{4, 5, 6}}}, Labels: []int{0, 1}, Names: []string{"x", "y"}}
	same := &Memory{Title: "b", Images: a.Images, Labels: a.Labels, Names: a.Names, IDs: []string{"p", "q"}}
	relabelled := &Memory{Images: a.Images, Labels: []int{1, 0}, Names: a.Names}
	h := func(d Dataset) string {
		s, err := Hash(d)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if h(a) != h(same) {
		t.Error("the title or the ids change the hash")
	}
	for name, d := range map[string]Dataset{"labels": relabelled, "order": Subset(a, "", []int{1, 0}), "number": Subset(a, "", []int{0})} {
		if h(d) == h(a) {
			t.Errorf("the %s do not change the hash", name)
		}
	}
}

func TestDescribe(t *testing.T) {
	d := &Memory{Images: []Image{{2, 1, []uint8{0, 0, 255, 255, 0, 255}}, {1, 1, []uint8{0, 0, 255}}}, Labels: []int{1, -1}, Names: []string{"x", "y"}}
	got, err := Describe(d)
	want := Statistics{Images: 2, Classes: map[string]int{"y": 1}, Sizes: map[string]int{"2x1": 1, "1x1": 1}, Mean: [3]float64{1. / 3, 0, 1}, Std: [3]float64{math.Sqrt(2. / 9), 0, 0}, MinSide: 1}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if got, err := Describe(&Memory{}); err != nil || got.MinSide != 0 || got.Mean != [3]float64{} {
		t.Errorf("no images: %+v, %v", got, err)
	}
}

func TestCIFAR10(t *testing.T) {
	s, err := Open(t.Context(), testdata.Path(t, "cifar-10-binary.tar.gz"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for split, perClass := range map[string]int{Train: 5000, Test: 1000} {
		d, err := s.Split(split)
		if err != nil {
			t.Fatal(err)
		}
		st, err := Describe(d)
		if err != nil {
			t.Fatal(err)
		}
		if s.Format != "cifar" || st.Images != 10*perClass || st.Sizes["32x32"] != st.Images || st.Classes["airplane"] != perClass || st.Classes["truck"] != perClass {
			t.Errorf("%s: %+v", split, st)
		}
		if split == Train && fmt.Sprintf("%.4f %.4f", st.Mean, st.Std) != "[0.4914 0.4822 0.4465] [0.2470 0.2435 0.2616]" {
			t.Errorf("mean %.4f, deviation %.4f", st.Mean, st.Std) // the figures everybody normalises with
		}
	}
}

func TestMNIST(t *testing.T) {
	s, err := Open(t.Context(), filepath.Dir(testdata.Path(t, "mnist/t10k-images-idx3-ubyte.gz")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Split(Test)
	if err != nil {
		t.Fatal(err)
	}
	if d.Len() != 10000 || len(d.Classes()) != 10 || d.Label(0) != 7 {
		t.Errorf("%d images, %d classes, the first a %d", d.Len(), len(d.Classes()), d.Label(0))
	}
}

func TestCUB(t *testing.T) {
	s, err := Open(t.Context(), testdata.Path(t, "cub-100-64.tar.gz"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Split(All)
	if err != nil {
		t.Fatal(err)
	}
	if d.Len() != 5902 || len(d.Classes()) != 100 || s.Format != "tar" {
		t.Errorf("%d images, %d classes, format %s", d.Len(), len(d.Classes()), s.Format)
	}
}
