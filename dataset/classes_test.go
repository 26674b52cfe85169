package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// birds is a source of six classes with numbers, as CUB-200's are named, with
// two images each and one image without a class.
func birds() *Source {
	m := &Memory{Title: "birds", Names: []string{"001.Auk", "002.Crow", "007.Egret", "010.Finch", "099.Gull", "150.Wren"}}
	for i := range 13 {
		m.Images = append(m.Images, Image{1, 1, []uint8{uint8(i), 0, 0}})
		m.Labels = append(m.Labels, i/2)
	}
	m.Labels[12] = -1
	return &Source{Spec: "birds.tar", Splits: map[string]Dataset{All: m}}
}

// numbers of the classes of a source: the names up to the dot.
func numbers(t *testing.T, s *Source) string {
	t.Helper()
	d, err := s.Split(All)
	if err != nil {
		t.Fatal(err)
	}
	var n []string
	for _, c := range d.Classes() {
		number, _, _ := strings.Cut(c, ".")
		n = append(n, strings.TrimLeft(number, "0"))
	}
	return strings.Join(n, " ")
}

func TestClassRules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "classes.txt")
	if err := os.WriteFile(file, []byte("002.Crow\n150.Wren\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ rule, want string }{
		{"<=10", "1 2 7 10"},
		{">10", "99 150"},
		{"<10", "1 2 7"},
		{">= 10", "10 99 150"},
		{"2-10", "2 7 10"},
		{"010.Finch,001.Auk", "1 10"},
		{"@" + file, "2 150"},
		{"not 2-10", "1 99 150"},
		{"not @" + file, "1 7 10 99"},
		{"<100 & not 2-10", "1 99"},
		{"<100 & >2 & not 010.Finch", "7 99"},
	} {
		s, err := birds().OfClasses(tc.rule)
		if err != nil {
			t.Errorf("%s: %v", tc.rule, err)
			continue
		}
		if got := numbers(t, s); got != tc.want || s.Classes != tc.rule {
			t.Errorf("%s (%s) chooses %s, want %s", tc.rule, s.Classes, got, tc.want)
		}
	}
}

func TestImagesOfClasses(t *testing.T) {
	s, err := birds().OfClasses("7-99")
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Split(All)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range d.Len() {
		img, err := d.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s:%d:%s", d.ID(i), img.Pix[0], d.Classes()[d.Label(i)]))
	}
	want := "4:4:007.Egret 5:5:007.Egret 6:6:010.Finch 7:7:010.Finch 8:8:099.Gull 9:9:099.Gull"
	if strings.Join(got, " ") != want {
		t.Errorf("images %s, want %s", got, want)
	}
}

func TestClassesWithoutNumbersAreCounted(t *testing.T) {
	for _, tc := range []struct {
		names []string
		rule  string
		want  string
	}{
		{[]string{"cat", "dog", "emu"}, "<=2", "cat dog"},
		{[]string{"0", "1", "2"}, "<=1", "0 1"},              // as digits are named
		{[]string{"1st", "1x", "2"}, ">=2", "1x 2"},          // numbers that do not differ
		{[]string{"3d printer", "emu"}, "<=1", "3d printer"}, // a name without a number
	} {
		m := &Memory{Names: tc.names}
		for l := range tc.names {
			m.Images, m.Labels = append(m.Images, Image{1, 1, []uint8{0, 0, 0}}), append(m.Labels, l)
		}
		s, err := (&Source{Splits: map[string]Dataset{All: m}}).OfClasses(tc.rule)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.Splits[All].Classes(), " "); got != tc.want {
			t.Errorf("%s of %q chooses %s, want %s", tc.rule, tc.names, got, tc.want)
		}
	}
}

