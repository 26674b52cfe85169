package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"image/gif"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// small are options that leave a parser little memory.
var small = Options{MaxBytes: 1 << 20, MaxFileBytes: 1 << 18, MaxPixels: 1 << 14, MaxBad: 1}.withDefaults()

// bounded runs a parser on hostile input and checks how much it allocates:
// some copies of what small allows, and what a decoder takes to begin with.
func bounded(t *testing.T, input []byte, parse func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	parse()
	runtime.ReadMemStats(&after)
	if n, most := after.TotalAlloc-before.TotalAlloc, uint64(64<<20+64*len(input)); n > most {
		t.Errorf("%d bytes of input allocate %d, want at most %d", len(input), n, most)
	}
}

// sound checks what Open promises of a source.
func sound(t *testing.T, s *Source, err error) {
	t.Helper()
	if err != nil {
		return
	}
	for split, d := range s.Splits {
		ids := map[string]bool{}
		for i := range d.Len() {
			img, err := d.Image(i)
			if err != nil || img.Width < 1 || img.Height < 1 || len(img.Pix) != 3*img.Width*img.Height {
				t.Errorf("%s: image %d is %d x %d with %d bytes, %v", split, i, img.Width, img.Height, len(img.Pix), err)
			}
			if l := d.Label(i); l < -1 || l >= len(d.Classes()) {
				t.Errorf("%s: image %d has label %d of %d", split, i, l, len(d.Classes()))
			}
			if id := d.ID(i); ids[id] || printable(id) != id {
				t.Errorf("%s: image %d is called %q", split, i, id)
			} else {
				ids[id] = true
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Add([]byte{0xff, 0xd8, 0xff})
	f.Add(unbase64(f, webpRed))
	f.Add(unbase64(f, jpegProgressive))
	f.Add(unbase64(f, jpegCMYK))
	f.Add(withEXIF(encoded(f, func(b *bytes.Buffer) error { return jpeg.Encode(b, four(), nil) }), binary.LittleEndian, 6))
	f.Add(encoded(f, func(b *bytes.Buffer) error { return bmp.Encode(b, four()) }))
	f.Add(encoded(f, func(b *bytes.Buffer) error { return gif.Encode(b, four(), nil) }))
	f.Add(encoded(f, func(b *bytes.Buffer) error {
		return tiff.Encode(b, four(), &tiff.Options{Compression: tiff.Deflate})
	}))
	f.Add(claiming(pngFile(f, 1, 0), 60000, 60000))
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, b, func() {
			img, _, err := decode(b, small.MaxPixels)
			if err == nil && (len(img.Pix) != 3*img.Width*img.Height || img.Width*img.Height > small.MaxPixels) {
				t.Errorf("%d x %d has %d bytes", img.Width, img.Height, len(img.Pix))
			}
		})
	})
}

func FuzzTar(f *testing.F) {
	p := pngFile(f, 2, 9)
	f.Add(tarOf(f, member{"a/1.png", p}, member{"../b/1.png", p}))
	f.Add(gzipped(f, tarOf(f, member{"1.png", p}, member{"1.cls", []byte("3")}, member{"2.png", nil}, member{"2.json", []byte("{}")})))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.tar")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, open := range []func(context.Context, string, Options) (*Source, error){openArchive, openWebDataset, openCIFAR, openSTL10} {
			bounded(t, b, func() {
				s, err := open(t.Context(), path, small)
				sound(t, s, err)
			})
		}
	})
}

func FuzzZip(f *testing.F) {
	p := pngFile(f, 2, 9)
	f.Add(zipOf(f, member{"a/1.png", p}, member{`..\b/1.png`, p}))
	f.Add(zipOf(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, b, func() {
			entries, err := zipEntries(bytes.NewReader(b), int64(len(b)), small)
			if err != nil {
				return
			}
			s, err := collect(t.Context(), "x", entries, small)
			sound(t, s, err)
		})
	})
}

func FuzzParquet(f *testing.F) {
	p := pngFile(f, 1, 9)
	for _, codec := range []compress.Codec{&parquet.Snappy, &parquet.Zstd, &parquet.Gzip, &parquet.Uncompressed} {
		f.Add(parquetOf(f, []string{"a", "b"}, codec, rowOf(p, 1), rowOf(p, -1), row{}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, b, func() {
			var used int64
			table, err := readImageTable(t.Context(), bytes.NewReader(b), int64(len(b)), &used, small)
			if err == nil && len(table.entries) != len(table.labels) {
				t.Errorf("%d images and %d labels", len(table.entries), len(table.labels))
			}
		})
	})
}

func FuzzIDX(f *testing.F) {
	f.Add([]byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40}, []byte{0, 0, 8, 1, 0, 0, 0, 2, 1, 0})
	f.Add([]byte{0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, []byte{})
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		root := t.TempDir()
		for name, b := range map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels} {
			if err := os.WriteFile(filepath.Join(root, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		bounded(t, append(images, labels...), func() {
			s, err := openIDX(t.Context(), root, small)
			sound(t, s, err)
		})
	})
}

func FuzzCIFAR(f *testing.F) {
	f.Add(make([]byte, 3073), []byte("cat\ndog\n"))
	f.Add([]byte{1}, []byte{})
	f.Fuzz(func(t *testing.T, b, names []byte) {
		for file, meta := range map[string]string{"test_batch.bin": "batches.meta.txt", "train.bin": "fine_label_names.txt"} {
			s, err := cifarSource("x", map[string][]byte{file: b, meta: names}, false)
			sound(t, s, err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte("path,label,split,query,box\na.png,1,train,yes,1 2 3 4\n\"b\",,,,\n"))
	f.Add([]byte(`{"path": "a", "label": [1, 2], "box": [1, 2, 3, 4]}` + "\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, b, func() {
			table, err := parseCSV(b)
			if err != nil && len(table) > 0 {
				t.Errorf("%d records and %v", len(table), err)
			}
			lines, err := parseJSONL(b)
			if err != nil {
				t.Error(err)
			}
			tabs, err := parseTSV(b)
			if err != nil && len(tabs) > 0 {
				t.Errorf("%d records and %v", len(tabs), err)
			}
			for _, records := range [][]record{table, lines, tabs} {
				entries, places := manifestEntries("x", records, small)
				if len(entries) < len(records) || len(entries) != len(places) {
					t.Errorf("%d records give %d entries in %d places", len(records), len(entries), len(places))
				}
				for _, e := range entries {
					if printable(e.name) != e.name || e.fault == nil && e.read == nil {
						t.Errorf("entry %+v", e)
					}
				}
			}
		})
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("x-{00..09}.tar")
	f.Add("{a,b}/{1..3}.tar")
	f.Fuzz(func(t *testing.T, pattern string) {
		if names, err := expand(pattern); err == nil && (len(names) == 0 || len(names) > mostShards) {
			t.Errorf("%q gives %d names", pattern, len(names))
		}
	})
}
