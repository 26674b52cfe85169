package dataset

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"alike/internal/npy"
)

// member is a file of an archive.
type member struct {
	name string
	body []byte
}

func tarOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		if err := w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.body))}); err != nil {
			t.Fatal(err)
		}
		w.Write(m.body)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(m.body)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	return encoded(t, func(out *bytes.Buffer) error {
		z := gzip.NewWriter(out)
		z.Write(b)
		return z.Close()
	})
}

// row is a row of a Parquet table as Hugging Face writes it.
type row struct {
	Image struct {
		Bytes []byte `parquet:"bytes,optional,plain"`
		Path  string `parquet:"path,optional,plain"`
	} `parquet:"image,optional"`
	Label *int64 `parquet:"label,optional,dict"`
}

func rowOf(file []byte, label int64) (r row) {
	r.Image.Bytes, r.Label = file, &label
	return r
}

func parquetOf(t testing.TB, classes []string, codec compress.Codec, rows ...row) []byte {
	t.Helper()
	about := map[string]any{"info": map[string]any{"features": map[string]any{
		"image": map[string]string{"_type": "Image"},
		"label": map[string]any{"_type": "ClassLabel", "names": classes},
	}}}
	text, err := json.Marshal(about)
	if err != nil {
		t.Fatal(err)
	}
	options := []parquet.WriterOption{parquet.Compression(codec), parquet.MaxRowsPerRowGroup(7)}
	if classes != nil {
		options = append(options, parquet.KeyValueMetadata("huggingface", string(text)))
	}
	return encoded(t, func(b *bytes.Buffer) error {
		w := parquet.NewGenericWriter[row](b, options...)
		_, err := w.Write(rows)
		return errors.Join(err, w.Close())
	})
}

// open opens a file of that name and content.
func open(t *testing.T, name string, body []byte, o Options) (*Source, error) {
	t.Helper()
	return Open(t.Context(), filepath.Join(tree(t, map[string][]byte{name: body}), name), o)
}

// listing is all splits as "split: id:class ...".
func listing(s *Source) string {
	var out []string
	for _, split := range slices.Sorted(maps.Keys(s.Splits)) {
		d, line := s.Splits[split], split+":"
		for i := range d.Len() {
			class := "-"
			if l := d.Label(i); l >= 0 {
				class = d.Classes()[l]
			}
			line += fmt.Sprintf(" %s=%s", d.ID(i), class)
		}
		out = append(out, line)
	}
	for _, skipped := range s.Skipped {
		out = append(out, fmt.Sprintf("skipped %s: %v", skipped.Name, skipped.Err))
	}
	return strings.Join(out, "\n")
}

func TestZip(t *testing.T) {
	p := pngFile(t, 4, 9)
	nested := []member{{"x/train/b/1.png", p}, {"x/train/a/deep/1.png", p}, {"x/test/a/1.png", p}, {"__MACOSX/x/train/a/._1.png", p}, {"x/readme.txt", p}}
	windows := []member{{`b\1.png`, p}, {`a\1.png`, p}}
	flat := []member{{"2.png", p}, {"1.png", p}}
	for name, tc := range map[string]struct {
		members []member
		want    string
	}{
		"nested":        {nested, "test: x/test/a/1.png=a\ntrain: x/train/a/deep/1.png=a x/train/b/1.png=b"},
		"flat":          {flat, "all: 1.png=- 2.png=-"},
		"from Windows":  {windows, "all: a/1.png=a b/1.png=b"},
		"a name twice":  {append(flat, flat[0]), "all: 1.png=- 2.png=-\nskipped 2.png: its name is there twice; the first one is read"},
		"a way out":     {append(flat, member{"../3.png", p}), "all: 1.png=- 2.png=-\nskipped ../3.png: its name leads out of the archive; pack it again without .. and leading /"},
		"another way":   {append(flat, member{"/etc/3.png", p}), "all: 1.png=- 2.png=-\nskipped /etc/3.png: its name leads out of the archive; pack it again without .. and leading /"},
		"bytes, a bell": {append(flat, member{"\a\xe9.png", p}), `all: 1.png=- 2.png=- \a\xe9.png=-`},
	} {
		s, err := open(t, "x.zip", zipOf(t, tc.members...), Options{MaxBad: 0.5})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(tc.want, listing(s)); d != "" || s.Format != "zip" {
			t.Errorf("%s, format %s: %s", name, s.Format, d)
		}
	}
}

