package jpeg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math/rand/v2"
	"testing"
)

// sample is an image of waves and noise.
func sample(w, h int, noise int) *image.RGBA {
	r, m := rand.New(rand.NewPCG(uint64(w), uint64(h))), image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			v := func(a, b int) uint8 { return uint8(min(max(128+(x*a+y*b)%200-100+r.IntN(noise+1)-noise/2, 0), 255)) }
			m.SetRGBA(x, y, color.RGBA{v(3, 1), v(-2, 5), v(1, -4), 255})
		}
	}
	return m
}

func encode(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// files are JPEGs of gray and 4:2:0, which image/jpeg writes, by name.
func files(t testing.TB) map[string][]byte {
	gray := image.NewGray(image.Rect(0, 0, 21, 13))
	draw.Draw(gray, gray.Rect, sample(21, 13, 50), image.Point{}, draw.Src)
	return map[string][]byte{
		"colours":     encode(t, sample(61, 47, 30), 90),
		"one pixel":   encode(t, sample(1, 1, 0), 75),
		"noise":       encode(t, sample(40, 33, 255), 100),
		"flat":        encode(t, image.NewRGBA(image.Rect(0, 0, 50, 20)), 50),
		"large codes": encode(t, sample(64, 64, 255), 98),
		"strong":      encode(t, sample(48, 48, 200), 3),
		"gray":        encode(t, gray, 80),
		"4:4:4":       resampled(encode(t, sample(32, 32, 40), 90), 0x11, 16, 16),
		"4:2:2":       resampled(encode(t, sample(64, 32, 40), 90), 0x21, 64, 16),
		"4:4:0":       resampled(encode(t, sample(64, 32, 40), 90), 0x12, 32, 32),
		"narrow":      encode(t, sample(17, 90, 60), 85),
	}
}

// resampled says of a 4:2:0 file that its luma has other sampling factors, so
// that its blocks mean another image of w by h pixels; some are left over.
func resampled(file []byte, factors byte, w, h uint16) []byte {
	at := bytes.Index(file, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(file[at+5:], h)
	binary.BigEndian.PutUint16(file[at+7:], w)
	file[at+11] = factors
	return file
}

// reference decodes with image/jpeg and image/draw.
func reference(file []byte) (*image.RGBA, error) {
	m, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	out := image.NewRGBA(image.Rectangle{Max: m.Bounds().Size()})
	draw.Draw(out, out.Rect, m, m.Bounds().Min, draw.Src)
	return out, nil
}

// compare wants the pixels within r to be the reference's.
func compare(t *testing.T, pix []uint8, want *image.RGBA, r image.Rectangle) {
	t.Helper()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			got, want := pix[3*(y*want.Rect.Dx()+x):][:3], want.Pix[want.PixOffset(x, y):][:3]
			if !bytes.Equal(got, want) {
				t.Fatalf("pixel (%d, %d) is %v, want %v", x, y, got, want)
			}
		}
	}
}

func TestSameBitsAsImageJPEG(t *testing.T) {
	var d Decoder
	var pix []uint8
	for name, file := range files(t) {
		want, err := reference(file)
		all := image.Rectangle{}
		if err == nil {
			all = want.Rect
		}
		var w, h int
		var got error
		if pix, w, h, got = d.Decode(pix, file, nil); got == nil {
			if err != nil || w != all.Dx() || h != all.Dy() {
				t.Errorf("%s: %d x %d, want %v, %v", name, w, h, all, err)
				continue
			}
			compare(t, pix, want, all)
		} else if bytes.IndexByte([]byte("4"), name[0]) < 0 { // those have blocks left over
			t.Errorf("%s: %v", name, got)
		}
		if err != nil {
			continue
		}
		for _, r := range []image.Rectangle{{Max: image.Pt(1, 1)}, {image.Pt(all.Dx()/3, all.Dy()/2), image.Pt(all.Dx(), all.Dy()*2/3+1)}, {all.Max.Sub(image.Pt(1, 1)), all.Max}} {
			var part []uint8
			part, _, _, got = d.Decode(bytes.Repeat([]byte{7}, 3*all.Dx()*all.Dy()), file, func(w, h int) image.Rectangle { return r })
			if got != nil {
				if r.Max.Y != all.Max.Y {
					t.Errorf("%s, %v: %v", name, r, got)
				}
				continue
			}
			compare(t, part, want, r)
		}
	}
}

