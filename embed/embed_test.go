package embed

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"alike/dataset"
	"alike/eval"
	"alike/index"
)

const dim = 6

// fake embeds an image as its first pixels, and counts what it embeds.
type fake struct {
	calls int
	wait  time.Duration // for each image
	note  *os.File      // gets a byte for each image
}

func (f *fake) each(ctx context.Context, data dataset.Dataset, visit func(int, []float32, error) error) error {
	for i := range data.Len() {
		time.Sleep(f.wait)
		img, err := data.Image(i)
		var v []float32
		if err == nil {
			f.calls++
			if f.note != nil {
				if _, err := f.note.Write([]byte{1}); err != nil {
					return err
				}
			}
			for k := range dim {
				v = append(v, float32(img.Pix[k%len(img.Pix)])+float32(k)+0.25)
			}
		}
		if err := visit(i, v, err); err != nil {
			return err
		}
	}
	return nil
}

// about is what the fake's vectors are.
func about(weights string, normalized bool) index.About {
	return index.About{Dim: dim, Layer: "h", Normalized: normalized, Size: 2, Model: eval.Subject{WeightsSHA256: weights}, Data: index.Data{Spec: "x", Split: "all"}, CreatedBy: "test"}
}

// images are n images in memory, in two classes.
func images(n int) *dataset.Memory {
	m := &dataset.Memory{Title: "images", Names: []string{"cat", "dog"}}
	for i := range n {
		m.Images = append(m.Images, dataset.Image{Width: 2, Height: 1, Pix: []uint8{uint8(i), uint8(i >> 8), 3, 4, 5, 6}})
		m.Labels, m.IDs = append(m.Labels, i%2), append(m.IDs, fmt.Sprintf("%05d", i))
	}
	return m
}

func run(t *testing.T, f *fake, data dataset.Dataset, out string, edit ...func(*Job)) Result {
	t.Helper()
	j := Job{Data: data, About: about("w", filepath.Ext(out) == ".index"), Each: f.each, Out: out, MaxBad: 0.1}
	for _, e := range edit {
		e(&j)
	}
	r, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(out + ".partial"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the journal is still there: %v", err)
	}
	return r
}

// content is all that an output holds, by name; an index without its generation.
func content(t *testing.T, out string) map[string]string {
	t.Helper()
	files := map[string]string{}
	names, err := filepath.Glob(strings.TrimSuffix(out, filepath.Ext(out)) + "*")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(out) == ".index" {
		if names, err = filepath.Glob(filepath.Join(out, "*-*")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(name)
		if kind, _, ok := strings.Cut(base, "-"); ok {
			base = kind
		}
		files[base] = string(b)
	}
	return files
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s differs", name)
		}
	}
}

// TestOutputsHoldTheSame reads each form back.
func TestOutputsHoldTheSame(t *testing.T) {
	data := images(600)
	for ext, form := range outputs {
		t.Run(ext, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "x"+ext)
			f := &fake{}
			if r := run(t, f, data, out); r.Images != 600 || r.Embedded != 600 || f.calls != 600 || !r.Written || r.Former {
				t.Errorf("%+v after %d calls", r, f.calls)
			}
			s, err := form.read(t.Context(), Job{Out: out})
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			if s.about.Count != 600 || s.about.Model.WeightsSHA256 != "w" || s.about.Normalized != form.Normalized || s.about.Data.SHA256 != index.DataSHA256(s.entries) {
				t.Errorf("about %+v", s.about)
			}
			for i, e := range s.entries {
				hash, err := dataset.ContentHash(data, i)
				if err != nil {
					t.Fatal(err)
				}
				want := index.Entry{ID: data.ID(i), Class: data.Names[i%2], Hash: hash}
				v := []float32{float32(i%256) + 0.25, float32(i/256) + 1.25, 5.25, 7.25, 9.25, 11.25}
				if form.Normalized {
					if err := index.Normalize(v); err != nil {
						t.Fatal(err)
					}
				}
				if got, err := s.row(i); err != nil || e != want || !slices.Equal(got, v) {
					t.Fatalf("row %d is %+v with %v, want %+v with %v; %v", i, e, got, want, v, err)
				}
			}
			before := content(t, out)
			if r := run(t, f, data, out); f.calls != 600 || r.Written || r.Unchanged != 600 || !r.Former {
				t.Errorf("again: %+v after %d calls", r, f.calls)
			}
			same(t, content(t, out), before)
		})
	}
}

