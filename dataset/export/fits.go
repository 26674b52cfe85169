package export

import (
	"fmt"
	"strings"

	"alike/dataset"
)

// fits says why a format cannot hold a source: a name would lead out of the folder that is
// written, or what is read back would have other splits or classes.
func fits(s *dataset.Source, format string) error {
	folders := format == "folder" || format == "tar" || format == "zip"
	for split, d := range s.Splits {
		if !isPlain(split) {
			return notPlain("split", split)
		}
		for i := range d.Len() {
			if class := classOf(d, i); d.Label(i) >= 0 && (folders && !isPlain(class) || strings.TrimSpace(class) != class) {
				return notPlain("class", class)
			}
		}
	}
	if format == "csv" || format == "jsonl" { // they say everything in words
		return nil
	}
	for split := range s.Splits {
		if split != dataset.All && dataset.SplitNamed(split) != split {
			return fmt.Errorf("%s has no split %q, only train, test, val, unlabeled, query and gallery; write csv or jsonl", format, split)
		}
	}
	if all, ok := s.Splits[dataset.All]; ok && folders {
		return fitsFolders(len(s.Splits), all, format)
	}
	return nil
}

// fitsFolders says why folders cannot hold images of no split, beside which there are others
// if splits is above 1. They are named by their classes alone, as package dataset reads them.
func fitsFolders(splits int, all dataset.Dataset, format string) error {
	classes, unlabelled, likeSplits := map[string]bool{}, false, true
	for i := range all.Len() {
		class := classOf(all, i)
		if class == "" {
			unlabelled = true
			continue
		}
		classes[class] = true
		likeSplits = likeSplits && dataset.SplitNamed(class) != ""
	}
	const others = "write csv, jsonl, webdataset or parquet"
	switch {
	case splits > 1:
		return fmt.Errorf("%s has no place for the images of no split beside those of splits; %s", format, others)
	case len(classes) == 1 && !unlabelled:
		return fmt.Errorf("%s has no place for the name of a single class where there are no splits; %s", format, others)
	case len(classes) > 0 && likeSplits:
		return fmt.Errorf("in %s the classes would be splits, as they are called so; %s", format, others)
	}
	return nil
}

// isPlain says whether a name can be that of a folder, and is read back as it is.
func isPlain(name string) bool {
	return name != "" && name[0] != '.' && !strings.ContainsAny(name, `/\`) && strings.TrimSpace(name) == name
}

func notPlain(what, name string) error {
	return fmt.Errorf(`the %s %q cannot be the name of a folder: it is empty, begins with ".", begins or ends with a space, or holds / or \; rename it`, what, name)
}
