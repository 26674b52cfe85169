package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"alike/augment"
	"alike/dataset"
	"alike/eval"
	"alike/internal/registry"
	"alike/train/doctor"
)

// patterns are images of 16 pixels with a class's colour and a pattern of their own in it:
// easy to tell apart, and their classes too.
type patterns struct {
	images []dataset.Image
	labels []int
	delay  time.Duration
}

const patternClasses = 8

func newPatterns(n int) *patterns {
	const side, cell = 16, 4
	p := &patterns{}
	random := rand.New(rand.NewPCG(1, 2))
	var colours [patternClasses][3]float64
	for i := range colours {
		for c := range colours[i] {
			colours[i][c] = float64(i >> c & 1)
		}
	}
	for i := range n {
		img := dataset.Image{Width: side, Height: side, Pix: make([]uint8, 3*side*side)}
		var own [3 * side * side / cell / cell]float64
		for j := range own {
			own[j] = random.Float64()
		}
		for at := range img.Pix {
			x, y, c := at/3%side, at/3/side, at%3
			img.Pix[at] = uint8(255 * (0.6*colours[i%patternClasses][c] + 0.4*own[3*(y/cell*(side/cell)+x/cell)+c]))
		}
		p.images, p.labels = append(p.images, img), append(p.labels, i%patternClasses)
	}
	return p
}

func (p *patterns) Name() string                       { return "patterns" }
func (p *patterns) Len() int                           { return len(p.images) }
func (p *patterns) Label(i int) int                    { return p.labels[i] }
func (p *patterns) ID(i int) string                    { return fmt.Sprint(i) }
func (p *patterns) Classes() []string                  { return strings.Split("abcdefgh", "")[:patternClasses] }
func (p *patterns) Image(i int) (dataset.Image, error) { time.Sleep(p.delay); return p.images[i], nil }

// shuffled gives the labels to other images.
func (p *patterns) shuffled() *patterns {
	q := *p
	q.labels = slices.Clone(p.labels)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(q.labels), func(i, j int) { q.labels[i], q.labels[j] = q.labels[j], q.labels[i] })
	return &q
}

