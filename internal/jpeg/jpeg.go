// Package jpeg decodes the part of a JPEG that is needed, into memory that is used
// again. It reads the common kind, baseline with gray values or YCbCr in one scan,
// gives the same bits as image/jpeg with the conversion of image/draw, and leaves
// every other or damaged file to them.
//
// What lies outside the region is parsed, for the codes have no fixed length, but
// not transformed or converted; what lies below it is not looked at.
package jpeg

import (
	"encoding/binary"
	"errors"
	"image"
	"slices"
)

// ErrOther is the error for files that image/jpeg has to decide about: damaged,
// progressive, CMYK, RGB, arithmetically coded or of rare sampling.
var ErrOther = errors.New("no plain baseline JPEG")

// Decoder decodes one file after the other in the memory of the largest. Its zero
// value is ready. Goroutines must not share one.
type Decoder struct {
	file  []byte
	at    int
	width int // of the image, pixels
	high  int // its height

	quant      [4][64]int32 // in the order of the file (zigzag)
	quantSet   [4]bool      // which of them are this file's
	dc, ac     [2]table
	components []component
	interval   int // MCUs between restart markers, 0 for none
	jfif       bool

	bits  bits
	block [64]int32 // all zero between blocks
}

// component is a plane of samples.
type component struct {
	id            uint8
	h, v          int // blocks of an MCU
	quant, dc, ac uint8
	pix           []uint8
	stride        int
	predictor     int32 // of the next DC coefficient
}

// Decode returns the size of an image and its pixels, interleaved red, green and
// blue, in dst if that is large enough. Only those that region(width, height)
// covers are set, or all if region is nil; a file that is damaged behind them may
// go unnoticed.
func (d *Decoder) Decode(dst, file []byte, region func(width, height int) image.Rectangle) (pix []byte, width, height int, err error) {
	d.file, d.at = file, 2
	d.interval, d.jfif, d.quantSet = 0, false, [4]bool{}
	d.components = d.components[:0]
	for i := range d.dc {
		d.dc[i].set, d.ac[i].set = false, false
	}
	if len(file) < 2 || file[0] != 0xff || file[1] != 0xd8 || !d.headers() {
		return dst, 0, 0, ErrOther
	}
	all := image.Rect(0, 0, d.width, d.high)
	r := all
	if region != nil {
		if r = region(d.width, d.high).Intersect(all); r.Empty() {
			return dst, 0, 0, ErrOther
		}
	}
	if !d.scan(r, r == all) {
		return dst, 0, 0, ErrOther
	}
	n := 3 * d.width * d.high
	dst = slices.Grow(dst[:0], n)[:n]
	d.convert(dst, r)
	return dst, d.width, d.high, nil
}

