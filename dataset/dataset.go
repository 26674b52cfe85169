// Package dataset reads labelled and unlabelled images. A format is one file
// that registers an opener; everything else sees only Dataset.
package dataset

import "hash/fnv"

// Image is an 8-bit RGB image, rows top to bottom, pixels interleaved:
// pixel (x, y) is Pix[3*(y*Width+x):][:3]. Readers must not write to Pix.
type Image struct {
	Width, Height int
	Pix           []uint8
}

// PixelsHash keys what is drawn for an image by what it shows, not by its place: others may come and go.
func (img Image) PixelsHash() uint64 {
	h := fnv.New64a()
	h.Write(img.Pix)
	return h.Sum64()
}

// Dataset is an ordered, finite set of images. The order is part of its
// identity: the same files give the same order on every machine. All methods
// may be called from several goroutines.
type Dataset interface {
	// Name says what this is in messages, e.g. "cifar-10-binary.tar.gz (train)".
	Name() string
	// Len is the number of images.
	Len() int
	// Image returns image i. Formats may decode it on each call.
	Image(i int) (Image, error)
	// Label is the class of image i, an index into Classes, or -1 if it has none.
	Label(i int) int
	// ID names image i for people and for joins, e.g. its path; unique.
	ID(i int) string
	// Classes are the class names in label order; empty for unlabelled images.
	Classes() []string
}