func TestDamagedZip(t *testing.T) {
	p := pngFile(t, 4, 9)
	whole := zipOf(t, member{"1.png", p}, member{"2.png", p})
	if _, err := open(t, "x.zip", whole[:len(whole)-30], Options{}); err == nil || !strings.Contains(err.Error(), "broken or cut short") {
		t.Errorf("cut short: %v", err)
	}
	spoilt := bytes.Clone(whole)
	spoilt[40] ^= 0xff // in the content of the first
	s, err := open(t, "x.zip", spoilt, Options{})
	if err != nil || !strings.HasPrefix(listing(s), "all: 2.png=-\nskipped 1.png: ") {
		t.Errorf("spoilt content: %v, %v", s, err)
	}
	if _, err := open(t, "x.zip", whole, Options{MaxFileBytes: 10}); err == nil || !strings.Contains(err.Error(), "bytes, want at most 10; shrink it") {
		t.Errorf("large members: %v", err)
	}
}

// A tar archive is never unpacked, so a link or a name in it can lead nowhere.
func TestHostileTar(t *testing.T) {
	p := pngFile(t, 4, 9)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "a.png", Size: int64(len(p))},
		{Name: "a.png", Size: int64(len(p))},
		{Name: "../../b.png", Size: int64(len(p))},
		{Name: "c.png", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		{Name: "d.png", Typeflag: tar.TypeLink, Linkname: "a.png"},
		{Name: "e.png", Typeflag: tar.TypeFifo},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			w.Write(p)
		}
	}
	w.Close()
	s, err := open(t, "x.tar", b.Bytes(), Options{MaxBad: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{"all: a.png=-", "skipped ../../b.png: " + errEscapes.Error(), "skipped a.png: " + errTwice.Error(), "skipped c.png: " + errIsLink.Error(), "skipped d.png: " + errIsLink.Error()}, "\n")
	if d := cmp.Diff(want, listing(s)); d != "" {
		t.Error(d)
	}
}

func TestManyMembersAreBounded(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range 5000 {
		w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d.png", i)})
	}
	w.Close()
	if _, err := open(t, "x.tgz", gzipped(t, b.Bytes()), Options{MaxBytes: 1 << 20}); err == nil || !strings.Contains(err.Error(), "of memory") {
		t.Errorf("got %v", err)
	}
}

func TestWebDataset(t *testing.T) {
	p := pngFile(t, 4, 9)
	cls := func(s string) []byte { return []byte(s) }
	first := tarOf(t, member{"0.png", p}, member{"0.cls", cls("10\n")}, member{"x/1.cls", cls("2")}, member{"x/1.png", p}, member{"x/1.txt", nil})
	second := tarOf(t, member{"0.png", p}, member{"0.json", cls(`{"label": 2, "more": {}}`)}, member{"0.mask.png", p}, member{"1.json", cls("{}")}, member{"2.png", p})
	bad := tarOf(t, member{"0.png", p}, member{"0.json", cls("{")}, member{"1.png", p[:20]}, member{"1.cls", cls("2")}, member{"2.png", p}, member{"2.cls", cls("2")})
	root := tree(t, map[string][]byte{
		"a-train-00.tar": first, "a-train-01.tar": second, "a-val-00.tar.gz": gzipped(t, first), "bad/00.tar": bad, "plain/00.tar": tarOf(t, member{"a/1.png", p}, member{"b/1.png", p}),
		"08.tar": first, "09.tar": first, "10.tar": first,
	})
	for _, tc := range []struct{ spec, format, want string }{
		{"a-train-00.tar", "webdataset", "train: a-train-00/0=10 a-train-00/x/1=2"},
		{"a-train-{00..01}.tar", "webdataset", "train: a-train-00/0=10 a-train-00/x/1=2 a-train-01/0=2 a-train-01/2=-"},
		{"a-{train-00.tar,val-00.tar.gz}", "", ""},
		{"{09..10}.tar", "webdataset", "all: 09/0=10 09/x/1=2 10/0=10 10/x/1=2"},
		{"{plain,bad}/00.tar", "webdataset", "all: plain/00/a/1=- plain/00/b/1=- bad/00/2=2\nskipped bad/00/0: its label 0.json is not read: it is no JSON object (unexpected EOF)\nskipped bad/00/1: its png data is damaged, cut short or of an unknown kind (unexpected EOF); copy it again or save it anew"},
		{"plain/00.tar", "tar", "all: a/1.png=a b/1.png=b"},
	} {
		s, err := Open(t.Context(), filepath.Join(root, tc.spec), Options{MaxBad: 0.5})
		if tc.format == "" {
			if err == nil {
				t.Errorf("%s: want an error", tc.spec)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.spec, err)
			continue
		}
		if d := cmp.Diff(tc.want, listing(s)); d != "" || s.Format != tc.format {
			t.Errorf("%s, format %s: %s", tc.spec, s.Format, d)
		}
	}
	if s, err := Open(t.Context(), filepath.Join(root, "a-{train-00,train-01}.tar"), Options{}); err != nil || s.Splits[Train].Classes()[1] != "10" {
		t.Errorf("numbers as classes are not sorted by value: %v", err)
	}
	for spec, want := range map[string]string{
		"{00..03}.tar":       "no such file",
		"{3..1}.tar":         "{3..1} is no range",
		"{0..99999999}.tar":  "is no range of at most",
		"{1,2{0..99999}.tar": "is no range",
	} {
		if _, err := Open(t.Context(), filepath.Join(root, spec), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", spec, err, want)
		}
	}
}

