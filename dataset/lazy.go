package dataset

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

// Size returns the size of image i, without decoding it where it is known.
func Size(d Dataset, i int) (width, height int, err error) {
	switch d := d.(type) {
	case *subset:
		return Size(d.Dataset, d.index[i])
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
