package jpeg

import "image"

// The inverse cosine transform is that of Loeffler, Ligtenberg and Moschytz (1989),
// run backwards, in the fixed-point steps of Go's image/jpeg (dct.go, copyright The
// Go Authors, BSD licence), which decide about the last bit.

// Constants of the rotations with 60 bits behind the point.
const (
	cos1         = 1130768441178740757 // cos π/16
	sin1         = 224923827593068887  // sin π/16
	cos3         = 958619196450722178  // cos 3π/16
	sin3         = 640528868967736374  // sin 3π/16
	halfRoot     = 815238614083298888  // √½
	halfRootCos6 = 311978311033955632  // √½ cos 6π/16
	halfRootSin6 = 753182269664427492  // √½ sin 6π/16
)

// The same with the bits behind the point that their names end with.
const (
	root8, root14      = (halfRoot + 1<<51) >> 52, (halfRoot + 1<<45) >> 46
	cos6by18, sin6by18 = (halfRootCos6 + 1<<41) >> 42, (halfRootSin6 + 1<<41) >> 42
	cos6by12, sin6by12 = (halfRootCos6 + 1<<47) >> 48, (halfRootSin6 + 1<<47) >> 48
	cos1by12, sin1by12 = (cos1 + 1<<47) >> 48, (sin1 + 1<<47) >> 48
	cos3by12, sin3by12 = (cos3 + 1<<47) >> 48, (sin3 + 1<<47) >> 48
)

// turn rotates and scales (x, y) by (cos, sin).
func turn(x, y, cos, sin int32) (int32, int32) {
	sum := cos * (x + y)
	return sum + (sin-cos)*y, sum - (cos+sin)*x
}

// transform writes the samples of d.block to 8 rows of pix and clears it. rows has
// the rows of the block that have something besides the DC coefficient.
func (d *Decoder) transform(pix []uint8, stride int, rows uint8) {
	b := &d.block
	if rows == 0 { // all samples are the same; this is what the steps below come to
		v := clip((b[0]<<17 + 1<<19) >> 20)
		b[0] = 0
		for y := range 8 {
			row := pix[y*stride:][:8]
			for x := range row {
				row[x] = v
			}
		}
		return
	}
	if b[0] != 0 {
		rows |= 1
	}
	for y := range 8 {
		if rows>>y&1 != 0 {
			transformRow((*[8]int32)(b[8*y:]))
		}
	}
	for x := range 8 {
		transformColumn(b, x)
	}
	for y := range 8 {
		row, in := pix[y*stride:][:8], b[8*y:][:8]
		for x, v := range in {
			row[x] = clip(v)
		}
	}
	*b = [64]int32{}
}

// clip shifts a sample from around 0 to 0..255.
func clip(v int32) uint8 { return uint8(min(max(v, -128), 127) + 128) }

func transformRow(b *[8]int32) {
	x0, x7, x2, x5, x1, x6, x3, x4 := b[0]<<17, b[1]<<7, b[2], b[3], b[4]<<17, b[5], b[6], b[7]<<7
	x0, x1 = x0+x1, x0-x1
	x2, x3 = turn(x2, x3, cos6by18, -sin6by18)
	x1, x2 = x1+x2, x1-x2
	x0, x3 = x0+x3, x0-x3

	x7, x4 = x7+x4, x7-x4
	x6 *= root8
	x5 *= root8
	x7, x5 = x7+x5, x7-x5
	x4, x6 = x4+x6, x4-x6
	x4, x7 = turn(x4>>2, x7>>2, cos3by12, -sin3by12)
	x5, x6 = turn(x5>>2, x6>>2, cos1by12, -sin1by12)

	b[0], b[7] = x0+x7, x0-x7
	b[1], b[6] = x1+x6, x1-x6
	b[2], b[5] = x2+x5, x2-x5
	b[3], b[4] = x3+x4, x3-x4
}