// headers reads everything before the scan.
func (d *Decoder) headers() bool {
	for {
		if d.at+4 > len(d.file) || d.file[d.at] != 0xff {
			return false
		}
		marker := d.file[d.at+1]
		if marker == 0xff { // fill
			d.at++
			continue
		}
		size := int(binary.BigEndian.Uint16(d.file[d.at+2:]))
		if size < 2 || d.at+2+size > len(d.file) {
			return false
		}
		body := d.file[d.at+4 : d.at+2+size]
		d.at += 2 + size
		ok := true
		switch {
		case marker == 0xc0 || marker == 0xc1:
			ok = len(d.components) == 0 && d.frame(body)
		case marker == 0xc4:
			ok = d.huffman(body)
		case marker == 0xdb:
			ok = d.quantisation(body)
		case marker == 0xdd:
			ok = len(body) == 2
			if ok {
				d.interval = int(binary.BigEndian.Uint16(body))
			}
		case marker == 0xda:
			return d.start(body)
		case marker == 0xe0:
			d.jfif = d.jfif || len(body) >= 5 && string(body[:5]) == "JFIF\x00"
		case marker == 0xee: // Adobe's, which may say that the colours are others
			ok = len(body) < 5 || string(body[:5]) != "Adobe" || len(body) >= 12 && body[11] == 1
		case marker >= 0xe1 && marker <= 0xef || marker == 0xfe:
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
}

func (d *Decoder) frame(b []byte) bool {
	if len(b) < 6 || b[0] != 8 || (b[5] != 1 && b[5] != 3) || len(b) != 6+3*int(b[5]) {
		return false
	}
	d.high, d.width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	if d.width == 0 || d.high == 0 {
		return false
	}
	d.components = slices.Grow(d.components, 3)[:b[5]] // with the planes of the last file
	for i := range d.components {
		c, b := &d.components[i], b[6+3*i:]
		c.id, c.h, c.v, c.quant = b[0], int(b[1]>>4), int(b[1]&15), b[2]
		if c.quant > 3 {
			return false
		}
		if len(d.components) == 1 {
			c.h, c.v = 1, 1
		} else if i == 0 && (c.h < 1 || c.h > 2 || c.v < 1 || c.v > 2) || i > 0 && (c.h != 1 || c.v != 1) {
			return false
		}
		for _, before := range d.components[:i] {
			if before.id == c.id {
				return false
			}
		}
	}
	return true
}

func (d *Decoder) quantisation(b []byte) bool {
	for len(b) > 0 {
		wide, id := b[0]>>4, b[0]&15
		n := 64 << wide
		if wide > 1 || id > 3 || len(b) < 1+n {
			return false
		}
		for i := range 64 {
			if wide == 1 {
				d.quant[id][i] = int32(binary.BigEndian.Uint16(b[1+2*i:]))
			} else {
				d.quant[id][i] = int32(b[1+i])
			}
		}
		d.quantSet[id] = true
		b = b[1+n:]
	}
	return true
}

func (d *Decoder) huffman(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 17 || b[0]>>4 > 1 || b[0]&15 > 1 {
			return false
		}
		t, n := &d.dc[b[0]&1], 0
		if b[0]>>4 == 1 {
			t = &d.ac[b[0]&1]
		}
		for _, count := range b[1:17] {
			n += int(count)
		}
		if n == 0 || n > 256 || len(b) < 17+n || !t.build([16]uint8(b[1:17]), b[17:17+n]) {
			return false
		}
		b = b[17+n:]
	}
	return true
}

// start reads the head of the scan, which has to have all components in order; the
// tables that they use must be in this file.
func (d *Decoder) start(b []byte) bool {
	n := len(d.components)
	if n == 0 || len(b) != 4+2*n || int(b[0]) != n {
		return false
	}
	isRGB := !d.jfif && n == 3
	for i := range d.components {
		c, b := &d.components[i], b[1+2*i:]
		c.dc, c.ac = b[1]>>4, b[1]&15
		if b[0] != c.id || c.dc > 1 || c.ac > 1 || !d.quantSet[c.quant] || !d.dc[c.dc].set || !d.ac[c.ac].set {
			return false
		}
		isRGB = isRGB && c.id == "RGB"[i]
	}
	return !isRGB
}

// scan decodes the samples of the MCUs (minimum coded units, of one block or all
// blocks of the same place) that r touches. If whole is set the scan must end as
// it should.
func (d *Decoder) scan(r image.Rectangle, whole bool) bool {
	w, h := 8*d.components[0].h, 8*d.components[0].v // of an MCU, pixels
	across, down := (d.width+w-1)/w, (d.high+h-1)/h
	for i := range d.components {
		c := &d.components[i]
		c.predictor, c.stride = 0, 8*c.h*across
		n := c.stride * 8 * c.v * down
		c.pix = slices.Grow(c.pix[:0], n)[:n]
	}
	needed := image.Rect(r.Min.X/w, r.Min.Y/h, (r.Max.X+w-1)/w, (r.Max.Y+h-1)/h)
	d.bits = bits{file: d.file, at: d.at}
	done, restart := 0, uint8(0xd0)
	for y := range needed.Max.Y {
		for x := range across {
			inside := y >= needed.Min.Y && x >= needed.Min.X && x < needed.Max.X
			for i := range d.components {
				c := &d.components[i]
				for j := range c.h * c.v {
					ok := true
					if inside {
						ok = d.decodeBlock(c, c.h*x+j%c.h, c.v*y+j/c.h)
					} else {
						ok = d.skipBlock(c)
					}
					if !ok {
						return false
					}
				}
			}
			if d.bits.overrun() {
				return false
			}
			done++
			if d.interval > 0 && done%d.interval == 0 && done < across*down {
				if !d.bits.marker(restart) {
					return false
				}
				restart = 0xd0 | (restart+1)&7
				for i := range d.components {
					d.components[i].predictor = 0
				}
			}
		}
	}
	return !whole || d.bits.marker(0xd9)
}
