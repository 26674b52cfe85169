package dataset

import (
	"image"

	"alike/internal/jpeg"
)

// files is a data set of image files. Images without pixels are not kept in
// memory: they are decoded whenever they are asked for.
type files struct {
	Memory
	entries []entry
	limits  Options
}

// Image implements Dataset.
func (f *files) Image(i int) (Image, error) {
	if img := f.Images[i]; img.Pix != nil {
		return img, nil
	}
	img, _, err := f.entries[i].decode(f.limits)
	return img, err
}

// Buffer is memory for Part, used again for image after image. Its zero value is
// ready. Goroutines must not share one.
type Buffer struct {
	pix  []uint8
	jpeg jpeg.Decoder
}

// Part returns image i, of which only the pixels within region(width, height) need
// be right. Where images are decoded anew each time that saves most of the work;
// the image is then in buf and valid until buf is used again.
func Part(d Dataset, i int, region func(width, height int) image.Rectangle, buf *Buffer) (Image, error) {
	d, i = origin(d, i)
	if f, ok := d.(*files); ok && f.Images[i].Pix == nil {
		return f.part(i, region, buf)
	}
	return d.Image(i)
}

// part decodes the common kind of JPEG in part, and other images whole.
func (f *files) part(i int, region func(width, height int) image.Rectangle, buf *Buffer) (Image, error) {
	e := f.entries[i]
	file, err := e.read()
	if err != nil {
		return Image{}, reason(err)
	}
	if e.box.Empty() && orientation(file, "jpeg") == 1 {
		pix, w, h, err := buf.jpeg.Decode(buf.pix, file, func(w, h int) image.Rectangle {
			if w > f.limits.MaxPixels/h {
				return image.Rectangle{} // too large: the decoder gives up
			}
			return region(w, h)
		})
		buf.pix = pix
		if err == nil {
			return Image{w, h, pix}, nil
		}
	}
	e.read = func() ([]byte, error) { return file, nil }
	img, _, err := e.decode(f.limits)
	return img, err
}

// Size returns the size of image i, without decoding it where it is known.
func Size(d Dataset, i int) (width, height int, err error) {
	d, i = origin(d, i)
	switch d := d.(type) {
	case *packedSplit:
		return d.images[i].width, d.images[i].height, nil
	case *files:
		if img := d.Images[i]; img.Width > 0 {
			return img.Width, img.Height, nil
		}
	}
	img, err := d.Image(i)
	return img.Width, img.Height, err
}

// Kept is how many bytes of decoded images of a source are in memory for as long
// as it is used, and how many all of them have. The latter is 0 if it is not known.
func (s *Source) Kept() (kept, all int64) {
	for _, d := range s.Splits {
		k, a := keptOf(d)
		kept, all = kept+k, all+a
	}
	return kept, all
}

func keptOf(d Dataset) (kept, all int64) {
	switch d := d.(type) {
	case *subset:
		return keptOf(d.Dataset)
	case *packedSplit:
		for _, e := range d.images {
			all += 3 * int64(e.width) * int64(e.height)
		}
		return 0, all
	case *files:
		return keptOf(&d.Memory)
	case *Memory:
		for _, img := range d.Images {
			kept += int64(len(img.Pix))
			all += 3 * int64(img.Width) * int64(img.Height)
		}
	}
	return kept, all
}
