package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"alike/dataset"
)

// Kinds of outliers.
const (
	Blank  = "blank"  // nearly one colour
	Size   = "size"   // far more or fewer pixels than the others
	Shape  = "shape"  // far longer than wide, or wider than long, than the others
	Gray   = "gray"   // among coloured images
	Colour = "colour" // among gray images
)

// Outlier is an image unlike the others.
type Outlier struct {
	Ref
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// From which values on an image is an outlier.
const (
	blankDeviation = 3 // standard deviation of the luma, of 255
	grayChroma     = 3 // mean difference of the largest and the smallest channel, of 255
	sizeFactor     = 8 // of the pixels, against the median
	shapeFactor    = 2 // of the long side over the short one, against the median
)

// traits are what outliers are told by.
type traits struct {
	width, height int
	deviation     float64 // standard deviation of the luma, of 255
	chroma        float64 // mean difference of the largest and the smallest channel, of 255
}

func traitsOf(m dataset.Image) traits {
	var sum, squares, chroma uint64
	for at := 0; at < len(m.Pix); at += 3 {
		y := uint64(luma(m.Pix, at))
		sum, squares = sum+y, squares+y*y
		r, g, b := m.Pix[at], m.Pix[at+1], m.Pix[at+2]
		chroma += uint64(max(r, g, b) - min(r, g, b))
	}
	n := float64(m.Width * m.Height)
	mean := float64(sum) / n
	return traits{
		width: m.Width, height: m.Height,
		deviation: math.Sqrt(max(0, float64(squares)/n-mean*mean)),
		chroma:    float64(chroma) / n,
	}
}

func (t traits) blank() bool     { return t.deviation < blankDeviation }
func (t traits) gray() bool      { return t.chroma < grayChroma }
func (t traits) pixels() float64 { return float64(t.width) * float64(t.height) }
func (t traits) stretch() float64 {
	return float64(max(t.width, t.height)) / float64(min(t.width, t.height))
}

// outliers lists the images unlike the others, kind by kind.
func outliers(images []*picture) []Outlier {
	list := []Outlier{}
	add := func(m *picture, kind, format string, args ...any) {
		list = append(list, Outlier{m.Ref, kind, fmt.Sprintf(format, args...)})
	}
	var pixels, stretches []float64
	grays := 0
	for _, m := range images {
		pixels, stretches = append(pixels, m.pixels()), append(stretches, m.stretch())
		if m.gray() {
			grays++
		}
	}
	usual, stretch := median(pixels), median(stretches)
	mostlyGray := 2*grays > len(images)
	for _, m := range images {
		if m.blank() {
			add(m, Blank, "its brightness deviates by %.1f of 255", m.deviation)
		}
		if p := m.pixels(); p > sizeFactor*usual || p*sizeFactor < usual {
			add(m, Size, "%d x %d pixels, %.2g times as many as the median image", m.width, m.height, p/usual)
		}
		if s := m.stretch(); s > shapeFactor*stretch {
			add(m, Shape, "%d x %d pixels: one side is %.1f times the other, %.1f times in the median image", m.width, m.height, s, stretch)
		}
		switch {
		case m.blank() || m.gray() == mostlyGray:
		case m.gray():
			add(m, Gray, "its channels differ by %.1f of 255", m.chroma)
		default:
			add(m, Colour, "its channels differ by %.1f of 255", m.chroma)
		}
	}
	order := []string{Blank, Size, Shape, Gray, Colour}
	slices.SortStableFunc(list, func(a, b Outlier) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	return list
}

// median is the middle value, the upper one of two.
func median[T cmp.Ordered](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// SmallClass is a class with few images in a training split.
type SmallClass struct {
	Split  string `json:"split"`
	Class  string `json:"class"`
	Images int    `json:"images"`
	Median int    `json:"median"` // of the split's classes
}

// smallClasses are those with fewer than two images, or with fewer than a tenth of
// the median class, in splits that are learned from; the smallest first. A class
// without any is one of them unless the other splits share no class with the split.
func smallClasses(s *dataset.Source, images []*picture) []SmallClass {
	list := []SmallClass{}
	for _, split := range splits(s) {
		if !Training(split) {
			continue
		}
		own, others := map[string]int{}, map[string]int{}
		for _, m := range images {
			counts := others
			if m.Split == split {
				counts = own
			}
			if m.label >= 0 {
				counts[m.Class]++
			}
		}
		if len(own) == 0 {
			continue
		}
		usual, shared := median(slices.Collect(maps.Values(own))), false
		for class := range others {
			shared = shared || own[class] > 0
		}
		for _, class := range s.Splits[split].Classes() {
			n := own[class]
			if n == 0 && len(others) > 0 && !shared {
				continue
			}
			if n < 2 || 10*n < usual {
				list = append(list, SmallClass{split, class, n, usual})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b SmallClass) int { return a.Images - b.Images })
	return list
}
