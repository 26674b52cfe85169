package dataset

// Wrapper is a data set that shows images of another. What is particular to the kind of
// the other (images decoded in part, features) is found through it.
type Wrapper interface {
	// Unwrap is the data set that image i lies in, and its place there.
	Unwrap(i int) (Dataset, int)
}

// origin is the data set that holds image i, and its place there.
func origin(d Dataset, i int) (Dataset, int) {
	for {
		w, ok := d.(Wrapper)
		if !ok {
			return d, i
		}
		d, i = w.Unwrap(i)
	}
}

// Unwrap implements Wrapper.
func (s *subset) Unwrap(i int) (Dataset, int) { return s.Dataset, s.index[i] }

// Unwrap implements Wrapper.
func (d *ofClasses) Unwrap(i int) (Dataset, int) { return d.Dataset, i }
