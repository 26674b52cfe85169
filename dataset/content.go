package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// ContentHash identifies what image i shows: the SHA-256 of its file as it is
// encoded, and of the box that is cut out of it. Images without a file of their own,
// or whose file is no longer kept, are identified by their size and pixels.
// Nothing is decoded for the former.
func ContentHash(d Dataset, i int) (string, error) {
	switch d := d.(type) {
	case *subset:
		return ContentHash(d.Dataset, d.index[i])
	case *files:
		if e := d.entries[i]; e.read != nil {
			file, err := e.read()
			if err != nil {
				return "", reason(err)
			}
			h := sha256.New()
			h.Write(file)
			if !e.box.Empty() {
				fmt.Fprint(h, e.box)
			}
			return hex.EncodeToString(h.Sum(nil)), nil
		}
	}
	img, err := d.Image(i)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	var size [16]byte
	binary.LittleEndian.PutUint64(size[0:], uint64(img.Width))
	binary.LittleEndian.PutUint64(size[8:], uint64(img.Height))
	h.Write(size[:])
	h.Write(img.Pix)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Path is the path of image i's file, or "" where it has none of its own, as in an
// archive.
func Path(d Dataset, i int) string {
	switch d := d.(type) {
	case *subset:
		return Path(d.Dataset, d.index[i])
	case *files:
		return d.entries[i].path
	}
	return ""
}
