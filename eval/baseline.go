package eval

// Chance returns the accuracy on the queries of always answering the class
// that is most frequent in the bank, the lower one of equals: 1/C where classes
// are equally frequent. It is what an embedding that knows nothing reaches.
func Chance(bank, queries *Features) (float64, error) {
	classes, err := checkPair(bank, queries)
	if err != nil {
		return 0, err
	}
	counts := make([]int, classes)
	for _, l := range bank.Labels {
		counts[l]++
	}
	guess := 0
	for class, n := range counts {
		if n > counts[guess] {
			guess = class
		}
	}
	hits := 0
	for _, l := range queries.Labels {
		if l == guess {
			hits++
		}
	}
	return float64(hits) / float64(queries.N), nil
}
