package dataset

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"alike/internal/rng"
)

// OfClasses returns the source with the images of some classes only, which the
// rule chooses; images without a class are left out, and so is a split of which
// nothing is left. Labels count the chosen classes. A rule is one of
//
//	<=100   >100   <5   >=5     classes by number
//	3-7                         classes by number, both ends included
//	cat,dog                     classes by name
//	@FILE                       classes by name, one a line of a file
//	50%   50%:7                 a share of the classes, drawn with seed 1, or 7
//	not RULE                    all others
//	RULE & RULE                 of what the first chooses, what the second does
//
// A class's number is what its name begins with, if all names begin with numbers
// that differ ("001.Albatross"); else its place in the order of the classes, from
// 1. So "<=100" and ">100", or "50%" and "not 50%", share no class.
func (s *Source) OfClasses(rule string) (*Source, error) {
	names := s.classes()
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no classes to choose from", s.Spec)
	}
	chosen, err := chooseClasses(rule, names)
	if err != nil {
		return nil, fmt.Errorf("classes %q of %s: %w", rule, s.Spec, err)
	}
	if !slices.Contains(chosen, true) {
		return nil, fmt.Errorf("classes %q of %s: that is none of its %d classes, %s", rule, s.Spec, len(names), ends(names))
	}
	of := *s
	of.Classes, of.Splits = rule, map[string]Dataset{}
	for split, d := range s.Splits {
		if part := newOfClasses(d, rule, names, chosen); part.Len() > 0 {
			of.Splits[split] = part
		}
	}
	if len(of.Splits) == 0 {
		return nil, fmt.Errorf("classes %q of %s: no image is in them", rule, s.Spec)
	}
	return &of, nil
}

// classes are those of the splits, which share them; one that lacks the last may
// not know of it.
func (s *Source) classes() (names []string) {
	for _, d := range s.Splits {
		if c := d.Classes(); len(c) > len(names) {
			names = c
		}
	}
	return names
}

// ofClasses is the images of some classes, with labels of their own.
type ofClasses struct {
	Dataset
	label []int // by the label of the whole, -1 for classes that are left out
	names []string
}

func newOfClasses(d Dataset, rule string, names []string, chosen []bool) *ofClasses {
	of := &ofClasses{label: make([]int, len(chosen))}
	for l, ok := range chosen {
		of.label[l] = -1
		if ok {
			of.label[l] = len(of.names)
			of.names = append(of.names, names[l])
		}
	}
	var index []int
	for i := range d.Len() {
		if l := d.Label(i); l >= 0 && chosen[l] {
			index = append(index, i)
		}
	}
	of.Dataset = Subset(d, fmt.Sprintf("%s, classes %s", d.Name(), rule), index)
	return of
}

func (d *ofClasses) Label(i int) int   { return d.label[d.Dataset.Label(i)] }
func (d *ofClasses) Classes() []string { return d.names }

// chooseClasses says of each class whether the rule chooses it.
func chooseClasses(rule string, names []string) ([]bool, error) {
	chosen := make([]bool, len(names))
	for l := range chosen {
		chosen[l] = true
	}
	for term := range strings.SplitSeq(rule, "&") {
		term = strings.TrimSpace(term)
		positive, negated := strings.CutPrefix(term, "not ")
		picked, err := pick(strings.TrimSpace(positive), names, chosen)
		if err != nil {
			return nil, err
		}
		for l := range chosen {
			chosen[l] = chosen[l] && picked[l] != negated
		}
	}
	return chosen, nil
}

// pick says which classes a rule without "not" and "&" chooses, out of those
// that are left.
func pick(rule string, names []string, left []bool) ([]bool, error) {
	if rule == "" {
		return nil, fmt.Errorf(`a rule is empty; want e.g. "<=100", "3-7", "cat,dog", "50%%", "not 50%%" or "@FILE"`)
	}
	if within, ok := interval(rule); ok {
		return byNumber(within, names), nil
	}
	if share, seed, ok, err := fraction(rule); ok || err != nil {
		return drawClasses(share, seed, left), err
	}
	list := strings.Split(rule, ",")
	if path, ok := strings.CutPrefix(rule, "@"); ok {
		file, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		list = strings.Split(strings.TrimSpace(string(file)), "\n")
	}
	return byName(list, names)
}

