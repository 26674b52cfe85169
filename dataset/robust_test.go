package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// link makes a symbolic link, or skips the test.
func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skip("this system makes no links")
	}
}

func TestLinksBetweenFolders(t *testing.T) {
	p := pngFile(t, 4, 9)
	root := tree(t, map[string][]byte{"a/1.png": p, "b/1.png": p, "c/1.png": p})
	outside := tree(t, map[string][]byte{"far/1.png": p, "far/x/2.png": p})
	far := filepath.Join(outside, "far")
	link(t, root, filepath.Join(root, "a", "loop"))
	link(t, filepath.Join(root, "b"), filepath.Join(root, "c", "b"))
	link(t, far, filepath.Join(root, "d"))
	link(t, far, filepath.Join(root, "e"))
	link(t, outside, filepath.Join(outside, "far", "up"))
	link(t, filepath.Join(root, "nothing"), filepath.Join(root, "b", "gone.png"))
	link(t, filepath.Join(far, "1.png"), filepath.Join(root, "b", "2.png"))
	s, err := Open(t.Context(), root, Options{MaxBad: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"all: a/1.png=a b/1.png=b b/2.png=b c/1.png=c d/1.png=d d/up/far/1.png=d d/up/far/x/2.png=d d/x/2.png=d",
		"skipped a/loop: " + errLoop.Error(),
		"skipped b/gone.png: it is gone, or a link to nothing",
		"skipped c/b: " + errLoop.Error(),
		"skipped d/up/far/up: " + errLoop.Error(),
		"skipped e: " + errLoop.Error(),
	}, "\n")
	if d := cmp.Diff(want, listing(s)); d != "" {
		t.Error(d)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	p := pngFile(t, 4, 9)
	root := tree(t, map[string][]byte{"a/1.png": p, "a/2.png": p, "b/1.png": p, "c/1.png": p})
	if err := os.Mkdir(filepath.Join(root, "a", "folder.png"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"a/2.png": 0, "c": 0} {
		if err := os.Chmod(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "c"), 0o755) })
	if _, err := os.ReadDir(filepath.Join(root, "c")); err == nil {
		t.Skip("this user reads everything")
	}
	s, err := Open(t.Context(), root, Options{MaxBad: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff("all: a/1.png=a b/1.png=b\nskipped a/2.png: permission denied\nskipped c: permission denied", listing(s)); d != "" {
		t.Error(d)
	}
}

func TestPipesAreNotOpened(t *testing.T) {
	if _, err := os.Stat("/dev/zero"); err != nil {
		t.Skip("no device to read")
	}
	root := tree(t, map[string][]byte{"1.png": pngFile(t, 4, 9)})
	link(t, "/dev/zero", filepath.Join(root, "2.png"))
	s, err := Open(t.Context(), root, Options{})
	if err != nil || len(s.Skipped) != 1 || !strings.Contains(s.Skipped[0].Err.Error(), "it is no regular file") {
		t.Errorf("%v, %v", s, err)
	}
}

func TestNamesOfAnyBytes(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("names are text on this system")
	}
	p := pngFile(t, 4, 9)
	root := tree(t, map[string][]byte{"caf\xe9/\t1.png": p, "été/\ufffd.png": p})
	s, err := Open(t.Context(), root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(`all: caf\xe9/\t1.png=caf\xe9 été/�.png=été`, listing(s)); d != "" {
		t.Error(d)
	}
}

// badFolder is a folder of some images of which some are bad.
func badFolder(t *testing.T, images, bad int) string {
	files := map[string][]byte{}
	p := pngFile(t, 2, 9)
	for i := range images {
		files[fmt.Sprintf("%03d.png", i)] = p
		if i < bad {
			files[fmt.Sprintf("%03d.png", i)] = nil
		}
	}
	return tree(t, files)
}

func TestTooManyBadFiles(t *testing.T) {
	for _, tc := range []struct {
		images, bad int
		maxBad      float64
		want        string
	}{
		{3, 1, 0, ""}, // one bad image never ends a run
		{20, 2, 0, ""},
		{20, 3, 0, "3 of 20 images cannot be read, more than 10 %; the first is 000.png: the file is empty; copy or download it again; repair or remove them, or allow more with --max-bad"},
		{20, 3, 0.15, ""},
		{20, 20, 1, "none of its 20 images can be read, the first is 000.png: the file is empty"},
	} {
		s, err := Open(t.Context(), badFolder(t, tc.images, tc.bad), Options{MaxBad: tc.maxBad})
		switch {
		case tc.want == "" && (err != nil || len(s.Skipped) != tc.bad):
			t.Errorf("%+v: %v", tc, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

func TestStrictStopsAtTheFirst(t *testing.T) {
	reads := 0
	entries := make([]entry, 1000)
	for i := range entries {
		entries[i] = entry{name: fmt.Sprint(i), read: func() ([]byte, error) { return nil, nil }}
	}
	entries[0].read = func() ([]byte, error) { reads++; return nil, errors.New("worn out") }
	_, _, err := decodeAll(t.Context(), entries, Options{Strict: true}.withDefaults())
	if err == nil || err.Error() != "0 cannot be read: worn out" || reads != 1 {
		t.Errorf("%v after %d reads", err, reads)
	}
}

// A decoder that panics spoils one image.
func TestPanicsAreFaults(t *testing.T) {
	e := entry{read: func() ([]byte, error) { panic("ouch") }}
	if _, _, err := e.decode(Options{}.withDefaults()); err == nil || !strings.Contains(err.Error(), "ouch") {
		t.Errorf("got %v", err)
	}
}

// What vanishes between listing and reading is skipped.
func TestVanishingFile(t *testing.T) {
	root := tree(t, map[string][]byte{"1.png": pngFile(t, 4, 9), "2.png": pngFile(t, 4, 9)})
	w := walker{ctx: t.Context(), o: Options{}.withDefaults(), root: root, followed: map[string]bool{}}
	if err := w.walk(root, ""); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "1.png")); err != nil {
		t.Fatal(err)
	}
	s, err := collect(t.Context(), "x", w.entries, w.o)
	if err != nil || listing(s) != "all: 2.png=-\nskipped 1.png: it is gone, or a link to nothing" {
		t.Errorf("%v, %v", s, err)
	}
}

// TestTarIsReadInPlace holds an archive that is not compressed to what it promises: files are
// read from it when they are needed, so that they take no memory.
func TestTarIsReadInPlace(t *testing.T) {
	dir := t.TempDir()
	content := tarOf(t, member{name: "a/1.png", body: pngFile(t, 4, 10)}, member{name: "b/2.png", body: pngFile(t, 5, 200)})
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(content)
	z.Close()
	images := map[string]Dataset{}
	for name, b := range map[string][]byte{"x.tar": content, "x.tar.gz": packed.Bytes()} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), path, Options{CacheBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		images[name] = s.Splits[All]
	}
	for i := range 2 {
		x, err1 := images["x.tar"].Image(i)
		y, err2 := images["x.tar.gz"].Image(i)
		if err := errors.Join(err1, err2); err != nil || !reflect.DeepEqual(x, y) {
			t.Errorf("image %d: %v and %v, %v", i, x, y, err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "x.tar"), 600); err != nil {
		t.Fatal(err)
	}
	if _, err := images["x.tar"].Image(1); err == nil {
		t.Error("the archive is cut short, and its last image is read")
	}
}

// A link to a folder above the root leads to the root again.
func TestLinksAboveTheRoot(t *testing.T) {
	p := pngFile(t, 4, 9)
	above := tree(t, map[string][]byte{"photos/a/1.png": p, "photos/b/1.png": p, "photos2/c/1.png": p})
	root := filepath.Join(above, "photos")
	link(t, above, filepath.Join(root, "up"))
	link(t, above+"/photos2", filepath.Join(root, "c"))
	s, err := Open(t.Context(), root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff("all: a/1.png=a b/1.png=b c/c/1.png=c\nskipped up: "+errLoop.Error(), listing(s)); d != "" {
		t.Error(d)
	}
}
