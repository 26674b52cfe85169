package cli

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alike/dataset/doctor"
	"alike/eval"
)

// patches is an image of coloured squares, another one for each seed.
func patches(seed uint64, side int) image.Image {
	r := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
	for range 20 {
		x, y, n := r.IntN(side), r.IntN(side), side/8+r.IntN(side/3)
		c := color.RGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
		draw.Draw(m, image.Rect(x, y, x+n, y+n), image.NewUniform(c), image.Point{}, draw.Src)
	}
	return m
}

func asPNG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// folderOf writes files into a folder.
func folderOf(t *testing.T, files map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for name, body := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// ill is a data set with one of each fault.
func ill(t *testing.T) string {
	return folderOf(t, map[string][]byte{
		"train/cat/0.png":   asPNG(t, patches(0, 80)),
		"train/cat/1.png":   asPNG(t, patches(1, 80)),
		"train/cat/<2>.png": asPNG(t, patches(2, 80)),
		"train/dog/3.png":   asPNG(t, patches(3, 80)),
		"train/dog/4.png":   asPNG(t, patches(4, 80)),
		"train/dog/cat.jpg": asJPEG(t, patches(1, 80)),                                                // a conflict
		"train/dog/bad.jpg": []byte("no image"),                                                       // a bad file
		"train/ewe/5.png":   asPNG(t, patches(5, 80)),                                                 // a small class
		"train/cat/one.png": asPNG(t, image.NewGray(image.Rect(0, 0, 80, 80))),                        // one colour
		"train/cat/row.png": asPNG(t, patches(6, 80).(*image.RGBA).SubImage(image.Rect(0, 0, 80, 8))), // a strip
		"test/dog/7.png":    asPNG(t, patches(7, 80)),
		"test/dog/same.png": asPNG(t, patches(3, 80)),  // a leak
		"test/cat/near.jpg": asJPEG(t, patches(0, 80)), // another
	})
}

func TestDataCheck(t *testing.T) {
	root, out := ill(t), t.TempDir()
	page, list := filepath.Join(out, "check.html"), filepath.Join(out, "leaked.txt")
	printed := must(t, "data", "check", root, "--out", page)
	for _, want := range []string{
		"12 images of 3 classes (test 3, train 9); checked in ",
		"1  files cannot be read\n", "2  test images are in the training too\n", "1  pairs of copies in two classes\n",
		"1  exact copies\n", "2  pairs of near copies\n", "1  classes with few images\n", "1  images nearly of one colour\n",
		"images of an odd size or shape\n",
		"1 file cannot be read: repair, download again or remove it.\n",
		"2 of 3 test images (66.7 %) are in the training too", "--exclude " + list,
		page + " shows them\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
	if b, err := os.ReadFile(list); err != nil || string(b) != "test/cat/near.jpg\ntest/dog/same.png\n" {
		t.Errorf("the list is %q, %v", b, err)
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	html := string(b)
	for _, want := range []string{`id="leaks"`, `id="conflicts"`, `id="bad"`, `id="classes"`, `id="blank"`, `id="size"`,
		"data:image/jpeg;base64,", "test/dog/same.png", "the same pixels", "two labels", "not an image: it begins with", "<td>ewe</td>", "80 x 8 pixels"} {
		if !strings.Contains(html, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	for _, remote := range []string{"http:", "https:", "<script", "ZgotmplZ", `id="copies"`} {
		if strings.Contains(html, remote) {
			t.Errorf("the page holds %q", remote)
		}
	}
}

func TestDataCheckJSON(t *testing.T) {
	root, list := ill(t), filepath.Join(t.TempDir(), "ids.txt")
	var found struct {
		Page       string
		LeakedFile string `json:"leaked_file"`
		doctor.Findings
	}
	if err := json.Unmarshal([]byte(must(t, "data", "check", root, "--json", "--out", "", "--leaked", list, "-q")), &found); err != nil {
		t.Fatal(err)
	}
	if found.Page != "" || found.LeakedFile != list || len(found.Leaked) != 2 || len(found.Duplicates) != 3 || len(found.BadFiles) != 1 ||
		!found.Duplicates[0].Exact || !found.Duplicates[0].Leak || found.Duplicates[0].A.Split != "train" {
		t.Errorf("%+v", found)
	}
	healthy := folderOf(t, map[string][]byte{"a/1.png": asPNG(t, patches(1, 40)), "a/2.png": asPNG(t, patches(2, 40)), "b/1.png": asPNG(t, patches(3, 40)), "b/2.png": asPNG(t, patches(4, 40))})
	out := must(t, "data", "check", healthy, "--out", "")
	if !strings.Contains(out, "Nothing was found that needs a hand.") || strings.Contains(out, "test images") {
		t.Errorf("of healthy data it says\n%s", out)
	}
	if out := must(t, "data", "check", healthy, "--json", "--out", "", "-q"); strings.Contains(out, "null") {
		t.Errorf("lists without entries are null: %s", out)
	}
}

func TestPicturesOfACheckAreBounded(t *testing.T) {
	files := map[string][]byte{}
	for i := range 9 {
		files["a/"+string(rune('0'+i))+".png"] = asPNG(t, patches(1, 40))
	}
	page := filepath.Join(t.TempDir(), "p.html")
	must(t, "data", "check", folderOf(t, files), "--out", page, "--pictures", "4")
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("<img")); n != 8 || !bytes.Contains(b, []byte("4 of 8 pairs are shown; --json lists all.")) {
		t.Errorf("%d images are on the page", n)
	}
}

func TestDataCheckMisuse(t *testing.T) {
	bad := folderOf(t, map[string][]byte{"a/1.png": []byte("text"), "b/2.png": []byte("text")})
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"data", "check", bad, "--out", ""}, exitFailed, "none of its 2 images can be read"},
		{[]string{"data", "check", "nothing"}, exitFailed, "no such file or folder"},
		{[]string{"data", "check", bad, "--pictures", "0"}, exitMisuse, "must be at least 1"},
		{[]string{"data", "check"}, exitMisuse, "needs a SPEC"},
	} {
		if code, _, errs := call(t, tc.args...); code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: status %d, want %d; %s", tc.args, code, tc.code, errs)
		}
	}
}

