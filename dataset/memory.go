package dataset

import "fmt"

// Memory is a data set whose decoded images are in memory.
type Memory struct {
	Title  string
	Images []Image
	Labels []int    // nil if there are none
	IDs    []string // nil for "0", "1", ...
	Names  []string // of the classes
}

// Name implements Dataset.
func (m *Memory) Name() string { return m.Title }

// Len implements Dataset.
func (m *Memory) Len() int { return len(m.Images) }

// Image implements Dataset.
func (m *Memory) Image(i int) (Image, error) { return m.Images[i], nil }

// Label implements Dataset.
func (m *Memory) Label(i int) int {
	if m.Labels == nil {
		return -1
	}
	return m.Labels[i]
}

// ID implements Dataset.
func (m *Memory) ID(i int) string {
	if m.IDs == nil {
		return fmt.Sprint(i)
	}
	return m.IDs[i]
}

// Classes implements Dataset.
func (m *Memory) Classes() []string { return m.Names }

// sourceOf is a source with these splits.
func sourceOf(sets map[string]*Memory) *Source {
	s := &Source{Splits: map[string]Dataset{}}
	for split, m := range sets {
		s.Splits[split] = m
	}
	return s
}

// subset is some images of a data set.
type subset struct {
	Dataset
	name  string
	index []int
}

// Subset is the images of d with these indices, in their order.
func Subset(d Dataset, name string, index []int) Dataset { return &subset{d, name, index} }

func (s *subset) Name() string               { return s.name }
func (s *subset) Len() int                   { return len(s.index) }
func (s *subset) Image(i int) (Image, error) { return s.Dataset.Image(s.index[i]) }
func (s *subset) Label(i int) int            { return s.Dataset.Label(s.index[i]) }
func (s *subset) ID(i int) string            { return s.Dataset.ID(s.index[i]) }
