package doctor

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/draw"

	"alike/dataset"
)

// scene is a picture of coloured blobs, another one for each seed.
func scene(seed uint64, width, height int) dataset.Image {
	r := rand.New(rand.NewPCG(seed, 1))
	type blob struct {
		x, y, radius float64
		colour       [3]float64
	}
	blobs := make([]blob, 24)
	for i := range blobs {
		blobs[i] = blob{r.Float64(), r.Float64(), 0.03 + 0.2*r.Float64(), [3]float64{r.Float64(), r.Float64(), r.Float64()}}
	}
	m := dataset.Image{Width: width, Height: height, Pix: make([]uint8, 3*width*height)}
	for y := range height {
		for x := range width {
			var sum [3]float64
			total := 0.01
			for _, b := range blobs {
				dx, dy := (float64(x)+0.5)/float64(width)-b.x, (float64(y)+0.5)/float64(height)-b.y
				w := math.Exp(-(dx*dx + dy*dy) / (b.radius * b.radius))
				total += w
				for c := range sum {
					sum[c] += w * b.colour[c]
				}
			}
			for c := range sum {
				m.Pix[3*(y*width+x)+c] = uint8(255 * sum[c] / total)
			}
		}
	}
	return m
}

// remap makes an image whose pixel (x, y) is that of m at where(x, y).
func remap(m dataset.Image, where func(x, y int) (int, int)) dataset.Image {
	out := dataset.Image{Width: m.Width, Height: m.Height, Pix: make([]uint8, len(m.Pix))}
	for y := range m.Height {
		for x := range m.Width {
			u, v := where(x, y)
			u, v = min(max(u, 0), m.Width-1), min(max(v, 0), m.Height-1)
			copy(out.Pix[3*(y*m.Width+x):][:3], m.Pix[3*(v*m.Width+u):])
		}
	}
	return out
}

// recolour changes each pixel.
func recolour(m dataset.Image, f func(r, g, b float64) (float64, float64, float64)) dataset.Image {
	out := dataset.Image{Width: m.Width, Height: m.Height, Pix: make([]uint8, len(m.Pix))}
	for at := 0; at < len(m.Pix); at += 3 {
		r, g, b := f(float64(m.Pix[at]), float64(m.Pix[at+1]), float64(m.Pix[at+2]))
		for c, v := range []float64{r, g, b} {
			out.Pix[at+c] = uint8(min(255, max(0, v)))
		}
	}
	return out
}

func scaled(m dataset.Image, width, height int) dataset.Image {
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.CatmullRom.Scale(out, out.Rect, m.RGBA(), image.Rect(0, 0, m.Width, m.Height), draw.Src, nil)
	return dataset.FromImage(out)
}

