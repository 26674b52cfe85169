package eval

import "strconv"

// ClassValue is a score over the queries of one class.
type ClassValue struct {
	Class   string  `json:"class"` // its name, or its number if classes have none
	Queries int     `json:"queries"`
	Value   float64 `json:"value"` // a fraction
}

// PerClass splits a score by the class of its queries, in the order of the classes;
// those without queries are left out, as are queries without a class. It is nil if the score has
// no outcomes. If all have a class, the mean of the values, each times its queries, is the score's.
func PerClass(s Score, queries *Features) []ClassValue {
	if s.Outcomes == nil {
		return nil
	}
	var sums []float64
	var counts []int
	for q, class := range queries.Labels {
		if class < 0 {
			continue
		}
		for len(sums) <= class {
			sums, counts = append(sums, 0), append(counts, 0)
		}
		sums[class] += s.Outcomes[q]
		counts[class]++
	}
	var values []ClassValue
	for class, n := range counts {
		if n == 0 {
			continue
		}
		name := strconv.Itoa(class)
		if class < len(queries.Classes) {
			name = queries.Classes[class]
		}
		values = append(values, ClassValue{name, n, sums[class] / float64(n)})
	}
	return values
}
