package dataset

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// four is an image of 2 x 2 pixels: red, green, blue, gray.
func four() *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	copy(m.Pix, []byte{255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 90, 90, 90, 255})
	return m
}

var fourPix = []byte{255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90}

func encoded(t testing.TB, encode func(b *bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Files of kinds that no Go library writes, made with Pillow 13: a lossless WebP
// of 3 x 2 red pixels, a JPEG of 2 x 1 cyan pixels in CMYK as Adobe stores it,
// and a progressive JPEG of 9 x 9 gray pixels of value 78.
const (
	webpRed         = "UklGRhwAAABXRUJQVlA4TA8AAAAvAkAAAAcQ/Y/+ByKi/wEA"
	jpegCMYK        = "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUVFQwPFxgWFBgSFBUU/8AAFAgAAQACBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD8qq/VOv1Tr9U6/9k="
	jpegProgressive = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//wgALCAAJAAkBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAX/2gAIAQEAAAABnj//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAEFAh//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAY/Ah//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAE/IR//2gAIAQEAAAAQ/wD/xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAE/EB//2Q=="
)

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeKinds(t *testing.T) {
	gray16 := image.NewGray16(image.Rect(0, 0, 1, 1))
	gray16.SetGray16(0, 0, color.Gray16{Y: 0x12ff})
	palette := image.NewPaletted(image.Rect(0, 0, 2, 1), color.Palette{color.NRGBA{10, 20, 30, 255}, color.NRGBA{}})
	palette.Pix[1] = 1
	for _, tc := range []struct {
		name, kind string
		file       []byte
		w, h       int
		want       []byte
	}{
		{"PNG", "png", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, four()) }), 2, 2, fourPix},
		{"BMP", "bmp", encoded(t, func(b *bytes.Buffer) error { return bmp.Encode(b, four()) }), 2, 2, fourPix},
		{"TIFF", "tiff", encoded(t, func(b *bytes.Buffer) error {
			return tiff.Encode(b, four(), &tiff.Options{Compression: tiff.Deflate})
		}), 2, 2, fourPix},
		{"GIF", "gif", encoded(t, func(b *bytes.Buffer) error {
			p := image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 255, 0, 255}, color.NRGBA{0, 0, 255, 255}, color.NRGBA{90, 90, 90, 255}})
			copy(p.Pix, []byte{0, 1, 2, 3})
			return gif.Encode(b, p, nil)
		}), 2, 2, fourPix},
		{"WebP", "webp", unbase64(t, webpRed), 3, 2, bytes.Repeat([]byte{255, 0, 0}, 6)},
		{"CMYK", "jpeg", unbase64(t, jpegCMYK), 2, 1, []byte{0, 255, 255, 0, 255, 255}},
		{"a progressive gray JPEG", "jpeg", unbase64(t, jpegProgressive), 9, 9, bytes.Repeat([]byte{78}, 3*81)},
		{"of 16 bits the higher 8 are kept", "png", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, gray16) }), 1, 1, []byte{0x12, 0x12, 0x12}},
		{"a transparent colour of a palette is white", "png", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, palette) }), 2, 1, []byte{10, 20, 30, 255, 255, 255}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			img, kind, err := decode(tc.file, 100)
			if err != nil {
				t.Fatal(err)
			}
			if kind != tc.kind || img.Width != tc.w || img.Height != tc.h || !bytes.Equal(img.Pix, tc.want) {
				t.Errorf("%s of %d x %d: %v, want %s of %d x %d: %v", kind, img.Width, img.Height, img.Pix, tc.kind, tc.w, tc.h, tc.want)
			}
		})
	}
}