// TestOnlyWhatIsNewIsEmbedded changes a folder under an output, and compares with
// embedding it afresh.
func TestOnlyWhatIsNewIsEmbedded(t *testing.T) {
	for ext := range outputs {
		t.Run(ext, func(t *testing.T) {
			dir := t.TempDir()
			put := func(name string, v uint8) {
				t.Helper()
				img := image.NewRGBA(image.Rect(0, 0, 2, 2))
				for i := range 4 {
					img.Set(i%2, i/2, color.RGBA{v, v, v, 255})
				}
				var b bytes.Buffer
				if err := png.Encode(&b, img); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			folder := func() dataset.Dataset {
				t.Helper()
				s, err := dataset.Open(t.Context(), dir, dataset.Options{Unchecked: true})
				if err != nil {
					t.Fatal(err)
				}
				return s.Splits[dataset.All]
			}
			for i := range 40 {
				put(fmt.Sprintf("%02d.png", i), uint8(i))
			}
			out := filepath.Join(t.TempDir(), "x"+ext)
			f := &fake{}
			run(t, f, folder(), out)
			put("05.png", 200) // changed
			put("99.png", 201) // new
			put("98.png", 7)   // new, of known content
			for from, to := range map[string]string{"10.png": "97.png", "11.png": ""} {
				from, to := filepath.Join(dir, from), filepath.Join(dir, to)
				err := os.Remove(from)
				if to != dir {
					put(filepath.Base(to), 10) // moved
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "96.png"), []byte("text"), 0o644); err != nil {
				t.Fatal(err)
			}
			f.calls = 0
			r := run(t, f, folder(), out)
			if f.calls != 2 || r.Embedded != 2 || r.Unchanged != 39 || fmt.Sprint(r.Added, r.Changed, r.Vanished) != "[97.png 98.png 99.png] [05.png] [10.png 11.png]" {
				t.Errorf("%+v after %d calls", r, f.calls)
			}
			if len(r.Skipped) != 1 || r.Skipped[0].Name != "96.png" {
				t.Errorf("skipped %v", r.Skipped)
			}
			fresh := filepath.Join(t.TempDir(), "x"+ext)
			run(t, &fake{}, folder(), fresh)
			same(t, content(t, out), content(t, fresh))
			if r := run(t, f, folder(), out, func(j *Job) { j.About.Model.WeightsSHA256 = "other" }); r.Unchanged != 0 || r.Embedded != 40 || !strings.Contains(r.Ignored, "weights") || r.Former {
				t.Errorf("other weights: %+v", r)
			}
			for want, edit := range map[string]func(j *Job){
				"preprocessing mean=0.1": func(j *Job) { j.About.Model.Preprocessing = "mean=0.1" },
				"":                       func(j *Job) { j.About.Model.Seed = 7 }, // which makes views, of which there are none
			} {
				run(t, &fake{}, folder(), out)
				if r := run(t, f, folder(), out, edit); (r.Ignored != "") != (want != "") || !strings.Contains(r.Ignored, want) {
					t.Errorf("%q is ignored, want %q", r.Ignored, want)
				}
			}
			strict := Job{Data: folder(), About: about("w", true), Each: f.each, Out: filepath.Join(t.TempDir(), "y.index"), Strict: true}
			if _, err := strict.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "96.png cannot be read") {
				t.Errorf("strict: %v", err)
			}
		})
	}
}

// TestJournalsAreOfOneKindOfVectors changes what vectors depend on, one after another.
func TestJournalsAreOfOneKindOfVectors(t *testing.T) {
	whole := Job{About: about("w", true), Views: 2}
	for name, change := range map[string]func(j *Job){
		"weights":       func(j *Job) { j.About.Model.WeightsSHA256 = "v" },
		"preprocessing": func(j *Job) { j.About.Model.Preprocessing = "mean=0.1" },
		"seed of views": func(j *Job) { j.About.Model.Seed = 7 },
		"views":         func(j *Job) { j.Views = 3 },
	} {
		j := whole
		change(&j)
		if j.identity() == whole.identity() {
			t.Errorf("%s: a journal is gone on with", name)
		}
		if difference(j, &stored{about: whole.About, views: whole.Views}) == "" {
			t.Errorf("%s: an output is built on", name)
		}
	}
}

