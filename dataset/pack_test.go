package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// halve is a Scale that needs no package above this one: it drops pixels.
func halve(img Image, w, h int) (Image, error) {
	out := Image{w, h, make([]uint8, 3*w*h)}
	for y := range h {
		for x := range w {
			copy(out.Pix[3*(y*w+x):][:3], img.Pix[3*(y*img.Height/h*img.Width+x*img.Width/w):])
		}
	}
	return out, nil
}

// jpegOf is a JPEG of w by h pixels with some texture.
func jpegOf(t testing.TB, w, h int, v uint8) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = v + uint8(i*i>>7)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// photos is a folder of JPEGs of two classes and two splits, with n bad files.
func photos(t testing.TB, bad int) string {
	t.Helper()
	files := map[string][]byte{}
	for i := range 12 {
		class, split := []string{"cat", "dog"}[i%2], []string{"train", "train", "test"}[i%3]
		files[fmt.Sprintf("%s/%s/%02d.jpg", split, class, i)] = jpegOf(t, 20+3*i, 30-i, uint8(20*i))
	}
	for i := range bad {
		files[fmt.Sprintf("train/cat/bad%d.jpg", i)] = []byte("no image")
	}
	return tree(t, files)
}

// packOf packs a source and returns the file.
func packOf(t testing.TB, spec string, p Packing) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.pack")
	s, err := Open(t.Context(), spec, Options{Unchecked: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Pack(t.Context(), s, name, p); err != nil {
		t.Fatal(err)
	}
	return name
}

// same fails unless both sources have the same splits, images, labels and IDs.
func same(t *testing.T, got, want *Source) {
	t.Helper()
	if len(got.Splits) != len(want.Splits) {
		t.Fatalf("%d splits, want %d", len(got.Splits), len(want.Splits))
	}
	for split, w := range want.Splits {
		g, err := got.Split(split)
		if err != nil {
			t.Fatal(err)
		}
		gh, gerr := Hash(g)
		wh, werr := Hash(w)
		if gerr != nil || werr != nil || gh != wh {
			t.Errorf("%s: hash %s, %v, want %s, %v", split, gh, gerr, wh, werr)
		}
		for i := range w.Len() {
			if g.ID(i) != w.ID(i) {
				t.Errorf("%s: image %d is called %q, want %q", split, i, g.ID(i), w.ID(i))
			}
		}
	}
}

func TestPackedIsTheSource(t *testing.T) {
	spec := photos(t, 1)
	want, err := Open(t.Context(), spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	name := packOf(t, spec, Packing{})
	got, err := Open(t.Context(), name, Options{Strict: true})
	if err != nil || got.Format != "packed" {
		t.Fatalf("%+v, %v", got, err)
	}
	sound(t, got, nil)
	same(t, got, want)
	if kept, all := got.Kept(); kept != 0 || all == 0 {
		t.Errorf("%d of %d bytes are kept in memory", kept, all)
	}
	if _, err := os.Stat(name + ".partial"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the partial file is there: %v", err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := readPacked("x", bytes.NewReader(b), int64(len(b)), Options{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	same(t, plain, want) // read from the file, not mapped
}

func TestPackScalesDownNeverUp(t *testing.T) {
	s, err := Open(t.Context(), packOf(t, photos(t, 0), Packing{Side: 24, Scale: halve}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]string{}
	for _, d := range s.Splits {
		for i := range d.Len() {
			w, h, err := Size(d, i)
			if err != nil {
				t.Fatal(err)
			}
			sizes[filepath.Base(d.ID(i))] = fmt.Sprint(w, " ", h)
		}
	}
	want := map[string]string{
		"00.jpg": "20 30", "01.jpg": "23 29", "02.jpg": "24 26", // 26 x 28: 24 x 25.8
		"03.jpg": "26 24", "04.jpg": "30 24", "05.jpg": "34 24", // 29 x 27, 32 x 26, 35 x 25
		"06.jpg": "38 24", "07.jpg": "41 23", "08.jpg": "44 22", "09.jpg": "47 21", "10.jpg": "50 20", "11.jpg": "53 19",
	}
	if diff := cmp.Diff(want, sizes); diff != "" {
		t.Error(diff)
	}
}

// TestPackGoesOn cuts the partial file of a finished pack anywhere, as a kill
// does, and spoils its end.
func TestPackGoesOn(t *testing.T) {
	spec := photos(t, 1)
	whole, err := os.ReadFile(packOf(t, spec, Packing{}))
	if err != nil {
		t.Fatal(err)
	}
	fresh := func() *Source {
		s, err := Open(t.Context(), spec, Options{Unchecked: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	most := 0
	for cut := 0; cut <= len(whole); cut += 997 {
		for _, spoil := range []bool{false, true} {
			name := filepath.Join(t.TempDir(), "x.pack")
			partial := bytes.Clone(whole[:cut])
			if spoil && cut > 2*headerBytes {
				partial[cut-headerBytes] ^= 1
			}
			if err := os.WriteFile(name+".partial", partial, 0o600); err != nil {
				t.Fatal(err)
			}
			done, err := Pack(t.Context(), fresh(), name, Packing{})
			if err != nil {
				t.Fatalf("cut to %d: %v", cut, err)
			}
			most = max(most, done.Resumed)
			if done.Images != 12 || len(done.Skipped) != 1 || done.Bytes != int64(len(whole)) {
				t.Errorf("cut to %d: %+v", cut, done)
			}
			if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, whole) {
				t.Errorf("cut to %d: %d bytes, %v, want the same %d", cut, len(got), err, len(whole))
			}
		}
	}
	if most < 10 {
		t.Errorf("at most %d images were gone on after", most)
	}
}

func TestPackStopsAndGoesOn(t *testing.T) {
	spec, name := photos(t, 0), filepath.Join(t.TempDir(), "x.pack")
	ctx, stop := context.WithCancelCause(t.Context())
	halt := errors.New("halt")
	open := func() *Source {
		s, err := Open(t.Context(), spec, Options{Unchecked: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	_, err := Pack(ctx, open(), name, Packing{Progress: func(done, _ int) {
		if done == 5 {
			stop(halt)
		}
	}})
	if !errors.Is(err, halt) || !strings.Contains(err.Error(), "stopped after 5 of 12 images; the same command goes on") {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), name+".partial", Options{}); err == nil || !strings.Contains(err.Error(), "packing it was not finished") {
		t.Error(err)
	}
	if _, err := Pack(t.Context(), open(), name, Packing{Side: 4, Scale: halve}); err == nil || !strings.Contains(err.Error(), "begun with other images or another --size") {
		t.Error(err)
	}
	done, err := Pack(t.Context(), open(), name, Packing{})
	if err != nil || done.Resumed != 5 || done.Images != 12 {
		t.Errorf("%+v, %v", done, err)
	}
	if _, err := Pack(t.Context(), open(), name, Packing{}); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Error(err)
	}
}

func TestPackNoticesAnotherSource(t *testing.T) {
	spec, name := photos(t, 0), filepath.Join(t.TempDir(), "x.pack")
	s, err := Open(t.Context(), spec, Options{Unchecked: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	if _, err := Pack(ctx, s, name, Packing{Progress: func(int, int) { stop() }}); err == nil {
		t.Fatal("not stopped")
	}
	first := filepath.Join(spec, filepath.FromSlash(s.Splits[Test].ID(0)))
	if err := os.WriteFile(first, jpegOf(t, 8, 8, 9), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Pack(t.Context(), s, name, Packing{}); err == nil || !strings.Contains(err.Error(), "was begun with another image") {
		t.Error(err)
	}
}

func TestPackLeavesBadFilesOut(t *testing.T) {
	spec := photos(t, 4)
	for _, tc := range []struct {
		name string
		p    Packing
		want string
	}{
		{"too many bad files", Packing{}, "4 of 16 images cannot be read, more than 10 %"},
		{"strict", Packing{Strict: true}, "bad0.jpg cannot be read: not an image"},
		{"allowed", Packing{MaxBad: 0.5}, ""},
	} {
		s, err := Open(t.Context(), spec, Options{Unchecked: true})
		if err != nil {
			t.Fatal(err)
		}
		done, err := Pack(t.Context(), s, filepath.Join(t.TempDir(), "x"), tc.p)
		switch {
		case tc.want == "" && (err != nil || done.Images != 12 || len(done.Skipped) != 4):
			t.Errorf("%s: %+v, %v", tc.name, done, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestDamagedPack flips every byte in turn: opening or reading fails, or the
// byte is one that only an unfinished file needs.
func TestDamagedPack(t *testing.T) {
	name := packOf(t, photos(t, 0), Packing{Side: 6, Scale: halve})
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	read := func(b []byte) error {
		s, err := readPacked("x", bytes.NewReader(b), int64(len(b)), Options{}.withDefaults())
		if err != nil {
			return err
		}
		for _, d := range s.Splits {
			if _, err := Hash(d); err != nil {
				return err
			}
		}
		return nil
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	unnoticed := 0
	for i := range whole {
		spoilt := bytes.Clone(whole)
		spoilt[i] ^= 0x40
		if err := read(spoilt); err == nil {
			unnoticed++
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	if want := 12 * recordBytes; unnoticed != want {
		t.Errorf("%d bytes can change unnoticed, want the %d of the records' heads", unnoticed, want)
	}
	for n := range len(whole) {
		if err := read(whole[:n]); err == nil {
			t.Fatalf("a file cut to %d of %d bytes is read", n, len(whole))
		}
	}
}

func TestDamagedPixelsAreNamed(t *testing.T) {
	name := packOf(t, photos(t, 0), Packing{})
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[headerBytes+recordBytes+7] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := s.Splits[Test] // the first in the file
	if _, err := Hash(d); err == nil || !strings.Contains(err.Error(), d.ID(0)+": its pixels are damaged (checksum ") {
		t.Error(err)
	}
	if _, err := d.Image(1); err != nil {
		t.Errorf("the next image: %v", err)
	}
}

func TestLazyImagesAreTheSame(t *testing.T) {
	spec := photos(t, 1)
	want, err := Open(t.Context(), spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, all := want.Kept()
	for _, o := range []Options{{CacheBytes: 1}, {CacheBytes: all / 2}, {CacheBytes: all}} {
		got, err := Open(t.Context(), spec, o)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
		if kept, gotAll := got.Kept(); kept > o.CacheBytes || kept == 0 && o.CacheBytes > 1 || gotAll != all {
			t.Errorf("%d of %d bytes are kept, want at most %d of %d", kept, gotAll, o.CacheBytes, all)
		}
	}
}

func FuzzPacked(f *testing.F) {
	for _, side := range []int{0, 4} {
		b, err := os.ReadFile(packOf(f, photos(f, 1), Packing{Side: side, Scale: halve}))
		if err != nil {
			f.Fatal(err)
		}
		at := bytes.LastIndex(b, []byte("\x02\x00\x00\x00\x03\x00\x00\x00cat")) // the index
		f.Add(b[at:], uint32(at))
	}
	f.Fuzz(func(t *testing.T, index []byte, pixels uint32) {
		pixels = headerBytes + pixels%(1<<16)
		h := header{indexAt: uint64(pixels), indexLength: uint64(len(index)), indexSum: sumOf(index)}
		file := append(append(h.encode(), make([]byte, pixels-headerBytes)...), index...)
		bounded(t, file, func() {
			s, err := readPacked("x", bytes.NewReader(file), int64(len(file)), small)
			if err != nil {
				if s != nil || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v and %v", s, err)
				}
				return
			}
			for _, d := range s.Splits {
				p := d.(*packedSplit)
				for i, e := range p.images { // pixels of the fuzzer's files have no right checksums
					if _, err := p.store.at(e.at, 3*e.width*e.height); err != nil || e.label < -1 || e.label >= len(p.classes) || printable(p.ID(i)) != p.ID(i) {
						t.Errorf("image %d: %+v, %v", i, e, err)
					}
				}
			}
		})
	})
}

func FuzzPackedFile(f *testing.F) {
	b, err := os.ReadFile(packOf(f, photos(f, 0), Packing{Side: 4, Scale: halve}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte(packedMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, b, func() {
			s, err := readPacked("x", bytes.NewReader(b), int64(len(b)), small)
			if err != nil {
				return
			}
			for _, d := range s.Splits {
				for i := range d.Len() {
					d.Image(i) // may say that it is damaged, and must not panic
				}
			}
		})
	})
}

func TestPackWithASplitWithoutClasses(t *testing.T) {
	images := []Image{{1, 1, []uint8{1, 2, 3}}}
	s := &Source{Spec: "x", Splits: map[string]Dataset{
		Gallery: &Memory{Images: images},
		Train:   &Memory{Images: images, Labels: []int{1}, Names: []string{"cat", "dog"}},
	}}
	name := filepath.Join(t.TempDir(), "x.pack")
	if _, err := Pack(t.Context(), s, name, Packing{}); err != nil {
		t.Fatal(err)
	}
	got, err := Open(t.Context(), name, Options{})
	if err != nil || listing(got) != "gallery: 0=-\ntrain: 0=dog" {
		t.Errorf("%v, %v", got, err)
	}
}