// TestRestartMarkers makes a file of four blocks out of one block, each an interval.
func TestRestartMarkers(t *testing.T) {
	file := encode(t, image.NewGray(image.Rect(0, 0, 8, 32)), 90) // equal blocks
	at := bytes.Index(file, []byte{0xff, 0xda})
	first := encode(t, image.NewGray(image.Rect(0, 0, 8, 8)), 90)
	code := first[bytes.Index(first, []byte{0xff, 0xda})+10 : len(first)-2] // a block, filled up
	var b []byte
	b = append(b, file[:at]...)
	b = append(b, 0xff, 0xdd, 0, 4, 0, 1)
	b = append(b, file[at:at+10]...)
	for i := range 4 {
		b = append(b, code...)
		if i < 3 {
			b = append(b, 0xff, 0xd0+byte(i))
		}
	}
	b = append(b, 0xff, 0xd9)
	want, err := reference(b)
	if err != nil {
		t.Fatal(err)
	}
	var d Decoder
	pix, _, _, err := d.Decode(nil, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, pix, want, want.Rect)
	b[bytes.Index(b, []byte{0xff, 0xd1})+1] = 0xd3
	if _, _, _, err := d.Decode(nil, b, nil); !errors.Is(err, ErrOther) {
		t.Errorf("a wrong restart marker: %v", err)
	}
}

func TestCutFilesAreLeftToOthers(t *testing.T) {
	var d Decoder
	file := encode(t, sample(61, 47, 30), 90)
	for n := range len(file) {
		if _, _, _, err := d.Decode(nil, file[:n], nil); !errors.Is(err, ErrOther) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(file), err)
		}
	}
}

// A file may name a table that only the file before it had.
func TestTablesOfOtherFilesAreNotUsed(t *testing.T) {
	var d Decoder
	file := encode(t, sample(16, 16, 30), 90)
	for range 2 {
		if _, _, _, err := d.Decode(nil, file, nil); err != nil {
			t.Fatal(err)
		}
		lacking := bytes.Clone(file)
		lacking[bytes.Index(lacking, []byte{0xff, 0xdb})+4+65] = 3 // the second table is table 3
		if _, _, _, err := d.Decode(nil, lacking, nil); !errors.Is(err, ErrOther) {
			t.Errorf("without a table that it uses: %v", err)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	var d Decoder
	file := encode(t, sample(61, 47, 30), 90)
	pix := make([]uint8, 3*61*47)
	region := func(w, h int) image.Rectangle { return image.Rect(5, 5, 30, 30) }
	if n := testing.AllocsPerRun(10, func() { d.Decode(pix, file, region) }); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

// FuzzDecode wants what is decoded to be what image/jpeg makes of it.
func FuzzDecode(f *testing.F) {
	for _, file := range files(f) {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		config, err := jpeg.DecodeConfig(bytes.NewReader(file))
		if err == nil && config.Width*config.Height > 1<<16 {
			return
		}
		var d Decoder
		pix, w, h, got := d.Decode(nil, file, func(w, h int) image.Rectangle {
			if w*h > 1<<16 {
				return image.Rectangle{}
			}
			return image.Rect(0, 0, w, h)
		})
		if got != nil {
			return
		}
		want, err := reference(file)
		if err != nil || want.Rect != image.Rect(0, 0, w, h) {
			t.Fatalf("%d x %d, image/jpeg says %v", w, h, err)
		}
		compare(t, pix, want, want.Rect)
	})
}

func BenchmarkDecode(b *testing.B) {
	file := encode(b, sample(500, 400, 40), 90)
	for name, region := range map[string]func(w, h int) image.Rectangle{"all": nil, "part": func(w, h int) image.Rectangle { return image.Rect(80, 40, 380, 340) }} {
		b.Run("region="+name, func(b *testing.B) {
			var d Decoder
			var pix []uint8
			for b.Loop() {
				pix, _, _, _ = d.Decode(pix, file, region)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
	b.Run("region=image/jpeg", func(b *testing.B) {
		for b.Loop() {
			if _, err := reference(file); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
	})
}