// interval reads "<=100", ">100", "<5", ">=5" and "3-7".
func interval(rule string) (within func(int) bool, ok bool) {
	for _, o := range []struct {
		sign   string
		within func(n, limit int) bool
	}{ // the longer signs first
		{"<=", func(n, limit int) bool { return n <= limit }},
		{">=", func(n, limit int) bool { return n >= limit }},
		{"<", func(n, limit int) bool { return n < limit }},
		{">", func(n, limit int) bool { return n > limit }},
	} {
		if rest, found := strings.CutPrefix(rule, o.sign); found {
			limit, err := strconv.Atoi(strings.TrimSpace(rest))
			return func(n int) bool { return o.within(n, limit) }, err == nil
		}
	}
	low, high, found := strings.Cut(rule, "-")
	from, err1 := strconv.Atoi(low)
	to, err2 := strconv.Atoi(high)
	return func(n int) bool { return from <= n && n <= to }, found && err1 == nil && err2 == nil
}

func byNumber(within func(int) bool, names []string) []bool {
	picked := make([]bool, len(names))
	for l, n := range classNumbers(names) {
		picked[l] = within(n)
	}
	return picked
}

// classNumbers are the numbers that the names begin with, or their places.
func classNumbers(names []string) []int {
	numbers, seen := make([]int, len(names)), map[int]bool{}
	for l, name := range names {
		digits := name[:len(name)-len(strings.TrimLeft(name, "0123456789"))]
		n, err := strconv.Atoi(digits)
		if err != nil || seen[n] {
			for l := range numbers {
				numbers[l] = l + 1
			}
			return numbers
		}
		numbers[l], seen[n] = n, true
	}
	return numbers
}

// fraction reads "50%" and "50%:7".
func fraction(rule string) (share float64, seed uint64, ok bool, err error) {
	percent, rest, found := strings.Cut(rule, "%")
	share, err = strconv.ParseFloat(percent, 64)
	if !found || err != nil {
		return 0, 0, false, nil
	}
	seed = 1
	if rest != "" {
		seed, err = strconv.ParseUint(strings.TrimPrefix(rest, ":"), 10, 64)
		if err != nil || rest[0] != ':' {
			return 0, 0, false, fmt.Errorf(`what follows %s%% is %q; want nothing, or a seed as in "%s%%:7"`, percent, rest, percent)
		}
	}
	if !(share > 0 && share < 100) {
		return 0, 0, false, fmt.Errorf("%s is no share of the classes; want one between 0%% and 100%%", rule)
	}
	return share / 100, seed, true, nil
}

// drawClasses picks the share of the classes that are left, rounded to the nearest
// number, half up.
func drawClasses(share float64, seed uint64, left []bool) []bool {
	picked := make([]bool, len(left))
	var candidates []int
	for l, ok := range left {
		if ok {
			candidates = append(candidates, l)
		}
	}
	order := rng.New(rng.Classes, seed).Perm(len(candidates))
	for _, i := range order[:int(math.Floor(share*float64(len(order))+0.5))] {
		picked[candidates[i]] = true
	}
	return picked
}

func byName(list, names []string) ([]bool, error) {
	picked := make([]bool, len(names))
	for _, name := range list {
		l := slices.Index(names, strings.TrimSpace(name))
		if l < 0 {
			return nil, fmt.Errorf("there is no class %q; the classes are %s", strings.TrimSpace(name), ends(names))
		}
		picked[l] = true
	}
	return picked, nil
}

// ends spells out a list, a long one by its beginning and its end.
func ends(names []string) string {
	if len(names) <= 12 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, ..., %s", strings.Join(names[:5], ", "), names[len(names)-1])
}