func transformColumn(b *[64]int32, x int) {
	x0, x7, x2, x5, x1, x6, x3, x4 := b[x]+(1<<19), b[8+x], b[16+x], b[24+x], b[32+x], b[40+x], b[48+x], b[56+x]
	x0, x1 = (x0+x1)>>2, (x0-x1)>>2
	x2, x3 = turn(x2>>13, x3>>13, cos6by12, -sin6by12)
	x1, x2 = x1+x2, x1-x2
	x0, x3 = x0+x3, x0-x3

	x7, x4 = x7+x4, x7-x4
	x5 = (x5 >> 13) * root14
	x6 = (x6 >> 13) * root14
	x7, x5 = x7+x5, x7-x5
	x4, x6 = x4+x6, x4-x6
	x4, x7 = turn(x4>>14, x7>>14, cos3by12, -sin3by12)
	x5, x6 = turn(x5>>14, x6>>14, cos1by12, -sin1by12)

	b[x], b[56+x] = (x0+x7)>>18, (x0-x7)>>18
	b[8+x], b[48+x] = (x1+x6)>>18, (x1-x6)>>18
	b[16+x], b[40+x] = (x2+x5)>>18, (x2-x5)>>18
	b[24+x], b[32+x] = (x3+x4)>>18, (x3-x4)>>18
}

// convert writes the pixels within r to dst, rows of the whole image. Every pixel
// has the chroma sample that covers it, as image/draw has it.
func (d *Decoder) convert(dst []uint8, r image.Rectangle) {
	luma := &d.components[0]
	for y := r.Min.Y; y < r.Max.Y; y++ {
		out := dst[3*(y*d.width+r.Min.X) : 3*(y*d.width+r.Max.X)]
		line := luma.pix[y*luma.stride:][r.Min.X:r.Max.X]
		if len(d.components) == 1 {
			for x, v := range line {
				p := out[3*x:][:3]
				p[0], p[1], p[2] = v, v, v
			}
			continue
		}
		blue, red := &d.components[1], &d.components[2]
		cb, cr := blue.pix[y/luma.v*blue.stride:], red.pix[y/luma.v*red.stride:]
		if luma.h == 1 {
			convertRow(out, line, cb[r.Min.X:r.Max.X], cr[r.Min.X:r.Max.X])
			continue
		}
		first := r.Min.X / 2
		if r.Min.X&1 != 0 { // the second of a pair
			convertRow(out[:3], line[:1], cb[first:][:1], cr[first:][:1])
			out, line, first = out[3:], line[1:], first+1
		}
		convertPairs(out, line, cb[first:], cr[first:])
	}
}

// convertRow converts pixels with a chroma sample each:
//
//	r = y + 1.402 (cr-128), g = y - 0.34414 (cb-128) - 0.71414 (cr-128), b = y + 1.772 (cb-128)
//
// with 16 bits behind the point.
func convertRow(out, luma, cb, cr []uint8) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	for x, v := range luma {
		p := out[3*x:][:3]
		y, b, r := int32(v)*0x10101, int32(cb[x])-128, int32(cr[x])-128
		p[0] = clamp(y + 91881*r)
		p[1] = clamp(y - 22554*b - 46802*r)
		p[2] = clamp(y + 116130*b)
	}
}

// convertPairs converts pixels of which each two share a chroma sample.
func convertPairs(out, luma, cb, cr []uint8) {
	pairs := len(luma) / 2
	cb, cr = cb[:(len(luma)+1)/2], cr[:(len(luma)+1)/2]
	for x := range pairs {
		l, p := luma[2*x:][:2], out[6*x:][:6]
		b, r := int32(cb[x])-128, int32(cr[x])-128
		red, green, blue := 91881*r, 22554*b+46802*r, 116130*b
		y := int32(l[0]) * 0x10101
		p[0], p[1], p[2] = clamp(y+red), clamp(y-green), clamp(y+blue)
		y = int32(l[1]) * 0x10101
		p[3], p[4], p[5] = clamp(y+red), clamp(y-green), clamp(y+blue)
	}
	if len(luma)&1 != 0 {
		convertRow(out[6*pairs:], luma[2*pairs:], cb[pairs:], cr[pairs:])
	}
}

// clamp cuts 16 bits behind the point off and limits the rest to 0..255.
func clamp(v int32) uint8 {
	if uint32(v)&0xff000000 == 0 {
		return uint8(v >> 16)
	}
	return uint8(^(v >> 31))
}
