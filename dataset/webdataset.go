package dataset

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func init() {
	Formats.Add("webdataset", Format{
		Summary: "WebDataset shards: 00.tar, a folder of them or {00..09}.tar, with KEY.jpg and KEY.cls or KEY.json",
		Detect:  isWebDataset,
		Open:    openWebDataset,
	})
}

// mostShards is the largest number of shards of a pattern.
const mostShards = 100_000

// isPattern says whether a SPEC names shards by braces.
func isPattern(spec string) bool {
	_, rest, open := strings.Cut(spec, "{")
	return open && strings.Contains(rest, "}") && isArchive(spec)
}

// isWebDataset says whether the first shard has an image with a label beside it.
func isWebDataset(spec string) bool {
	if isPattern(spec) {
		return true
	}
	shards, err := shardsOf(spec)
	if err != nil || len(shards) == 0 {
		return false
	}
	const enough = 8 // files, to be sure
	seen, files, found := map[string]bool{}, 0, false
	walkTar(context.Background(), shards[0], func(h *tar.Header, _ io.Reader) error { // a broken one is none
		key, suffix := splitKey(h.Name)
		kind := "image"
		if suffix == ".cls" || suffix == ".json" {
			kind = "label"
		} else if !isImageName(suffix) {
			return nil
		}
		seen[kind+" "+key] = true
		found = seen["image "+key] && seen["label "+key]
		if files++; found || files == enough {
			return errEnough
		}
		return nil
	})
	return found
}

// shardsOf lists the shards that a SPEC names, in order.
func shardsOf(spec string) ([]string, error) {
	if isFolder(spec) {
		return slices.DeleteFunc(glob(spec, "*"), func(n string) bool { return !isArchive(n) }), nil
	}
	if _, err := os.Stat(spec); err == nil || !isPattern(spec) {
		if !isArchive(spec) {
			return nil, errors.New("no .tar or .tar.gz file; WebDataset shards are named so")
		}
		return []string{spec}, nil
	}
	return expand(spec)
}

// expand replaces braces by each of their values: {08..11} or {a,b}.
func expand(pattern string) ([]string, error) {
	before, rest, ok := strings.Cut(pattern, "{")
	if !ok {
		return []string{pattern}, nil
	}
	inner, after, ok := strings.Cut(rest, "}")
	if !ok {
		return nil, fmt.Errorf("%q opens a brace and does not close it; want {00..09} or {a,b}", pattern)
	}
	values := strings.Split(inner, ",")
	if first, last, ok := strings.Cut(inner, ".."); ok {
		from, err1 := strconv.ParseUint(first, 10, 31)
		to, err2 := strconv.ParseUint(last, 10, 31)
		if err1 != nil || err2 != nil || to < from || to-from >= mostShards {
			return nil, fmt.Errorf("{%s} is no range of at most %d numbers; want {00..09}", inner, mostShards)
		}
		values = nil
		for n := from; n <= to; n++ {
			values = append(values, fmt.Sprintf("%0*d", len(first), n))
		}
	}
	tails, err := expand(after)
	if err != nil {
		return nil, err
	}
	if len(values)*len(tails) > mostShards {
		return nil, fmt.Errorf("%q names more than %d shards; want fewer, larger ones", pattern, mostShards)
	}
	var names []string
	for _, v := range values {
		for _, tail := range tails {
			names = append(names, before+v+tail)
		}
	}
	return names, nil
}

// splitKey splits the name of a member at the first dot of its last part.
func splitKey(name string) (key, suffix string) {
	folder, base := path.Split(name)
	base, suffix, ok := strings.Cut(base, ".")
	if !ok {
		return folder + base, ""
	}
	return folder + base, "." + strings.ToLower(suffix)
}

// sample is what the members with one key say.
type sample struct {
	entry        // its read and fault are nil as long as there is no image
	class string // "" if it has none
	wrong error  // what is wrong with its label
}