func TestTooManyBadImages(t *testing.T) {
	data := images(20)
	data.Images[3].Pix = nil
	j := Job{Data: data, About: about("w", true), Out: filepath.Join(t.TempDir(), "x.index"), MaxBad: 0.1, Each: func(_ context.Context, d dataset.Dataset, visit func(int, []float32, error) error) error {
		for i := range d.Len() {
			if err := visit(i, nil, errors.New("it is spoilt")); err != nil {
				return err
			}
		}
		return nil
	}}
	if _, err := j.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "20 of 20 images cannot be read") || !strings.Contains(err.Error(), "it is spoilt") {
		t.Errorf("got %v", err)
	}
}

// TestASlashAtTheEnd names an index as a shell completes it, before it is there and after.
func TestASlashAtTheEnd(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.index")
	for n := range 2 {
		j := Job{Data: images(3), About: about("w", true), Each: (&fake{}).each, Out: out + "/"}
		if r, err := j.Run(t.Context()); err != nil || r.Images != 3 || r.Former != (n == 1) {
			t.Errorf("%+v, %v", r, err)
		}
		if left, err := filepath.Glob(filepath.Join(out, "*partial*")); err != nil || len(left) > 0 {
			t.Errorf("in the index lies %v, %v", left, err)
		}
	}
}

// TestADamagedOutputIsMadeAnew checks that no vector of it is used.
func TestADamagedOutputIsMadeAnew(t *testing.T) {
	for ext, damaged := range map[string]string{".index": "x.index/vectors-1.f32", ".npy": "x.npy", ".parquet": "x.parquet"} {
		dir := t.TempDir()
		out, file := filepath.Join(dir, "x"+ext), filepath.Join(dir, damaged)
		run(t, &fake{}, images(300), out)
		want := content(t, out)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b[:len(b)-9], 0o644); err != nil {
			t.Fatal(err)
		}
		f := &fake{}
		if r := run(t, f, images(300), out); f.calls != 300 || r.Ignored == "" {
			t.Errorf("%s: %+v after %d calls", ext, r, f.calls)
		}
		same(t, content(t, out), want)
	}
}

func TestShards(t *testing.T) {
	data := images(1000)
	dir := t.TempDir()
	owner := map[string]int{}
	for n := 1; n <= 3; n++ {
		out := filepath.Join(dir, fmt.Sprint(n, ".index"))
		s, err := ParseShard(fmt.Sprint(n, "/3"))
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, &fake{}, data, out, func(j *Job) { j.Shard = s })
		if r.Images < 250 || r.Images > 420 {
			t.Errorf("shard %d has %d of 1000 images", n, r.Images)
		}
		x, err := index.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		for _, e := range x.Entries() {
			if owner[e.ID] != 0 {
				t.Errorf("%s is in shards %d and %d", e.ID, owner[e.ID], n)
			}
			owner[e.ID] = n
		}
	}
	if len(owner) != 1000 {
		t.Errorf("the shards have %d images, want 1000", len(owner))
	}
	for _, bad := range []string{"", "1", "0/3", "4/3", "1/0", "a/b", "1/3x", "-1/3"} {
		if s, err := ParseShard(bad); err == nil {
			t.Errorf("%q is accepted as %v", bad, s)
		}
	}
}

