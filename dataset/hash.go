package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
)

// Hash identifies the content of a data set, whatever format it comes in: it
// runs over the classes and over each image's size, label and pixels, or label and
// features, in order.
func Hash(d Dataset) (string, error) {
	h := sha256.New()
	for _, c := range d.Classes() {
		fmt.Fprintf(h, "%q\n", c)
	}
	var head [24]byte
	for i := range d.Len() {
		if f, at := FeaturesOf(d, i); f != nil {
			hashVectors(h, f, at, d.Label(i))
			continue
		}
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

// hashVectors hashes the number of views of image i, that of their values, its label, and all values.
func hashVectors(h hash.Hash, f *Features, i, label int) {
	b := make([]byte, 0, 24+4*f.views*f.dim)
	for _, n := range []int{f.views, f.dim, label} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	for _, v := range f.values[i*f.views*f.dim:][:f.views*f.dim] {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	h.Write(b)
}