func openWebDataset(ctx context.Context, spec string, o Options) (*Source, error) {
	shards, err := shardsOf(spec)
	if err != nil {
		return nil, err
	}
	if len(shards) == 0 {
		return nil, errors.New("no .tar or .tar.gz file in it")
	}
	ids := shortest(shards)
	var entries []entry
	var places []place
	var read int64
	for i, shard := range shards {
		f, err := os.Open(shard)
		if err != nil {
			return nil, fmt.Errorf("shard %s: %w", shard, reason(err))
		}
		samples, err := readShard(ctx, f, &read, o)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("shard %s: %w", shard, err)
		}
		split := splitOfFile(ids[i])
		for _, s := range samples {
			s.name = printable(ids[i]) + "/" + s.name
			entries, places = append(entries, s.entry), append(places, place{split, s.class})
		}
	}
	testFromVal(places)
	return assemble(ctx, filepath.Base(spec), entries, places, numbered(classesOf(places)), o)
}

// shortest names files by what their paths do not share.
func shortest(files []string) []string {
	var names []string
	for _, f := range files {
		for _, suffix := range []string{".gz", ".tgz", ".tar", ".parquet"} {
			f = strings.TrimSuffix(f, suffix)
		}
		names = append(names, filepath.ToSlash(filepath.Clean(f)))
	}
	shared := path.Dir(names[0])
	for _, n := range names {
		for !strings.HasPrefix(n, shared+"/") && shared != "." && shared != "/" {
			shared = path.Dir(shared)
		}
	}
	shared = strings.TrimSuffix(shared, "/") + "/"
	for i, n := range names {
		names[i] = strings.TrimPrefix(n, shared)
	}
	return names
}

// readShard reads the samples that have an image, in the order of their first
// members. If a sample has several images the first is read, and if it has
// several labels KEY.cls counts.
func readShard(ctx context.Context, r io.Reader, read *int64, o Options) ([]*sample, error) {
	var samples []*sample
	byKey := map[string]*sample{}
	err := walkTarReader(ctx, r, func(h *tar.Header, r io.Reader) error {
		key, suffix := splitKey(h.Name)
		isImage := slices.Contains(imageSuffixes, suffix) // not KEY.mask.png
		if isHidden(h.Name) || !isImage && suffix != ".cls" && suffix != ".json" {
			return nil
		}
		s := byKey[key]
		if s == nil {
			s = &sample{}
			byKey[key], samples = s, append(samples, s)
		}
		e, err := tarEntry(h, r, read, o)
		if err != nil {
			return err
		}
		if !isImage {
			s.label(e, suffix)
		} else if s.name == "" {
			e.name = strings.TrimSuffix(e.name, path.Ext(e.name))
			s.entry = e
		}
		return nil
	})
	samples = slices.DeleteFunc(samples, func(s *sample) bool { return s.name == "" })
	for _, s := range samples {
		if s.fault == nil {
			s.fault = s.wrong
		}
	}
	return samples, err
}

// label reads KEY.cls, a number or a name, or KEY.json, an object with one of
// them as "label", "cls" or "class".
func (s *sample) label(e entry, suffix string) {
	var text []byte
	if s.wrong = e.fault; s.wrong == nil {
		text, s.wrong = e.read()
	}
	switch {
	case s.wrong != nil:
	case suffix == ".cls":
		s.class = printable(strings.TrimSpace(string(text)))
	case s.class == "":
		s.class, s.wrong = labelOfJSON(text)
	}
	if s.wrong != nil {
		s.wrong = fmt.Errorf("its label %s is not read: %w", e.name, s.wrong)
	}
}

func labelOfJSON(text []byte) (string, error) {
	var object map[string]any
	if err := decodeJSON(text, &object); err != nil {
		return "", err
	}
	for _, key := range []string{"label", "cls", "class"} {
		if v, ok := object[key]; ok {
			return cell(v)
		}
	}
	return "", nil
}
