package jpeg

import "encoding/binary"

// bits reads the codes of a scan, the highest bit first.
type bits struct {
	file   []byte
	at     int    // of the next byte
	ahead  uint64 // the next n bits, from the highest on
	n      int
	padded int // how many of them are zeros behind the end of the data
}

// fill sees to it that at least 32 bits are ahead.
func (b *bits) fill() {
	if b.n >= 32 {
		return
	}
	if b.at+8 <= len(b.file) && b.padded == 0 {
		v := binary.BigEndian.Uint64(b.file[b.at:])
		const ones, tops = 0x0101010101010101, 0x8080808080808080
		if x := ^v; (x-ones)&^x&tops == 0 { // no byte is 0xff
			b.ahead |= v >> b.n // its last, partial byte is read again
			bytes := (64 - b.n) / 8
			b.at += bytes
			b.n += 8 * bytes
			return
		}
	}
	b.fillSlowly()
}

func (b *bits) fillSlowly() {
	b.ahead = b.ahead >> (64 - b.n) << (64 - b.n) // without a partial byte
	for b.n <= 56 {
		v := byte(0)
		switch {
		case b.at >= len(b.file), b.file[b.at] == 0xff && (b.at+1 >= len(b.file) || b.file[b.at+1] != 0):
			b.padded += 8 // a marker
		default:
			v = b.file[b.at]
			if b.at++; v == 0xff {
				b.at++ // the zero after it
			}
		}
		b.ahead |= uint64(v) << (56 - b.n)
		b.n += 8
	}
}

func (b *bits) take(n int) {
	b.ahead <<= n
	b.n -= n
}

// overrun says whether bits were taken that are not there.
func (b *bits) overrun() bool { return b.n < b.padded }

// marker goes on behind a marker, which must be the next thing.
func (b *bits) marker(m uint8) bool {
	if left := b.n - b.padded; left < 0 || left > 7 || b.at+2 > len(b.file) || b.file[b.at] != 0xff || b.file[b.at+1] != m {
		return false
	}
	*b = bits{file: b.file, at: b.at + 2}
	return true
}

// extend is the number that a magnitude of n bits, the next ones, stands for
// (ITU T.81, F.2.2.1): the lower half of the values stands for negative ones.
func extend(ahead uint64, n int) int32 {
	v := int32(ahead >> 1 >> (63 - n))
	if n > 0 && int64(ahead) >= 0 {
		v -= 1<<n - 1
	}
	return v
}

// lookup is how many bits are looked up at once.
const lookup = 10

// table decodes the codes of a Huffman table.
type table struct {
	set bool
	// symbol has, for the next bits, symbol<<8 | length of its code, 0 if that is longer.
	symbol [1 << lookup]uint16
	// number has value<<16 | run<<8 | bits for those that hold a whole AC coefficient
	// with its magnitude, 0 for others.
	number [1 << lookup]int32
	// A code of n bits, filled up to 16, is below limit[n]; its symbol is
	// symbols[code-first[n]].
	limit   [17]uint32
	first   [17]int32
	symbols [256]uint8
}

// build makes the table of counts codes of each length; false if there are more
// than fit.
func (t *table) build(counts [16]uint8, symbols []byte) bool {
	clear(t.symbol[:])
	clear(t.number[:])
	copy(t.symbols[:], symbols)
	code, next := int32(0), int32(0)
	for i, count := range counts {
		n := i + 1
		t.first[n] = code - next
		for range count {
			if code >= 1<<n {
				return false
			}
			if n <= lookup {
				for k := range int32(1) << (lookup - n) {
					t.enter(code<<(lookup-n)|k, symbols[next], n)
				}
			}
			code++
			next++
		}
		t.limit[n] = uint32(code) << (16 - n)
		code <<= 1
	}
	t.set = true
	return true
}

// enter sets what the lookup bits begin with.
func (t *table) enter(bits int32, symbol uint8, n int) {
	t.symbol[bits] = uint16(symbol)<<8 | uint16(n)
	run, size := int32(symbol>>4), int(symbol&15)
	if size > 0 && n+size <= lookup {
		value := extend(uint64(bits)<<(64-lookup+n), size)
		t.number[bits] = value<<16 | run<<8 | int32(n+size)
	}
}

// next takes a symbol.
func (t *table) next(b *bits) (symbol uint8, ok bool) {
	if s := t.symbol[b.ahead>>(64-lookup)]; s != 0 {
		b.take(int(s & 0xff))
		return uint8(s >> 8), true
	}
	code := uint32(b.ahead >> 48)
	for n := lookup + 1; n <= 16; n++ {
		if code < t.limit[n] {
			b.take(n)
			return t.symbols[uint8(int32(code>>(16-n))-t.first[n])], true
		}
	}
	return 0, false
}

// unzig is the place in a block of the coefficients in the order of the file.
var unzig = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}

// predict takes the DC coefficient of a block.
func (d *Decoder) predict(c *component) bool {
	d.bits.fill()
	size, ok := d.dc[c.dc].next(&d.bits)
	if !ok || size > 16 {
		return false
	}
	c.predictor += extend(d.bits.ahead, int(size))
	d.bits.take(int(size))
	return true
}

// decodeBlock decodes the block at (x, y) of its component, in blocks.
func (d *Decoder) decodeBlock(c *component, x, y int) bool {
	if !d.predict(c) {
		return false
	}
	b, t, quant := &d.block, &d.ac[c.ac], &d.quant[c.quant]
	b[0] = c.predictor * quant[0]
	rows := uint8(0) // that have an AC coefficient
	for k := 1; k < 64; k++ {
		d.bits.fill()
		var value int32
		if v := t.number[d.bits.ahead>>(64-lookup)]; v != 0 {
			k += int(v >> 8 & 0xff)
			d.bits.take(int(v & 0xff))
			value = v >> 16
		} else {
			symbol, ok := t.next(&d.bits)
			run, size := int(symbol>>4), int(symbol&15)
			switch {
			case !ok || size == 0 && run > 0 && run < 15:
				*b = [64]int32{}
				return false
			case symbol == 0: // the rest is zero
				k = 64
				continue
			case size == 0: // 16 zeros
				k += 15
				continue
			}
			k += run
			value = extend(d.bits.ahead, size)
			d.bits.take(size)
		}
		if k > 63 {
			*b = [64]int32{}
			return false
		}
		at := unzig[k]
		b[at] = value * quant[k]
		rows |= 1 << (at >> 3)
	}
	d.transform(c.pix[8*(y*c.stride+x):], c.stride, rows)
	return true
}

// skipBlock is decodeBlock for a block that nobody needs.
func (d *Decoder) skipBlock(c *component) bool {
	if !d.predict(c) {
		return false
	}
	t := &d.ac[c.ac]
	for k := 1; k < 64; k++ {
		d.bits.fill()
		if v := t.number[d.bits.ahead>>(64-lookup)]; v != 0 {
			k += int(v >> 8 & 0xff)
			d.bits.take(int(v & 0xff))
			continue
		}
		symbol, ok := t.next(&d.bits)
		run, size := int(symbol>>4), int(symbol&15)
		switch {
		case !ok || size == 0 && run > 0 && run < 15:
			return false
		case symbol == 0:
			return true
		}
		k += run
		d.bits.take(size)
	}
	return true
}