// TestMain lets the test binary be a job that can be killed.
func TestMain(m *testing.M) {
	if out := os.Getenv("ALIKE_TEST_EMBED"); out != "" {
		note, err := os.OpenFile(cmp.Or(os.Getenv("ALIKE_TEST_NOTE"), out+".note"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			f := &fake{wait: 20 * time.Microsecond, note: note}
			form, _ := OutputOf(out)
			_, err = Job{Data: images(killed), About: about("w", form.Normalized), Each: f.each, Out: out}.Run(context.Background())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// killed is the number of images of a job that is killed.
const killed = 3000

// TestKilledJobsGoOn kills a job again and again, until it is done: the output has the
// bytes of one that was never killed, no image is there twice, and a kill costs at
// most a batch.
func TestKilledJobsGoOn(t *testing.T) {
	for ext := range outputs {
		t.Run(ext, func(t *testing.T) {
			if testing.Short() && ext != ".index" {
				t.Skip("one form is enough for a short test")
			}
			dir := t.TempDir()
			whole, out := filepath.Join(dir, "whole", "x"+ext), filepath.Join(dir, "killed", "x"+ext)
			for _, d := range []string{whole, out} {
				if err := os.Mkdir(filepath.Dir(d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			run(t, &fake{}, images(killed), whole)
			kills := 0
			for done := false; !done; {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), "ALIKE_TEST_EMBED="+out)
				cmd.Stderr = os.Stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- cmd.Wait() }()
				wait := time.Duration(150+37*kills) * time.Millisecond
				select {
				case err := <-ended:
					if err != nil {
						t.Fatal(err)
					}
					done = true
				case <-time.After(wait):
					if cmd.Process.Kill() == nil {
						kills++
					}
					<-ended
				}
			}
			note, err := os.Stat(out + ".note")
			if err != nil {
				t.Fatal(err)
			}
			if n := int(note.Size()); n < killed || n > killed+kills*perBatch {
				t.Errorf("%d images passed the network in %d kills, want %d and at most %d for each kill", n, kills, killed, perBatch)
			}
			if kills == 0 {
				t.Error("the job was never killed")
			}
			if err := os.Remove(out + ".note"); err != nil {
				t.Fatal(err)
			}
			same(t, content(t, out), content(t, whole))
			t.Logf("%d kills, %d images embedded", kills, note.Size())
		})
	}
}

func TestTwoJobsDoNotWriteTheSame(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.index")
	j, err := openJournal(out+".partial", hash{}, dim, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	_, err = Job{Data: images(3), About: about("w", true), Each: (&fake{}).each, Out: out}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
}

func TestJournalIsCutWhereItIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	open := func() (j *journal, n int) {
		t.Helper()
		j, err := openJournal(path, hash{1}, 2, func(hash, int64) { n++ })
		if err != nil {
			t.Fatal(err)
		}
		return j, n
	}
	j, _ := open()
	for i := range 3 {
		var r record
		r.add(hash{byte(i)}, []float32{float32(i), 1})
		r.add(hash{byte(i), 1}, []float32{float32(i), 2})
		if _, err := j.append(&r); err != nil {
			t.Fatal(err)
		}
	}
	end := j.end
	j.close()
	whole, err := os.ReadFile(path)
	if err != nil || int64(len(whole)) != end {
		t.Fatalf("%d bytes, want %d, %v", len(whole), end, err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		j, n := open()
		j.close()
		record := (len(whole) - headerBytes) / 3
		if want := max(0, cut-headerBytes) / record * 2; n != want {
			t.Fatalf("cut at %d: %d images, want %d", cut, n, want)
		}
		spoilt := slices.Clone(whole)
		spoilt[cut] ^= 4
		if err := os.WriteFile(path, spoilt, 0o644); err != nil {
			t.Fatal(err)
		}
		j, n = open()
		j.close()
		if want := max(0, cut-headerBytes) / record * 2; n != want {
			t.Fatalf("spoilt at %d: %d images, want %d", cut, n, want)
		}
	}
}

// The vectors of a quantized index are not what the network gave.
func TestAQuantizedIndexIsNotBuiltOn(t *testing.T) {
	dir := t.TempDir()
	whole, small := filepath.Join(dir, "x.index"), filepath.Join(dir, "small.index")
	run(t, &fake{}, images(50), whole)
	if _, err := index.Quantize(t.Context(), whole, index.Int8, small); err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	if r := run(t, f, images(50), small); f.calls != 50 || !strings.Contains(r.Ignored, "int8") {
		t.Errorf("%+v after %d calls", r, f.calls)
	}
	same(t, content(t, small), content(t, whole))
}