func TestFolderOfShards(t *testing.T) {
	p := pngFile(t, 4, 9)
	shard := tarOf(t, member{"0.png", p}, member{"0.cls", []byte("cat")})
	s, err := Open(t.Context(), tree(t, map[string][]byte{"train-0.tar": shard, "test-0.tar": shard}), Options{})
	if err != nil || listing(s) != "test: test-0/0=cat\ntrain: train-0/0=cat" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestSTL10(t *testing.T) {
	images := make([]byte, 2*stlRecord)
	images[0], images[1], images[stlSide], images[stlPixels] = 1, 2, 3, 4 // red at (0,0), (0,1) and (1,0); green at (0,0)
	files := map[string][]byte{
		"stl10_binary/train_X.bin": images, "stl10_binary/train_y.bin": {10, 1}, "stl10_binary/class_names.txt": []byte("airplane\nbird\n"),
		"stl10_binary/unlabeled_X.bin": images[:stlRecord],
	}
	var members []member
	for name, body := range files {
		members = append(members, member{name, body})
	}
	archive := tree(t, map[string][]byte{"stl10_binary.tar.gz": gzipped(t, tarOf(t, members...))})
	for _, spec := range []string{tree(t, files), filepath.Join(archive, "stl10_binary.tar.gz")} {
		s, err := Open(t.Context(), spec, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if want := "train: train/000000=9 train/000001=airplane\nunlabeled: unlabeled/000000=-"; s.Format != "stl10" || listing(s) != want {
			t.Errorf("format %s: %s, want %s", s.Format, listing(s), want)
		}
		img, _ := s.Splits[Train].Image(0)
		if got := slices.Concat(img.Pix[:6], img.Pix[3*stlSide:3*stlSide+3]); !bytes.Equal(got, []byte{1, 4, 0, 3, 0, 0, 2, 0, 0}) {
			t.Errorf("pixels %v", got)
		}
	}
	for want, files := range map[string]map[string][]byte{
		"ends 100 bytes into an image": {"train_X.bin": images[:stlRecord+100]},
		"has 1 labels for the 2":       {"train_X.bin": images, "train_y.bin": {1}},
		"label 1 is 77, want 1 to 10":  {"train_X.bin": images, "train_y.bin": {1, 77}},
	} {
		if _, err := Open(t.Context(), tree(t, files), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := Open(t.Context(), tree(t, files), Options{MaxBytes: stlRecord}); err == nil || !strings.Contains(err.Error(), "of memory") {
		t.Errorf("memory: %v", err)
	}
}

func TestCoarseLabels(t *testing.T) {
	record := make([]byte, 2+3*cifarPixels)
	record[0], record[1] = 3, 99
	root := tree(t, map[string][]byte{"test.bin": record, "fine_label_names.txt": nil, "coarse_label_names.txt": []byte("a\nb\nc\nd\n")})
	for spec, want := range map[string]string{root: "test: test/00000=99", "cifar:" + root + "?labels=coarse": "test: test/00000=d"} {
		s, err := Open(t.Context(), spec, Options{})
		if err != nil || listing(s) != want {
			t.Errorf("%s: %v, want %s", spec, err, want)
		}
	}
}

func TestList(t *testing.T) {
	p := pngFile(t, 4, 9)
	root := tree(t, map[string][]byte{"b/2.png": p, "a/1.png": p, "a/odd\n.png": p, "in/train/b/2.png": p, "in/train/a/1.png": p, "in/test/a/1.png": p})
	path := func(name string) string { return filepath.Join(root, name) }
	for name, tc := range map[string]struct{ text, want string }{
		"lines, in their order":  {path("b/2.png") + "\r\n\n" + path("a/1.png") + "\n", "all: " + path("b/2.png") + "=b " + path("a/1.png") + "=a"},
		"zero bytes":             {path("a/odd\n.png") + "\x00" + path("b/2.png") + "\x00", "all: " + path(`a/odd\n.png`) + "=a " + path("b/2.png") + "=b"},
		"one split says nothing": {path("in/train/b/2.png") + "\n" + path("in/train/a/1.png"), "all: " + path("in/train/b/2.png") + "=b " + path("in/train/a/1.png") + "=a"},
		"two splits":             {path("in/train/a/1.png") + "\n" + path("in/test/a/1.png"), "test: " + path("in/test/a/1.png") + "=a\ntrain: " + path("in/train/a/1.png") + "=a"},
		"one is gone":            {path("a/1.png") + "\n" + path("a/9.png"), "all: " + path("a/1.png") + "=-\nskipped " + path("a/9.png") + ": it is gone, or a link to nothing"},
	} {
		s, err := Open(t.Context(), "-", Options{Stdin: strings.NewReader(tc.text)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(tc.want, listing(s)); d != "" || s.Format != "list" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if _, err := Open(t.Context(), "-", Options{Stdin: strings.NewReader("\n")}); err == nil || !strings.Contains(err.Error(), "no images in it") {
		t.Errorf("an empty list: %v", err)
	}
	file := filepath.Join(tree(t, map[string][]byte{"l.txt": []byte(path("a/1.png"))}), "l.txt")
	if s, err := Open(t.Context(), "list:"+file, Options{}); err != nil || s.Splits[All].Len() != 1 {
		t.Errorf("a list in a file: %v", err)
	}
}

func TestManifests(t *testing.T) {
	p := pngFile(t, 8, 9)
	for _, tc := range []struct{ name, file, text, want string }{
		{"CSV with classes and splits", "m.csv", "\ufeffPath,label,split,colour\nb.png,10,training,x\na.png,9,val,\n", "test: a.png=9\ntrain: b.png=10"},
		{"TSV", "m.tsv", "file_name\tlabel\na.png\tcat\n", "all: a.png=cat"},
		{"TSV with quotes, in which nothing is lost", "m.tsv", "path\tlabel\r\na.png\t\"12 inches\r\nb.png\t5\" disc\n", "all: a.png=\"12 inches b.png=5\" disc"},
		{"TSV all in quotes, as R writes it", "m.tsv", "\"path\"\t\"label\"\n\n\"a.png\"\t\"a \"\"cat\"\"\"\n\"b.png\"\n", "all: a.png=a \"cat\"\nskipped line 4: it is no line of this table: wrong number of fields"},
		{"CSV with a text of two lines", "m.csv", "path,text,label\na.png,\"one\ntwo\",cat\nb.png,,dog\n", "all: a.png=cat b.png=dog"},
		{"query and gallery as splits", "m.csv", "path,label,split\na.png,x,query\nb.png,x,gallery\n", "gallery: b.png=x\nquery: a.png=x"},
		{"query and gallery as columns", "m.csv", "path,query,gallery\na.png,1,true\nb.png,0,yes\n", "gallery: a.png=- b.png=-\nquery: a.png=-"},
		{"boxes", "m.csv", "path,label,box\na.png,x,1 2 3 4\na.png,y,\"0,0,2.5,1\"\n", "all: a.png#1,2,3,4=x a.png#0,0,3,1=y"},
		{"JSON Lines", "m.jsonl", `{"path": "b.png", "label": 3, "box": [0, 0, 4, 4], "more": {}}` + "\n\n" + `{"path": "a.png", "label": null, "query": true}`, "all: b.png#0,0,4,4=3\nquery: a.png=-"},
		{"bad rows", "m.csv", "path,label,box\na.png,cat,\n,dog,\nb.png,cat,1 2 3\nb.png\nc.png,dog,\na.png,cat,\nb.png,ant,90 90 9 9\n",
			"all: a.png=cat\nskipped line 3: it names no image; want one in the column path or file_name or filename or file or image\n" +
				"skipped line 4: its box is \"1 2 3\", want four numbers: x, y, width and height in pixels\n" +
				"skipped line 5: it is no line of this table: wrong number of fields\n" +
				"skipped c.png: it is gone, or a link to nothing\n" +
				"skipped a.png: its name is there twice; the first one is read\n" +
				"skipped b.png#90,90,9,9: its box (90,90)-(99,99) lies outside its 8 x 8 pixels; want x, y, width, height within them"},
		{"bad lines of JSON", "m.jsonl", `{"path": "a.png"}` + "\n[1]\n" + `{"path": {}}` + "\n" + `{"path": "b.png"} {}`,
			"all: a.png=-\nskipped line 2: it is no JSON object (json: cannot unmarshal array into Go value of type map[string]interface {})\n" +
				"skipped line 3: its path is not read: it holds an object, want text or a number\nskipped line 4: it is more than one JSON object; want one a line"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := tree(t, map[string][]byte{"a.png": p, "b.png": p, tc.file: []byte(tc.text)})
			s, err := Open(t.Context(), filepath.Join(root, tc.file), Options{MaxBad: 1})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, listing(s)); d != "" {
				t.Error(d)
			}
		})
	}
	for name, text := range map[string]string{
		"to the end":              "path,label\na.png,\"cat\nb.png,dog\nb.png,emu\n",
		"to the next":             "path,label\na.png,\"cat\nb.png,\"dog\"\nb.png,emu\n",
		"to one that ends a line": "path,label,size\na.png,cat,\"5\nb.png,cat,5\"\nb.png,emu,3\na.png,\"x\n\"\n",
	} {
		if s, err := open(t, "m.csv", []byte(text), Options{MaxBad: 1}); err == nil || !strings.Contains(err.Error(), "is left open there") {
			t.Errorf("a quote that goes %s: %v, %v", name, s, err)
		}
	}
	if _, err := open(t, "m.csv", []byte("name,label\nx,y\n"), Options{}); err == nil || !strings.Contains(err.Error(), `its columns are ["name" "label"], want one of them to be path or`) {
		t.Errorf("no path: %v", err)
	}
}

func TestBoxIsCut(t *testing.T) {
	m := Image{3, 2, []byte{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5}}
	box, err := parseBox("1 1 9 9")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.crop(box); err != nil || got.Width != 2 || got.Height != 1 || !bytes.Equal(got.Pix, []byte{4, 4, 4, 5, 5, 5}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"", "1 2 3", "1 2 3 4 5", "1 2 0 4", "-1 2 3 4", "NaN 1 1 1", "1e9 1 1 1", "a b c d"} {
		if r, err := parseBox(s); err == nil {
			t.Errorf("%q is read as %v", s, r)
		}
	}
}

func TestParquet(t *testing.T) {
	classes := []string{"dog", "cat"}
	rows := []row{rowOf(pngFile(t, 4, 9), 1), rowOf(pngFile(t, 5, 9), -1), {}, rowOf(pngFile(t, 6, 9), 0), rowOf(pngFile(t, 6, 9), 7)}
	rows[2].Image.Path = "2.png"
	for range 20 { // several row groups
		rows = append(rows, rowOf(pngFile(t, 7, 9), 1))
	}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		s, err := open(t, "data/train-00000-of-00001.parquet", parquetOf(t, classes, codec, rows...), Options{})
		if err != nil {
			t.Fatalf("%v: %v", codec, err)
		}
		got := listing(s)
		for _, want := range []string{
			"train: train-00000-of-00001/000000=cat train-00000-of-00001/000001=- train-00000-of-00001/000003=dog train-00000-of-00001/000005=cat",
			"skipped train-00000-of-00001/000002: its row has no bytes",
			"skipped train-00000-of-00001/000004: its label is 7, want one below 2",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%v: %s, want %s", codec, got, want)
			}
		}
		if d := s.Splits[Train]; s.Format != "parquet" || d.Len() != 23 || !slices.Equal(d.Classes(), classes) {
			t.Errorf("%v: %d images of %v", codec, d.Len(), d.Classes())
		}
	}
	root := tree(t, map[string][]byte{
		"data/train-0.parquet":      parquetOf(t, classes, &parquet.Snappy, rowOf(pngFile(t, 4, 9), 1)),
		"data/validation-0.parquet": parquetOf(t, classes, &parquet.Snappy, rowOf(pngFile(t, 4, 9), 0)),
	})
	if s, err := Open(t.Context(), root, Options{}); err != nil || listing(s) != "test: validation-0/000000=dog\ntrain: train-0/000000=cat" {
		t.Errorf("a folder: %v", err)
	}
	if s, err := Open(t.Context(), tree(t, map[string][]byte{
		"train-data/train-0.parquet": parquetOf(t, classes, &parquet.Snappy, rowOf(pngFile(t, 4, 9), 1)),
		"train-data/test-0.parquet":  parquetOf(t, classes, &parquet.Snappy, rowOf(pngFile(t, 4, 9), 0)),
		"train-data/0.parquet":       parquetOf(t, classes, &parquet.Snappy, rowOf(pngFile(t, 4, 9), 0)),
	})+"/train-data/", Options{}); err != nil || listing(s) != "test: test-0/000000=dog\ntrain: 0/000000=dog train-0/000000=cat" {
		t.Errorf("a folder whose name says a split: %v, %v", s, err)
	}
	if _, err := open(t, "x.parquet", parquetOf(t, classes, &parquet.Lz4Raw, rows...), Options{}); err == nil || !strings.Contains(err.Error(), "the compression LZ4_RAW is not read") {
		t.Errorf("LZ4: %v", err)
	}
	type other struct{ A, B int64 }
	b := encoded(t, func(b *bytes.Buffer) error { return parquet.Write(b, []other{{1, 2}}) })
	if _, err := open(t, "x.parquet", b, Options{}); err == nil || !strings.Contains(err.Error(), `its columns are ["A" "B"], want a struct with bytes`) {
		t.Errorf("no images: %v", err)
	}
}

// Wherever a table is cut or spoilt, the answer is an error or a source, not a panic.
func TestDamagedParquet(t *testing.T) {
	whole := parquetOf(t, []string{"a"}, &parquet.Snappy, rowOf(pngFile(t, 4, 9), 0), rowOf(pngFile(t, 5, 9), 0))
	for n := 0; n < len(whole); n += 7 {
		if _, err := open(t, "x.parquet", whole[:n], Options{MaxBytes: 1 << 20}); err == nil {
			t.Fatalf("%d of %d bytes are read without an error", n, len(whole))
		}
	}
	read := 0
	for at := range whole {
		spoilt := bytes.Clone(whole)
		spoilt[at] ^= 0x55
		var used int64
		if _, err := readImageTable(t.Context(), bytes.NewReader(spoilt), int64(len(spoilt)), &used, Options{MaxBytes: 1 << 20}.withDefaults()); err == nil {
			read++
		}
		if used > 2<<20 {
			t.Errorf("byte %d spoilt: %d bytes of memory", at, used)
		}
	}
	if read == len(whole) {
		t.Error("no damage is noticed")
	}
}

// The same images in any format are the same data set: pixels, labels, classes
// and order, which is that of the names.
func TestFormatsAgree(t *testing.T) {
	classes := []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
	const images = 40
	var batch, list, jsonl, manifest bytes.Buffer
	var members, shard0, shard1 []member
	var rows []row
	files := map[string][]byte{"batches.meta.txt": []byte(strings.Join(classes, "\n"))}
	sheet := csv.NewWriter(&manifest)
	sheet.Write([]string{"label", "path"})
	folder := t.TempDir()
	for i := range images {
		label := i * len(classes) / images // sorted by class, as names are
		record := []byte{byte(label)}
		for p := range 3 * cifarPixels {
			record = append(record, byte(p*(i+3)>>(i%5)))
		}
		batch.Write(record)
		file := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, interleave(record[1:]).RGBA()) })
		name := fmt.Sprintf("%s/%04d.png", classes[label], i)
		files["folder/"+name] = file
		members = append(members, member{name, file})
		shard := &shard0
		if i >= images/2 {
			shard = &shard1
		}
		*shard = append(*shard, member{fmt.Sprintf("%04d.png", i), file}, member{fmt.Sprintf("%04d.cls", i), []byte(classes[label])})
		rows = append(rows, rowOf(file, int64(label)))
		fmt.Fprintln(&list, filepath.Join(folder, "folder", name))
		fmt.Fprintf(&jsonl, "{\"file_name\": \"folder/%s\", \"label\": %q}\n", name, classes[label])
		sheet.Write([]string{classes[label], "folder/" + name})
	}
	sheet.Flush()
	files["data_batch_1.bin"] = batch.Bytes()
	files["m.csv"], files["m.jsonl"] = manifest.Bytes(), jsonl.Bytes()
	files["x.tar"], files["x.tar.gz"] = tarOf(t, members...), gzipped(t, tarOf(t, members...))
	files["x.zip"] = zipOf(t, members...)
	files["w0.tar"], files["w1.tar"] = tarOf(t, shard0...), tarOf(t, shard1...)
	files["x.parquet"] = parquetOf(t, classes, &parquet.Snappy, rows...)
	for name, body := range files {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, body, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	sums := map[string][]string{}
	for _, spec := range []string{"cifar:.", "folder", "x.tar", "x.tar.gz", "x.zip", "w{0..1}.tar", "m.csv", "m.jsonl", "x.parquet", "-"} {
		full := filepath.Join(folder, spec)
		switch spec {
		case "cifar:.":
			full = "cifar:" + folder
		case "-":
			full = spec
		}
		s, err := Open(t.Context(), full, Options{Stdin: &list})
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := s.Training()
		if err != nil {
			t.Fatal(err)
		}
		sum, err := Hash(d)
		if err != nil {
			t.Fatal(err)
		}
		sums[sum] = append(sums[sum], spec)
		if d.Len() != images {
			t.Errorf("%s: %d images", spec, d.Len())
		}
	}
	if len(sums) != 1 {
		t.Errorf("the formats differ: %v", sums)
	}
}

// labelledAs is a table of images whose labels have that type.
func labelledAs[T any](t *testing.T, labels ...T) []byte {
	t.Helper()
	type row struct {
		Image struct {
			Bytes []byte `parquet:"bytes,plain"`
		} `parquet:"image"`
		Label T `parquet:"label,plain"`
	}
	rows := make([]row, len(labels))
	for i, l := range labels {
		rows[i].Image.Bytes, rows[i].Label = pngFile(t, 4, 9), l
	}
	return encoded(t, func(b *bytes.Buffer) error { return parquet.Write(b, rows) })
}

func TestTypesOfParquetLabels(t *testing.T) {
	none := math.NaN()
	for _, tc := range []struct {
		name       string
		table      []byte
		want, fail string
	}{
		{"DOUBLE, as pandas writes whole numbers with gaps", labelledAs(t, 10, none, 9.0), "all: x/000000=10 x/000001=- x/000002=9", ""},
		{"FLOAT", labelledAs(t, float32(1), float32(-1)), "all: x/000000=1 x/000001=-", ""},
		{"INT32", labelledAs(t, int32(1), int32(2)), "all: x/000000=1 x/000001=2", ""},
		{"text", labelledAs(t, "cat", "dog"), "all: x/000000=cat x/000001=dog", ""},
		{"fractions", labelledAs(t, 0.5), "", "column label: it holds 0.5; want whole numbers"},
		{"infinity", labelledAs(t, math.Inf(1)), "", "column label: it holds +Inf; want whole numbers"},
		{"BOOLEAN", labelledAs(t, true), "", "its column label is of type BOOLEAN; want whole numbers or text"},
	} {
		s, err := open(t, "x.parquet", tc.table, Options{})
		switch {
		case tc.fail != "" && (err == nil || !strings.Contains(err.Error(), tc.fail)):
			t.Errorf("%s: %v, want %q", tc.name, err, tc.fail)
		case tc.fail == "" && (err != nil || listing(s) != tc.want):
			t.Errorf("%s: %v, %v, want %s", tc.name, s, err, tc.want)
		}
	}
}

func TestShortest(t *testing.T) {
	for _, tc := range []struct{ files, want []string }{
		{[]string{"/train.parquet"}, []string{"train"}},
		{[]string{"/train.parquet", "/x/test.parquet"}, []string{"train", "x/test"}},
		{[]string{"/a/b/0.tar", "/a/c/1.tar.gz"}, []string{"b/0", "c/1"}},
		{[]string{"a/x/0.tar", "a/xy/0.tar"}, []string{"x/0", "xy/0"}},
		{[]string{"0.tar", "a/1.tar"}, []string{"0", "a/1"}},
		{[]string{"../a/0.tar", "../b/0.tar"}, []string{"a/0", "b/0"}},
	} {
		if got := shortest(tc.files); !slices.Equal(got, tc.want) {
			t.Errorf("%q are called %q, want %q", tc.files, got, tc.want)
		}
	}
}

func TestPathsOfManifests(t *testing.T) {
	root := tree(t, map[string][]byte{"in/a.png": pngFile(t, 8, 9), "m.csv": []byte("path,box\nin/a.png,\nin/a.png,0 0 2 2\n")})
	s, err := Open(t.Context(), filepath.Join(root, "m.csv"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := s.Splits[All]
	if whole, part := Path(d, 0), Path(d, 1); whole != filepath.Join(root, "in", "a.png") || part != "" {
		t.Errorf("the image is in %q, its part in %q", whole, part)
	}
}

// A folder's name may hold what is a pattern elsewhere.
func TestFoldersWithBrackets(t *testing.T) {
	p := pngFile(t, 4, 9)
	shard := tarOf(t, member{"0.png", p}, member{"0.cls", []byte("cat")})
	var array bytes.Buffer
	if err := npy.Write(&array, []int{1, 2}, []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	for want, files := range map[string]map[string][]byte{
		"cifar":      {"cifar-10-batches-bin/test_batch.bin": make([]byte, 3073), "cifar-10-batches-bin/batches.meta.txt": []byte("cat")},
		"features":   {"train.npy": array.Bytes()},
		"folder":     {"a/1.png": p},
		"idx":        {"train-images-idx3-ubyte": {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7}},
		"parquet":    {"data/train-0.parquet": parquetOf(t, []string{"a"}, &parquet.Snappy, rowOf(p, 0))},
		"stl10":      {"stl10_binary/train_X.bin": make([]byte, stlRecord)},
		"webdataset": {"0.tar": shard},
	} {
		root := filepath.Join(t.TempDir(), "photos [2024]")
		if err := os.CopyFS(root, os.DirFS(tree(t, files))); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), root, Options{})
		if err != nil || s.Format != want || s.Len() != 1 {
			t.Errorf("%s: %+v, %v", want, s, err)
		}
	}
}

func TestStraysAmongImages(t *testing.T) {
	p := pngFile(t, 4, 9)
	for _, tc := range []struct{ file, want string }{
		{"embeddings.npy", "folder"},
		{"metadata.parquet", "folder"},
		{"train.npy", "features"},
		{"data/train-00000-of-00001.parquet", "parquet"},
	} {
		root := filepath.Join(t.TempDir(), "link")
		link(t, tree(t, map[string][]byte{"cat/x/1.png": p, "dog/x/1.png": p, tc.file: nil}), root)
		if format, _, err := recognise(root); err != nil || format != tc.want {
			t.Errorf("images and %s are taken for %s, %v, want %s", tc.file, format, err, tc.want)
		}
	}
}