func TestEvaluationWithoutLeakedImages(t *testing.T) {
	if testing.Short() {
		t.Skip("trains and measures for seconds")
	}
	dir := trainedRun(t, "--epochs", "0")
	list := filepath.Join(t.TempDir(), "leaked.txt")
	write := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(list, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("test/star/00005", "test/disc/00000", "train/star/00005")
	score := func(args ...string) (s eval.Score) {
		t.Helper()
		if err := json.Unmarshal([]byte(must(t, append(append([]string{"eval"}, args...), "--json", "-q")...)), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, metric := range []string{"knn", "linear"} {
		all, rest := score(metric, dir), score(metric, dir, "--exclude", list)
		p := rest.Protocol
		if p.Queries.Excluded != 2 || p.Queries.Images != 58 || p.Bank != all.Protocol.Bank || p.Queries.SHA256 == all.Protocol.Queries.SHA256 || len(p.Queries.SHA256) != 64 {
			t.Errorf("%s: %+v", metric, p)
		}
		// Two queries more or less: the hits differ by 0 to 2.
		if dropped := all.Value*60 - rest.Value*58; dropped < -1e-9 || dropped > 2+1e-9 {
			t.Errorf("%s: %g of 60, %g of 58", metric, all.Value, rest.Value)
		}
		notes := strings.Join(rest.Notes, "\n")
		if !strings.Contains(notes, "2 of 60 images are left out of the queries, as "+list+" lists them\nwith them "+all.Metric+" is ") {
			t.Errorf("%s: notes %s", metric, notes)
		}
	}
	by := retrieval(t, dir, "--split", "test", "--references=false", "--nmi=false", "--exclude", list)
	if s := by["untrained"]["recall@1"]; s.Protocol.Bank.Images != 58 || s.Protocol.Queries.Excluded != 2 || !s.Protocol.LeaveOneOut ||
		!strings.Contains(strings.Join(s.Notes, "\n"), "left out of the queries and of their neighbours") {
		t.Errorf("retrieval: %+v", s)
	}
	write("test/star/99999")
	if code, _, errs := call(t, "eval", "knn", dir, "--exclude", list); code != exitFailed || !strings.Contains(errs, "none of its 1 lines is the id of an image of sprites (test); an id is, e.g., test/disc/00000") {
		t.Errorf("status %d, %s", code, errs)
	}
	write()
	if s := score("knn", dir, "--exclude", list); s.Protocol.Queries.Excluded != 0 || s.Protocol.Queries.Images != 60 {
		t.Errorf("an empty list leaves out %+v", s.Protocol.Queries)
	}
	if code, _, errs := call(t, "eval", "knn", dir, "--exclude", list+"x"); code != exitFailed || !strings.Contains(errs, "no such file") {
		t.Errorf("status %d, %s", code, errs)
	}
}
