package augment

import (
	"errors"
	"fmt"

	"alike/internal/rng"
)

// MultiCrop cuts large rectangles out of an image for its first views and small ones
// for the others (Caron et al. 2020, section 3.3): the small ones cost no more than any
// view and bring pairs of a part with the whole. The shares of the area are those of
// their code. There the small views also have fewer pixels, and pass the network by
// themselves; here all views of a batch have one size.
type MultiCrop struct {
	Globals int        `yaml:"globals"` // how many of an image's views are large
	Global  [2]float64 `yaml:"global"`  // smallest and largest share of the area, of the large
	Local   [2]float64 `yaml:"local"`   // and of the small
	Ratio   [2]float64 `yaml:"ratio"`   // smallest and largest width over height
	Filter  `yaml:",inline"`
}

func init() {
	Augmentations.Add("multicrop", "large crops for the first two views, small ones for the others (Caron et al. 2020)",
		func() Step {
			return &MultiCrop{Globals: 2, Global: [2]float64{0.14, 1}, Local: [2]float64{0.05, 0.14}, Ratio: defaultCrop().Ratio, Filter: defaultFilter()}
		})
}

// Validate implements Step.
func (m *MultiCrop) Validate() error {
	var errs []error
	if m.Globals < 1 {
		errs = append(errs, fmt.Errorf("globals %d: want at least 1 large view", m.Globals))
	}
	for _, c := range []struct {
		size string
		view int
	}{{"global", 0}, {"local", m.Globals}} {
		if err := m.of(c.view).Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.size, err))
		}
	}
	return errors.Join(errs...)
}

func (*MultiCrop) name() string { return "multicrop" }

func (m *MultiCrop) numbers(x []float64) error {
	return set(x, "four, the smallest and the largest share of the area of large views, then of small ones",
		&m.Global[0], &m.Global[1], &m.Local[0], &m.Local[1])
}

// of is the crop of a view.
func (m *MultiCrop) of(view int) cutter {
	c := defaultCrop()
	c.Area, c.Ratio, c.Filter = m.Local, m.Ratio, m.Filter
	if view < m.Globals {
		c.Area = m.Global
	}
	return c
}

func (m *MultiCrop) draw(w, h int, s *rng.Stream) draw { return m.of(0).draw(w, h, s) }
