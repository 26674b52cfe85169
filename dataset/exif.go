package dataset

import (
	"bytes"
	"encoding/binary"
)

// tagOrientation is the field of EXIF and TIFF that says how to hold an image.
const tagOrientation = 0x0112

// orientation is the one that the file asks for, 1 to 8; 1 is as it is stored.
func orientation(file []byte, kind string) int {
	switch kind {
	case "jpeg":
		return tiffOrientation(bytes.TrimPrefix(jpegEXIF(file), []byte("Exif\x00\x00")))
	case "png":
		return tiffOrientation(chunk(file, 8, "eXIf", binary.BigEndian, 4))
	case "webp":
		return tiffOrientation(bytes.TrimPrefix(chunk(file, 12, "EXIF", binary.LittleEndian, 0), []byte("Exif\x00\x00")))
	case "tiff":
		return tiffOrientation(file)
	}
	return 1
}

// jpegEXIF is the content of the EXIF segment of a JPEG, or nil.
func jpegEXIF(file []byte) []byte {
	for at := 2; at+4 <= len(file) && file[at] == 0xff; {
		marker, size := file[at+1], int(binary.BigEndian.Uint16(file[at+2:]))
		if marker == 0xff { // fill
			at++
			continue
		}
		if marker == 0xda || size < 2 || at+2+size > len(file) { // the pixels begin
			return nil
		}
		if body := file[at+4 : at+2+size]; marker == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return body
		}
		at += 2 + size
	}
	return nil
}

// chunk is the content of the first chunk of that name in a PNG or RIFF file:
// PNG has the size, the name, the content and a sum, RIFF the name, the size and
// the content, which is padded to an even size.
func chunk(file []byte, at int, name string, order binary.ByteOrder, sum int) []byte {
	for at+8 <= len(file) {
		id, length := file[at:at+4], file[at+4:at+8]
		if sum > 0 {
			id, length = length, id
		}
		size := int64(order.Uint32(length))
		if size > int64(len(file)-at-8) {
			return nil
		}
		if string(id) == name {
			return file[at+8 : at+8+int(size)]
		}
		if at += 8 + int(size) + sum; sum == 0 {
			at += int(size & 1)
		}
	}
	return nil
}

// tiffOrientation reads the orientation from the first directory of a TIFF,
// which is also the form of EXIF. What is damaged counts as 1.
func tiffOrientation(b []byte) int {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(b, []byte("MM\x00*")):
		order = binary.BigEndian
	case !bytes.HasPrefix(b, []byte("II*\x00")):
		return 1
	}
	if len(b) < 8 {
		return 1
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	fields := b[at+2:]
	for range order.Uint16(b[at:]) {
		if len(fields) < 12 {
			break
		}
		if order.Uint16(fields) == tagOrientation {
			if o := int(order.Uint16(fields[8:])); o >= 1 && o <= 8 {
				return o
			}
			break
		}
		fields = fields[12:]
	}
	return 1
}

// upright turns and mirrors an image stored with that orientation.
func upright(m Image, orientation int) Image {
	if orientation == 1 {
		return m
	}
	w, h := m.Width, m.Height
	out := Image{w, h, make([]uint8, len(m.Pix))}
	if orientation >= 5 {
		out.Width, out.Height = h, w
	}
	for y := range out.Height {
		for x := range out.Width {
			var sx, sy int // where pixel (x, y) is stored
			switch orientation {
			case 2:
				sx, sy = w-1-x, y
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sx, sy = x, h-1-y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, h-1-x
			case 7:
				sx, sy = w-1-y, h-1-x
			case 8:
				sx, sy = w-1-y, x
			}
			copy(out.Pix[3*(y*out.Width+x):][:3], m.Pix[3*(sy*w+sx):])
		}
	}
	return out
}