func TestDecodeFirstFrameOnItsCanvas(t *testing.T) {
	frame := func(at image.Rectangle, index uint8) *image.Paletted {
		p := image.NewPaletted(at, color.Palette{color.Black, color.NRGBA{200, 0, 0, 255}})
		for i := range p.Pix {
			p.Pix[i] = index
		}
		return p
	}
	file := encoded(t, func(b *bytes.Buffer) error {
		return gif.EncodeAll(b, &gif.GIF{
			Image:  []*image.Paletted{frame(image.Rect(1, 0, 2, 1), 1), frame(image.Rect(0, 0, 3, 1), 0)},
			Delay:  []int{0, 0},
			Config: image.Config{Width: 3, Height: 1, ColorModel: color.Palette{color.Black, color.White}},
		})
	})
	img, err := Decode(file, 100)
	if want := []byte{255, 255, 255, 200, 0, 0, 255, 255, 255}; err != nil || !bytes.Equal(img.Pix, want) {
		t.Errorf("%v, %v, want %v", img.Pix, err, want)
	}
}

// exif is EXIF data with an orientation in that byte order.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	b := []byte("II*\x00")
	if order.String() == binary.BigEndian.String() {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(b, tagOrientation)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	return append(b, 0, 0, 0, 0, 0, 0)
}

// withEXIF puts an EXIF segment behind the first marker of a JPEG.
func withEXIF(file []byte, order binary.AppendByteOrder, orientation uint16) []byte {
	body := append([]byte("Exif\x00\x00"), exif(order, orientation)...)
	out := append(bytes.Clone(file[:2]), 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)+2))
	return append(append(out, body...), file[2:]...)
}

func TestOrientation(t *testing.T) {
	// Blocks of 16 pixels survive JPEG; the letters are their gray values.
	letters := map[byte]uint8{'a': 10, 'b': 90, 'c': 170, 'd': 250, 'e': 50, 'f': 130}
	const stored = "abc/def" // rows of an image of 3 x 2 blocks
	m := image.NewGray(image.Rect(0, 0, 48, 32))
	for i := range m.Pix {
		x, y := i%48/16, i/48/16
		m.Pix[i] = letters[stored[4*y+x]]
	}
	plain := encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 100}) })
	pngFile := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, m) })
	for o, want := range map[uint16]string{
		0: "abc/def", 1: "abc/def", 2: "cba/fed", 3: "fed/cba", 4: "def/abc",
		5: "ad/be/cf", 6: "da/eb/fc", 7: "fc/eb/da", 8: "cf/be/ad", 9: "abc/def",
	} {
		e := append([]byte("eXIf"), exif(binary.BigEndian, o)...)
		chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(e)-4)), e...)
		chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(e))
		files := map[string][]byte{
			"little endian": withEXIF(plain, binary.LittleEndian, o),
			"big endian":    withEXIF(plain, binary.BigEndian, o),
			"PNG":           slices.Concat(pngFile[:33], chunk, pngFile[33:]), // behind its header
		}
		for name, file := range files {
			img, err := Decode(file, 10000)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for y := 8; y < img.Height; y += 16 {
				row := ""
				for x := 8; x < img.Width; x += 16 {
					for letter, v := range letters {
						if d := int(img.Pix[3*(y*img.Width+x)]) - int(v); d > -8 && d < 8 {
							row += string(letter)
						}
					}
				}
				got = append(got, row)
			}
			if s := strings.Join(got, "/"); s != want {
				t.Errorf("orientation %d, %s: %s, want %s", o, name, s, want)
			}
		}
	}
}

// claiming is a PNG whose header has other measures.
func claiming(file []byte, w, h uint32) []byte {
	file = bytes.Clone(file)
	binary.BigEndian.PutUint32(file[16:], w)
	binary.BigEndian.PutUint32(file[20:], h)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	whole := encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, four(), nil) })
	for name, tc := range map[string]struct {
		file []byte
		want string
	}{
		"empty":            {nil, "the file is empty"},
		"text":             {[]byte("<html></html>"), `not an image: it begins with "<html></", want a JPEG`},
		"a JPEG cut short": {whole[:len(whole)-20], "its jpeg data is damaged, cut short"},
		"a header alone":   {whole[:4], "its jpeg data is damaged, cut short"},
		"a bomb":           {claiming(pngFile(t, 1, 0), 60000, 60000), "it has 60000 x 60000 pixels, want at most 100; scale it down"},
		"no width":         {claiming(pngFile(t, 1, 0), 0, 5), "png data is damaged"},
	} {
		if _, err := Decode(tc.file, 100); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
