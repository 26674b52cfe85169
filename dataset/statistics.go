package dataset

import (
	"fmt"
	"math"
)

// Statistics describe a data set.
type Statistics struct {
	Images  int            `json:"images"`
	Classes map[string]int `json:"classes,omitempty"` // images of each class
	Sizes   map[string]int `json:"sizes"`             // images of each "WIDTHxHEIGHT"
	Mean    [3]float64     `json:"mean"`              // of each channel, pixels from 0 to 1
	Std     [3]float64     `json:"std"`
	MinSide int            `json:"min_side"` // the shortest side of any image
}

// Describe reads all images once.
func Describe(d Dataset) (Statistics, error) {
	s := Statistics{Images: d.Len(), Sizes: map[string]int{}, MinSide: math.MaxInt}
	classes := d.Classes()
	if len(classes) > 0 {
		s.Classes = map[string]int{}
	}
	var sum, squares [3]uint64 // of bytes: exact
	var pixels uint64
	for i := range d.Len() {
		img, err := d.Image(i)
		if err != nil {
			return s, fmt.Errorf("%s: image %s: %w", d.Name(), d.ID(i), err)
		}
		if l := d.Label(i); l >= 0 {
			s.Classes[classes[l]]++
		}
		s.Sizes[fmt.Sprintf("%dx%d", img.Width, img.Height)]++
		s.MinSide = min(s.MinSide, img.Width, img.Height)
		pixels += uint64(img.Width * img.Height)
		for at := 0; at < len(img.Pix); at += 3 {
			for c := range 3 {
				v := uint64(img.Pix[at+c])
				sum[c] += v
				squares[c] += v * v
			}
		}
	}
	if pixels == 0 {
		s.MinSide = 0
		return s, nil
	}
	for c := range 3 {
		mean := float64(sum[c]) / float64(pixels)
		s.Mean[c] = mean / 255
		s.Std[c] = math.Sqrt(max(0, float64(squares[c])/float64(pixels)-mean*mean)) / 255
	}
	return s, nil
}
