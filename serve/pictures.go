package serve

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // what thumbnail writes
	_ "image/png"
	"io/fs"
	"os"
	"path/filepath"

	"alike/dataset"
	"alike/internal/thumbnail"
)

// Pictures is a folder of small pictures, one of each image that was added to a gallery, which keeps
// nothing but vectors. They are for people: a picture is written before its image is
// acknowledged, but a full disk or a power cut may lose it, as they cannot lose the vector.
type Pictures string

// pictureSide is the longest side of a picture, in pixels.
const pictureSide = 512

// path is where the picture of an image is, whose id may be any text.
func (p Pictures) path(id string) string {
	name := fmt.Sprintf("%x", sha256.Sum256([]byte(id)))
	return filepath.Join(string(p), name[:2], name[2:])
}

// Open returns the picture of an image that was added; the error is fs.ErrNotExist if it has none.
func (p Pictures) Open(id string) (image.Image, error) {
	file, err := os.ReadFile(p.path(id))
	if err != nil {
		return nil, err
	}
	m, _, err := image.Decode(bytes.NewReader(file))
	return m, err
}

// save keeps the picture of an image, in the place of an earlier one; without a picture, and after an
// error, there is none from then on.
func (p Pictures) save(id string, picture []byte) (err error) {
	path := p.path(id)
	if picture != nil {
		if err = writePicture(path, picture); err == nil {
			return nil
		}
	}
	if gone := os.Remove(path); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// writePicture writes a picture beside its place and renames it.
func writePicture(path string, picture []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(picture)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// picture is what is kept of an image.
func picture(img dataset.Image) ([]byte, error) {
	body, _, err := thumbnail.Encode(img.RGBA(), pictureSide)
	return body, err
}