func TestAShareAndTheRestAreDisjoint(t *testing.T) {
	for _, rule := range []string{"50%", "50%:7", "33.4%", "<100 & 60%"} {
		part, err := birds().OfClasses(rule)
		if err != nil {
			t.Fatal(err)
		}
		again, err := birds().OfClasses(rule)
		if err != nil {
			t.Fatal(err)
		}
		rest, err := birds().OfClasses(strings.Replace(rule, "& ", "& not ", 1))
		if !strings.Contains(rule, "&") {
			rest, err = birds().OfClasses("not " + rule)
		}
		if err != nil {
			t.Fatal(err)
		}
		all := append(slices.Clone(part.Splits[All].Classes()), rest.Splits[All].Classes()...)
		want := map[string][2]int{"50%": {3, 6}, "50%:7": {3, 6}, "33.4%": {2, 6}, "<100 & 60%": {3, 5}}[rule]
		if got := [2]int{len(part.Splits[All].Classes()), len(slices.Compact(slices.Sorted(slices.Values(all))))}; got != want {
			t.Errorf("%s chooses %d classes, %d with the rest, want %d", rule, got[0], got[1], want)
		}
		if numbers(t, part) != numbers(t, again) {
			t.Errorf("%s chooses %s, then %s", rule, numbers(t, part), numbers(t, again))
		}
	}
}

func TestSeedsDrawOtherClasses(t *testing.T) {
	seen := map[string]bool{}
	for seed := range 10 {
		s, err := birds().OfClasses(fmt.Sprintf("50%%:%d", seed))
		if err != nil {
			t.Fatal(err)
		}
		seen[numbers(t, s)] = true
	}
	if len(seen) < 4 {
		t.Errorf("ten seeds draw %d sets of classes", len(seen))
	}
}

func TestTheHashTellsSplitsApart(t *testing.T) {
	hashes := map[string]string{}
	for _, rule := range []string{"<=10", ">10", "001.Auk,002.Crow,007.Egret,010.Finch"} {
		s, err := birds().OfClasses(rule)
		if err != nil {
			t.Fatal(err)
		}
		if hashes[rule], err = Hash(s.Splits[All]); err != nil {
			t.Fatal(err)
		}
	}
	if hashes["<=10"] == hashes[">10"] || hashes["<=10"] != hashes["001.Auk,002.Crow,007.Egret,010.Finch"] {
		t.Errorf("hashes %v: want one for each set of classes, however it is named", hashes)
	}
}

func TestASplitWithNothingLeftIsDropped(t *testing.T) {
	s := birds()
	train := Subset(s.Splits[All], "train", []int{0, 1, 2, 3})
	test := Subset(s.Splits[All], "test", []int{4, 5, 6})
	s.Splits = map[string]Dataset{Train: train, Test: test}
	of, err := s.OfClasses(">2")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := of.Splits[Train]; ok || len(of.Splits) != 1 || of.Splits[Test].Len() != 3 {
		t.Errorf("splits %v", of.Splits)
	}
}

func TestClassRulesThatAreRefused(t *testing.T) {
	for _, tc := range []struct{ rule, want string }{
		{"", "a rule is empty"},
		{"<=10 & ", "a rule is empty"},
		{">1000", "that is none of its 6 classes"},
		{"<=10 & >10", "that is none of its 6 classes"},
		{"crow", `there is no class "crow"; the classes are 001.Auk`},
		{"<=ten", `there is no class "<=ten"`},
		{"0%", "no share of the classes"},
		{"100%", "no share of the classes"},
		{"50%7", `want nothing, or a seed as in "50%:7"`},
		{"@nowhere", "nowhere"},
	} {
		if _, err := birds().OfClasses(tc.rule); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: error %v, want %s", tc.rule, err, tc.want)
		}
	}
	bare := &Source{Spec: "photos", Splits: map[string]Dataset{All: &Memory{}}}
	if _, err := bare.OfClasses("<=1"); err == nil || !strings.Contains(err.Error(), "photos has no classes") {
		t.Errorf("error %v", err)
	}
}