func recompressed(t *testing.T, m dataset.Image, quality int) dataset.Image {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m.RGBA(), &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	out, err := dataset.Decode(b.Bytes(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mirrored(m dataset.Image) dataset.Image {
	return remap(m, func(x, y int) (int, int) { return m.Width - 1 - x, y })
}

// memory is a split of a test.
type memory struct {
	dataset.Memory
	broken map[int]bool
}

func (m *memory) Image(i int) (dataset.Image, error) {
	if m.broken[i] {
		return dataset.Image{}, errors.New("its sector is gone")
	}
	return m.Images[i], nil
}

// add adds an image of a class, which is -1 for none.
func (m *memory) add(id string, label int, img dataset.Image) {
	m.IDs, m.Labels, m.Images = append(m.IDs, id), append(m.Labels, label), append(m.Images, img)
}

func check(t *testing.T, s *dataset.Source) *Findings {
	t.Helper()
	f, err := Check(t.Context(), s, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func source(splits map[string]*memory) *dataset.Source {
	s := &dataset.Source{Spec: "planted", Splits: map[string]dataset.Dataset{}}
	for name, m := range splits {
		m.Names = []string{"cat", "dog"}
		s.Splits[name] = m
	}
	return s
}

func TestWhichCopiesAreFound(t *testing.T) {
	const side = 96
	original := func(i uint64) dataset.Image { return scene(i, side, side) }
	for _, tc := range []struct {
		name            string
		change          func(dataset.Image) dataset.Image
		exact, mirrored bool
		found           bool
	}{
		{"the same pixels", func(m dataset.Image) dataset.Image { return m }, true, false, true},
		{"half the size", func(m dataset.Image) dataset.Image { return scaled(m, side/2, side/2) }, false, false, true},
		{"another shape", func(m dataset.Image) dataset.Image { return scaled(m, 200, 120) }, false, false, true},
		{"saved anew as a poor JPEG", func(m dataset.Image) dataset.Image { return recompressed(t, m, 30) }, false, false, true},
		{"moved by a pixel", func(m dataset.Image) dataset.Image {
			return remap(m, func(x, y int) (int, int) { return x + 1, y })
		}, false, false, true},
		{"moved by a pixel of a thumbnail both ways, mostly", func(m dataset.Image) dataset.Image {
			return remap(m, func(x, y int) (int, int) { return x + 3, y - 3 })
		}, false, false, true},
		{"mirrored", mirrored, false, true, true},
		{"mirrored, small and saved anew", func(m dataset.Image) dataset.Image { return recompressed(t, scaled(mirrored(m), 48, 48), 70) }, false, true, true},
		{"darker, with less contrast", func(m dataset.Image) dataset.Image {
			return recolour(m, func(r, g, b float64) (float64, float64, float64) { return r/2 + 10, g/2 + 10, b/2 + 10 })
		}, false, false, true},
		{"gray", func(m dataset.Image) dataset.Image {
			return recolour(m, func(r, g, b float64) (float64, float64, float64) {
				y := 0.299*r + 0.587*g + 0.114*b
				return y, y, y
			})
		}, false, false, true},
		{"a warmer cast", func(m dataset.Image) dataset.Image {
			return recolour(m, func(r, g, b float64) (float64, float64, float64) { return 0.8*r + 30, 0.8*g + 10, 0.8 * b })
		}, false, false, true},
		{"other colours", func(m dataset.Image) dataset.Image {
			return recolour(m, func(r, g, b float64) (float64, float64, float64) { return 255 - b, g, r })
		}, false, false, false},
		{"turned by a quarter", func(m dataset.Image) dataset.Image {
			return remap(m, func(x, y int) (int, int) { return y, side - 1 - x })
		}, false, false, false},
		{"two thirds of it, enlarged", func(m dataset.Image) dataset.Image {
			return remap(m, func(x, y int) (int, int) { return x*2/3 + 3, y*2/3 + 5 })
		}, false, false, false},
		{"another image", func(dataset.Image) dataset.Image { return original(1e6) }, false, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const n = 12
			hits := 0
			for i := range uint64(n) {
				m := &memory{}
				m.add("a", 0, original(i))
				m.add("b", 0, tc.change(original(i)))
				f := check(t, source(map[string]*memory{dataset.All: m}))
				if len(f.Duplicates) == 0 {
					continue
				}
				hits++
				if d := f.Duplicates[0]; d.Exact != tc.exact || d.Mirrored != tc.mirrored || d.Leak || d.Conflict || d.A.ID != "a" || d.B.ID != "b" {
					t.Errorf("scene %d: %+v", i, d)
				}
			}
			least, most := 0, 0
			if tc.found {
				least, most = n, n
			}
			if strings.HasSuffix(tc.name, "mostly") {
				least = n * 3 / 4
			}
			if hits < least || hits > most {
				t.Errorf("%d of %d are found, want %d to %d", hits, n, least, most)
			}
		})
	}
}

func TestUnlikeImagesAreNoCopies(t *testing.T) {
	m := &memory{}
	for i := range uint64(400) {
		m.add(string(rune('A'+i)), 0, scene(i, 40, 30))
	}
	if f := check(t, source(map[string]*memory{dataset.All: m})); len(f.Duplicates) != 0 {
		t.Errorf("%d of 79,800 pairs are taken for copies, first %+v", len(f.Duplicates), f.Duplicates[0])
	}
}

func TestLeaksAndConflicts(t *testing.T) {
	train, test, val := &memory{}, &memory{}, &memory{}
	for i := range uint64(6) {
		train.add("train/"+string(rune('0'+i)), int(i%2), scene(i, 48, 48))
	}
	train.add("train/again", 0, scene(0, 48, 48))                 // within the class
	train.add("train/wrong", 0, scaled(scene(1, 48, 48), 64, 64)) // a dog called cat
	test.add("test/own", 0, scene(100, 48, 48))
	test.add("test/same", 0, scene(2, 48, 48))                      // leaks exactly
	test.add("test/near", 1, recompressed(t, scene(3, 48, 48), 60)) // leaks nearly
	test.add("test/near-again", 1, test.Images[2])                  // and so does its copy
	test.add("test/unlabeled", -1, mirrored(scene(4, 48, 48)))      // leaks, without a conflict
	val.add("test/own", 0, scene(100, 48, 48))                      // the same image in two splits to test on
	f := check(t, source(map[string]*memory{dataset.Train: train, dataset.Test: test, dataset.Query: val}))

	var leaked []string
	for _, r := range f.Leaked {
		leaked = append(leaked, r.ID)
	}
	if want := []string{"test/same", "test/near", "test/near-again", "test/unlabeled"}; !slices.Equal(leaked, want) {
		t.Errorf("leaked %v, want %v", leaked, want)
	}
	type found struct {
		a, b                  string
		exact, leak, conflict bool
	}
	got := map[found]int{}
	for _, d := range f.Duplicates {
		got[found{d.A.ID, d.B.ID, d.Exact, d.Leak, d.Conflict}]++
	}
	want := []found{
		{"train/0", "train/again", true, false, false},
		{"train/1", "train/wrong", false, false, true},
		{"train/2", "test/same", true, true, false},
		{"train/3", "test/near", false, true, false},
		{"test/near", "test/near-again", true, false, false},
		{"train/4", "test/unlabeled", false, true, false},
	}
	for _, w := range want {
		if got[w] != 1 {
			t.Errorf("%+v is there %d times", w, got[w])
		}
	}
	if len(f.Duplicates) != len(want) {
		t.Errorf("%d pairs, want %d: %+v", len(f.Duplicates), len(want), f.Duplicates)
	}
	if f.Images[dataset.Train] != 8 || f.Classes != 2 || len(f.BadFiles) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestManyCopiesOfOneImageAreNotAllPairs(t *testing.T) {
	m := &memory{}
	for i := range 50 {
		m.add(string(rune('A'+i)), 0, scene(1, 20, 20))
	}
	if f := check(t, source(map[string]*memory{dataset.All: m})); len(f.Duplicates) != 49 || !f.Duplicates[48].Exact {
		t.Errorf("%d pairs of 50 equal images, want 49", len(f.Duplicates))
	}
}

func TestOutliers(t *testing.T) {
	m := &memory{}
	for i := range uint64(20) {
		m.add("plain", 0, scene(i, 60, 40))
	}
	gray := func(m dataset.Image) dataset.Image {
		return recolour(m, func(_, g, _ float64) (float64, float64, float64) { return g, g, g })
	}
	m.add("icon", 0, scene(30, 16, 16))
	m.add("poster", 0, scene(31, 300, 200))
	m.add("strip", 0, scene(32, 150, 20))
	m.add("gray", 0, gray(scene(33, 60, 40)))
	m.add("blank", 0, recolour(scene(34, 60, 40), func(r, g, b float64) (float64, float64, float64) { return 200 + r/100, 200, 200 }))
	f := check(t, source(map[string]*memory{dataset.All: m}))
	var got []string
	for _, o := range f.Outliers {
		got = append(got, o.Kind+" "+o.ID)
	}
	if want := []string{"blank blank", "size icon", "size poster", "shape strip", "gray gray"}; !slices.Equal(got, want) {
		t.Errorf("outliers %v, want %v", got, want)
	}
	if d := f.Outliers[3].Detail; d != "150 x 20 pixels: one side is 7.5 times the other, 1.5 times in the median image" {
		t.Error(d)
	}

	scans := &memory{}
	for i := range uint64(5) {
		scans.add("scan", 0, gray(scene(i, 30, 30)))
	}
	if f := check(t, source(map[string]*memory{dataset.All: scans})); len(f.Outliers) != 0 {
		t.Errorf("of gray images alone %+v", f.Outliers)
	}
	scans.add("coloured", 0, scene(9, 30, 30))
	if f := check(t, source(map[string]*memory{dataset.All: scans})); len(f.Outliers) != 1 || f.Outliers[0].Kind != Colour || f.Outliers[0].ID != "coloured" {
		t.Errorf("of one coloured among gray ones %+v", f.Outliers)
	}
}

func TestBlankImagesAreNoNearCopies(t *testing.T) {
	m := &memory{}
	for i := range 3 {
		pix := bytes.Repeat([]byte{byte(100 + i)}, 3*20*20)
		pix[i*30] += 2
		m.add(string(rune('a'+i)), 0, dataset.Image{Width: 20, Height: 20, Pix: pix})
	}
	if f := check(t, source(map[string]*memory{dataset.All: m})); len(f.Duplicates) != 0 || len(f.Outliers) != 3 {
		t.Errorf("%+v", f)
	}
}

func TestSmallClasses(t *testing.T) {
	of := func(labels ...int) *memory {
		m := &memory{}
		for i, l := range labels {
			m.add(string(rune('A'+i)), l, scene(uint64(i), 8, 8))
		}
		return m
	}
	broken := of(0, 0, 1, 1)
	broken.broken = map[int]bool{3: true}
	for _, tc := range []struct {
		name   string
		splits map[string]*memory
		want   []SmallClass
	}{
		{"enough of both", map[string]*memory{dataset.All: of(0, 0, 1, 1)}, nil},
		{"one dog", map[string]*memory{dataset.All: of(0, 0, 0, 1)}, []SmallClass{{dataset.All, "dog", 1, 3}}},
		{"no dog to train on", map[string]*memory{dataset.Train: of(0, 0), dataset.Test: of(0, 1)}, []SmallClass{{dataset.Train, "dog", 0, 2}}},
		{"other classes to test on", map[string]*memory{dataset.Train: of(0, 0), dataset.Test: of(1, 1)}, nil},
		{"two dogs, one unreadable", map[string]*memory{dataset.All: broken}, []SmallClass{{dataset.All, "dog", 1, 2}}},
		{"no labels", map[string]*memory{dataset.All: of(-1, -1)}, nil},
		{"a tenth of the median", map[string]*memory{dataset.All: of(append(slices.Repeat([]int{0}, 30), 1, 1)...)}, []SmallClass{{dataset.All, "dog", 2, 30}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := check(t, source(tc.splits)).SmallClasses; !slices.Equal(got, tc.want) {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestProgressIsToldOneByOne writes what it is told without a lock.
func TestProgressIsToldOneByOne(t *testing.T) {
	m := &memory{}
	for i := range uint64(40) {
		m.add(string(rune('A'+i)), 0, scene(i, 8, 8))
	}
	var told []int
	if _, err := Check(t.Context(), source(map[string]*memory{dataset.All: m}), func(done int) { told = append(told, done) }); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(told) || len(told) != 40 || told[39] != 40 {
		t.Errorf("told %v", told)
	}
}

func TestBadFiles(t *testing.T) {
	m := &memory{broken: map[int]bool{1: true}}
	m.add("good", 0, scene(1, 8, 8))
	m.add("bad", 0, scene(2, 8, 8))
	s := source(map[string]*memory{dataset.All: m})
	s.Skipped = []dataset.Skipped{{Name: "text.jpg", Err: errors.New("not an image")}}
	s.Missing = []dataset.Skipped{{Name: "batch_2.bin", Err: errors.New("it is missing")}}
	want := []Bad{{"text.jpg", "not an image"}, {"batch_2.bin", "it is missing"}, {"bad", "its sector is gone"}}
	if f := check(t, s); !slices.Equal(f.BadFiles, want) || f.Images[dataset.All] != 1 {
		t.Errorf("got %+v of %v images, want %+v", f.BadFiles, f.Images, want)
	}
	m.broken[0] = true
	if _, err := Check(t.Context(), s, func(int) {}); err == nil || !strings.Contains(err.Error(), "planted: none of its 2 images can be read") {
		t.Errorf("with no image left: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := Check(ctx, s, func(int) {}); err == nil || err.Error() != "enough" {
		t.Errorf("cancelled: %v", err)
	}
}

func TestHashOfTheMirroredImage(t *testing.T) {
	for i := range uint64(50) {
		a := newThumbnail(scene(i, 50, 70))
		h, m := a.hash(), a.mirrored().hash()
		if d := bits.OnesCount64(uint64(h ^ m ^ mirror)); d > 1 { // a sign may be that of a rounding error
			t.Errorf("scene %d: %d bits differ", i, d)
		}
	}
	if n := bits.OnesCount64(uint64(mirror)); n < 28 || n > 36 {
		t.Errorf("%d of %d coefficients change their signs, want about half", n, hashBits)
	}
}

func TestThumbnailKeepsTheMean(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {5, 3}, {32, 32}, {33, 31}, {64, 96}, {301, 7}} {
		m := scene(7, size[0], size[1])
		var want, got float64
		for at := 0; at < len(m.Pix); at += 3 {
			want += float64(luma(m.Pix, at)) / float64(len(m.Pix)/3)
		}
		for _, v := range newThumbnail(m) {
			got += float64(v) / (side * side)
		}
		if math.Abs(got-want) > 0.5 { // rounding of pixels
			t.Errorf("%v: the mean is %.2f, want %.2f", size, got, want)
		}
	}
}

func TestPearsonOfMovedThumbnails(t *testing.T) {
	a, b := newThumbnail(scene(3, 32, 32)), newThumbnail(remap(scene(3, 32, 32), func(x, y int) (int, int) { return x - 2, y + 1 }))
	if r := a.pearson(b, -2, 1); math.Abs(r-1) > 1e-12 {
		t.Errorf("where it was moved to the correlation is %g, want 1", r)
	}
	if whole, detail := correlation(a, b); math.Abs(whole-1) > 1e-12 || detail < 0.8 {
		t.Errorf("the climb to it ends at %g, %g", whole, detail)
	}
	// Against the definition.
	var ma, mb, sab, saa, sbb float64
	for i := range a {
		ma, mb = ma+float64(a[i])/(side*side), mb+float64(b[i])/(side*side)
	}
	for i := range a {
		x, y := float64(a[i])-ma, float64(b[i])-mb
		sab, saa, sbb = sab+x*y, saa+x*x, sbb+y*y
	}
	if got, want := a.pearson(b, 0, 0), sab/math.Sqrt(saa*sbb); math.Abs(got-want) > 1e-9 {
		t.Errorf("got %g, want %g", got, want)
	}
}
