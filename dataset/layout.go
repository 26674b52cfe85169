package dataset

import (
	"errors"
	"slices"
	"strings"
)

// errOutside is the fault of an image beside the split folders.
var errOutside = errors.New("it lies beside the folders of the splits, in none of them")

// splitFolders are the names of folders that are splits.
var splitFolders = map[string]string{
	"train": Train, "training": Train,
	"test": Test,
	"val":  Val, "valid": Val, "validation": Val,
}

// place is where an image belongs. The class is "" if it has none, the split is
// "" if the image lies outside all splits.
type place struct{ split, class string }

// layout reads split and class off the names of the entries, which are sorted:
//
//	[SHARED/...][SPLIT/][CLASS/[...]]NAME
//
// Folders that hold everything say nothing, so images in a single folder have
// no class. The next folders are splits if all of them are named so (a class may
// be called "train"). Val stands in for Test where there is no test folder.
func layout(entries []entry) []place {
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.name
	}
	names = cutShared(names)
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
			places[i] = place{splitFolders[strings.ToLower(folder)], folderOf(rest)}
		}
	}
	if !slices.ContainsFunc(places, func(p place) bool { return p.split == Test }) {
		for i := range places {
			if places[i].split == Val {
				places[i].split = Test
			}
		}
	}
	return places
}

// cutShared cuts the folders off that all names begin with, up to a split.
func cutShared(names []string) []string {
	for {
		first := folderOf(names[0])
		outside := func(n string) bool { return folderOf(n) != first }
		if first == "" || splitFolders[strings.ToLower(first)] != "" || slices.ContainsFunc(names, outside) {
			return names
		}
		for i := range names {
			names[i] = names[i][len(first)+1:]
		}
	}
}

// areSplits says whether the first folders of the names are splits, all of them.
func areSplits(names []string) bool {
	found := false
	for _, n := range names {
		if folder := folderOf(n); folder != "" {
			if splitFolders[strings.ToLower(folder)] == "" {
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
