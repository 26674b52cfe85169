package dataset

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// errOutside is the fault of an image beside the split folders.
var errOutside = errors.New("it lies beside the folders of the splits, in none of them")

// splitFolders are the names of folders that are splits.
var splitFolders = map[string]string{
	"train": Train, "training": Train,
	"test": Test,
	"val":  Val, "valid": Val, "validation": Val,
	"unlabeled": Unlabeled, "query": Query, "gallery": Gallery,
}

// SplitNamed is the split that a folder of that name is, or "".
func SplitNamed(folder string) string { return splitFolders[strings.ToLower(folder)] }

// place is where an image belongs. The class is "" if it has none, the split is
// "" if the image lies outside all splits.
type place struct{ split, class string }

// layout reads split and class off the names of the files:
//
//	[SHARED/...][SPLIT/][CLASS/[...]]NAME
//
// Folders that hold everything say nothing, so images in a single folder have
// no class. The next folders are splits if all of them are named so (a class may
// be called "train"). Val stands in for Test where there is no test folder.
func layout(names []string) []place {
	names = cutShared(slices.Clone(names))
	places := make([]place, len(names))
	if !areSplits(names) {
		for i, n := range names {
			places[i] = place{All, folderOf(n)}
		}
		return places
	}
	for i, n := range names {
		folder, rest, inside := strings.Cut(n, "/")
		if inside {
			places[i] = place{SplitNamed(folder), folderOf(rest)}
		}
	}
	testFromVal(places)
	return places
}

// testFromVal lets Val stand in for Test where there is no test split.
func testFromVal(places []place) {
	if slices.ContainsFunc(places, func(p place) bool { return p.split == Test }) {
		return
	}
	for i := range places {
		if places[i].split == Val {
			places[i].split = Test
		}
	}
}

// valForTest is testFromVal for what is there already, by split.
func valForTest[V any](splits map[string]V) {
	val, ok := splits[Val]
	if _, tested := splits[Test]; ok && !tested {
		splits[Test] = val
		delete(splits, Val)
	}
}

// splitOfFile is the split that a word of a file's name says, or one of the
// folders above it, the next one first; or All: "data/train-00000-of-00002.parquet"
// belongs to Train.
func splitOfFile(name string) string {
	notLetter := func(r rune) bool { return !unicode.IsLetter(r) }
	for _, part := range slices.Backward(strings.Split(filepath.ToSlash(name), "/")) {
		for word := range strings.FieldsFuncSeq(part, notLetter) {
			if split := SplitNamed(word); split != "" {
				return split
			}
		}
	}
	return All
}

// cutShared cuts the folders off that all names begin with, up to a split.
func cutShared(names []string) []string {
	for len(names) > 0 {
		first := folderOf(names[0])
		outside := func(n string) bool { return folderOf(n) != first }
		if first == "" || SplitNamed(first) != "" || slices.ContainsFunc(names, outside) {
			return names
		}
		for i := range names {
			names[i] = names[i][len(first)+1:]
		}
	}
	return names
}

// areSplits says whether the first folders of the names are splits, all of them.
func areSplits(names []string) bool {
	found := false
	for _, n := range names {
		if folder := folderOf(n); folder != "" {
			if SplitNamed(folder) == "" {
				return false
			}
			found = true
		}
	}
	return found
}

// folderOf is the first folder of a name, or "".
func folderOf(name string) string {
	folder, _, ok := strings.Cut(name, "/")
	if !ok {
		return ""
	}
	return folder
}

// classesOf lists the classes in label order, that of their names.
func classesOf(places []place) []string {
	var classes []string
	for _, p := range places {
		if p.class != "" {
			classes = append(classes, p.class)
		}
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// numbered sorts classes that are all whole numbers by their value: 2 before 10.
func numbered(classes []string) []string {
	values := map[string]int{}
	for _, c := range classes {
		n, err := strconv.Atoi(c)
		if err != nil {
			return classes
		}
		values[c] = n
	}
	slices.SortStableFunc(classes, func(a, b string) int { return values[a] - values[b] })
	return classes
}