func choice(t *testing.T, name string, params map[string]any) registry.Choice {
	t.Helper()
	c, err := registry.Choose(name, params)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// patient is a run of seconds that learns.
func patient(t *testing.T, method string) Config {
	t.Helper()
	c, err := Default(method, 16)
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Split, c.Batch = "patterns", dataset.Train, 32
	c.Encoder = choice(t, "resnet8", map[string]any{"zero_init": false})
	c.Optimizer = registry.Choice{Name: "adamw"}
	c.Schedule.LR, c.Schedule.Scaling, c.Schedule.Epochs, c.Schedule.WarmupEpochs = 0.003, "none", 4, 0.5
	c.Sittings.ProbeEvery = 5
	if c.Views, err = augment.Parse("crop(0.6, 1) flip"); err != nil {
		t.Fatal(err)
	}
	if c.PerClass > 0 {
		c.PerClass = 4
	}
	return c
}

// hardViews show so little that no network learns to tell the images apart in seconds.
func hardViews(t *testing.T, c *Config) {
	t.Helper()
	var err error
	if c.Views, err = augment.Parse("crop(0.2, 1) flip jitter(0.6, 0.6, 0.4, 0.5) gray(0.5)"); err != nil {
		t.Fatal(err)
	}
}

// monitorLabels measures as the command line does.
func monitorLabels(d dataset.Dataset) func(context.Context, *Model) (map[string]float64, error) {
	return func(ctx context.Context, m *Model) (map[string]float64, error) {
		flat, err := m.Embed(ctx, d, m.Layer(), nil)
		if err != nil {
			return nil, err
		}
		f := eval.NewFeatures(d, m.Dim(m.Layer()))
		f.Data, f.Layer = flat, m.Layer()
		score, err := eval.KNN{K: 20, Temperature: 0.1}.Score(ctx, f, f)
		return map[string]float64{monitoredKNN: score.Value, monitoredChance: 1.0 / patternClasses, monitoredQueries: float64(d.Len())}, err
	}
}

// shutTheReLUs makes the biases before all ReLUs so low that nothing passes.
func shutTheReLUs(t *testing.T, r *Run, d dataset.Dataset) {
	t.Helper()
	trained(t, r, d, engine(t, ""), Options{Steps: 1})
	dir := r.checkpointDir(1)
	weights, err := readTensors(filepath.Join(dir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range weights {
		if strings.HasSuffix(name, "bn1.bias") {
			x := fromBinary[float32](b.data)
			for i := range x {
				x[i] = -50
			}
			weights[name] = blob{b.dtype, b.dims, binaryOf(x)}
		}
	}
	if err := writeTensors(filepath.Join(dir, modelFile), weights, nil); err != nil {
		t.Fatal(err)
	}
	if err := writeSums(dir, requiredFiles); err != nil {
		t.Fatal(err)
	}
}

func TestTheDoctorNamesTheIllness(t *testing.T) {
	healthy := newPatterns(256)
	noNorm := map[string]any{"layers": 3, "hidden": 64, "dim": 32, "no_norm": true}
	for _, tc := range []struct {
		name, method string
		set          func(c *Config)
		data         *patterns
		prepare      func(*testing.T, *Run, dataset.Dataset)
		illness      string // none if empty
		text, try    string // parts of the verdict
		short        bool   // runs in short tests too
	}{
		{name: "SimCLR that learns", method: "simclr", short: true},
		{name: "ICE that learns", method: "ice"},
		{name: "ISIF that learns", method: "isif"},
		{
			name: "a collapse by the learning rate", method: "simclr",
			set: func(c *Config) {
				hardViews(t, c)
				c.Head = choice(t, "projector", noNorm)
				c.Optimizer, c.Schedule.LR = choice(t, "sgd", map[string]any{"momentum": 0.9}), 3.2
			},
			illness: doctor.Collapsed, text: "the learning rate 3.2 is too high", try: "--lr 0.32", short: true,
		},
		{
			name: "a learning rate at which batch norm keeps the embeddings apart", method: "simclr",
			set: func(c *Config) {
				hardViews(t, c)
				c.Schedule.LR = 3.2
			},
			illness: doctor.Rate, text: "the learning rate 3.2 is too high", try: "--lr 0.32",
		},
		{
			name: "a temperature of 0.001 and hard negatives", method: "simclr",
			set: func(c *Config) {
				hardViews(t, c)
				c.Schedule.Epochs = 8
				c.Loss = choice(t, "ntxent", map[string]any{"temperature": 0.001})
			},
			illness: doctor.Sharp, text: "does not fall", try: "loss.temperature=0.05",
		},
		{
			name: "a temperature of 0.001 and easy negatives", method: "simclr",
			set:     func(c *Config) { c.Loss = choice(t, "ntxent", map[string]any{"temperature": 0.001}) },
			illness: doctor.Sharp, text: "the temperature 0.001 is too low", try: "loss.temperature=0.05",
		},
		{
			name: "a frozen head", method: "simclr",
			set:     func(c *Config) { c.Schedule.HeadLR = 1e-12 },
			illness: doctor.Frozen, text: "the head is frozen since step", try: "schedule.head_lr=1",
		},
		{
			name: "dead ReLUs", method: "simclr", prepare: shutTheReLUs,
			illness: doctor.Dead, text: "dead ReLUs: 100 %", try: "begin anew",
		},
		{
			name: "a loss that is no number", method: "simclr",
			set: func(c *Config) {
				c.Optimizer, c.Schedule.LR = registry.Choice{Name: "sgd"}, 1e30
			},
			illness: doctor.Diverged, text: "the learning rate 1e+30 is too high", try: "--lr 1e+29",
		},
		{
			name: "a starved loader", method: "simclr", data: &patterns{images: healthy.images, labels: healthy.labels, delay: time.Duration(runtime.GOMAXPROCS(0)) * 10 * time.Millisecond},
			set:     func(c *Config) { c.Schedule.Epochs = 2.5 },
			illness: doctor.Starved, text: "training waits for images", try: "data pack",
		},
		{
			name: "shuffled labels, learned from", method: "ice", data: healthy.shuffled(),
			illness: doctor.Labels, text: "images of one class are no more alike than others", try: "data check",
		},
		{
			name: "shuffled labels, measured with", method: "simclr", data: healthy.shuffled(),
			illness: doctor.Labels, text: "views of an image find each other", try: "data check",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if testing.Short() && !tc.short {
				t.Skip("a training of seconds")
			}
			c := patient(t, tc.method)
			if tc.set != nil {
				tc.set(&c)
			}
			data := tc.data
			if data == nil {
				data = healthy
			}
			if err := c.Resolve(data.Len(), patternClasses); err != nil {
				t.Fatal(err)
			}
			r, err := Create(filepath.Join(t.TempDir(), "run"), c)
			if err != nil {
				t.Fatal(err)
			}
			if tc.prepare != nil {
				tc.prepare(t, r, data)
			}
			var live []doctor.Verdict
			err = r.Train(t.Context(), engine(t, ""), data, Options{
				Verdict: func(v doctor.Verdict) { live = append(live, v) },
				Monitor: monitorLabels(data),
			})
			if (err != nil) != (tc.illness == doctor.Diverged) {
				t.Fatal(err)
			}
			metrics, merr := r.Metrics()
			if merr != nil {
				t.Fatal(merr)
			}
			verdicts, derr := Diagnose(&c, metrics)
			if derr != nil {
				t.Fatal(derr)
			}
			for _, v := range verdicts {
				t.Logf("%s: %s", v.Illness, v)
			}
			if tc.illness == "" {
				if len(verdicts)+len(live) > 0 {
					t.Errorf("a healthy run gets %v, while it trains %v", verdicts, live)
				}
				return
			}
			at := slices.IndexFunc(verdicts, func(v doctor.Verdict) bool { return v.Illness == tc.illness })
			if at < 0 || len(verdicts) != 1 {
				t.Fatalf("got %v, want %s alone", verdicts, tc.illness)
			}
			if v := verdicts[at]; !strings.Contains(v.Text, tc.text) || !strings.Contains(v.Try, tc.try) {
				t.Errorf("got %q, want %q and to try %q", v, tc.text, tc.try)
			}
			if err != nil {
				if !strings.Contains(err.Error(), verdicts[at].Text) {
					t.Errorf("training ended with %q, want %q", err, verdicts[at].Text)
				}
			} else if !slices.ContainsFunc(live, func(v doctor.Verdict) bool { return v.Illness == tc.illness }) {
				t.Errorf("while it trained the run was told %v", live)
			}
		})
	}
}
