package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Hash identifies the content of a data set, whatever format it comes in: it
// runs over the classes and over each image's size, label and pixels, in order.
func Hash(d Dataset) (string, error) {
	h := sha256.New()
	for _, c := range d.Classes() {
		fmt.Fprintf(h, "%q\n", c)
	}
	var head [24]byte
	for i := range d.Len() {
		img, err := d.Image(i)
		if err != nil {
			return "", fmt.Errorf("%s: image %s: %w", d.Name(), d.ID(i), err)
		}
		binary.LittleEndian.PutUint64(head[0:], uint64(img.Width))
		binary.LittleEndian.PutUint64(head[8:], uint64(img.Height))
		binary.LittleEndian.PutUint64(head[16:], uint64(d.Label(i)))
		h.Write(head[:])
		h.Write(img.Pix)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
