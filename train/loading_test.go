package train

import (
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"alike/dataset"
)

func TestLoadingIsChosenByWhatATrainerNeeds(t *testing.T) {
	ms := time.Millisecond
	for _, tc := range []struct {
		name   string
		times  []time.Duration // of an image
		images int
		step   time.Duration
		want   Loading
	}{
		{"one worker is fast enough", []time.Duration{ms, ms}, 10, 100 * ms, Loading{1, 2}},
		{"half as fast again as the trainer", []time.Duration{ms, ms}, 100, 100 * ms, Loading{2, 2}},
		{"no more workers than CPUs", []time.Duration{ms, ms}, 1000, 100 * ms, Loading{4, 2}},
		{"a slow image is not waited for", []time.Duration{ms, 250 * ms}, 1, 100 * ms, Loading{2, 4}},
		{"memory is bounded", []time.Duration{ms, 10000 * ms}, 1, 100 * ms, Loading{4, mostAhead}},
	} {
		got, why := choose(tc.times, tc.images, tc.step, 4)
		if got != tc.want || !strings.Contains(why, "the trainer takes") {
			t.Errorf("%s: %+v (%s), want %+v", tc.name, got, why, tc.want)
		}
	}
}

func TestViewRateIsThatOfOneWorker(t *testing.T) {
	_, images := vanishing(t, 20)
	c, err := Default("simclr", 32)
	if err != nil {
		t.Fatal(err)
	}
	c.Batch = 20
	rate, err := c.ViewRate(images)
	if err != nil || !(rate > 10) {
		t.Errorf("%g images/s, %v", rate, err)
	}
	if got := WorkersFor(1, 1e6); got != 1 {
		t.Errorf("%d workers where one is plenty", got)
	}
	if got := WorkersFor(1e9, 1); got != runtime.GOMAXPROCS(0) {
		t.Errorf("%d workers, want as many as there are CPUs", got)
	}
}

// vanishing is a data set of image files that are decoded whenever they are needed.
func vanishing(t *testing.T, n int) (dir string, images dataset.Dataset) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		m := image.NewGray(image.Rect(0, 0, 32, 32))
		for p := range m.Pix {
			m.Pix[p] = uint8(p * (i + 1))
		}
		f, err := os.Create(filepath.Join(dir, string(rune('a'+i))+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, m), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	s, err := dataset.Open(t.Context(), dir, dataset.Options{CacheBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	images, err = s.Split(dataset.All)
	if err != nil {
		t.Fatal(err)
	}
	return dir, images
}

func TestImagesThatVanishAreReplacedAndListed(t *testing.T) {
	dir, images := vanishing(t, 20)
	run := func(o Options) (list string, err error) {
		r, _ := smallRun(t, filepath.Join(t.TempDir(), "run"))
		o.Steps = 3
		err = r.Train(t.Context(), engine(t, ""), images, o)
		b, _ := os.ReadFile(filepath.Join(r.Dir, "bad-files.tsv"))
		return string(b), err
	}
	for _, name := range []string{"c.png", "d.png"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := run(Options{MaxBad: 0.1, StepTime: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(list, "\n") != 3 || !strings.Contains(list, "c.png\tit is gone") || !strings.Contains(list, "d.png\t") {
		t.Errorf("bad-files.tsv holds\n%s", list)
	}
	if _, err := run(Options{MaxBad: 0.05}); err == nil || !strings.Contains(err.Error(), "2 of 20 images can no longer be read") {
		t.Errorf("more than allowed: error %v", err)
	}
	if _, err := run(Options{}); err == nil || !strings.Contains(err.Error(), "1 of 20 images") {
		t.Errorf("none allowed: error %v", err)
	}
}
