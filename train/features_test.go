package train

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alike/augment"
	"alike/dataset"
	"alike/internal/npy"
	"alike/internal/registry"
)

// embedded writes the h of a run's images with so many views, and opens the file.
func embedded(t *testing.T, r *Run, images dataset.Dataset, views int) dataset.Dataset {
	t.Helper()
	m, err := r.Untrained(engine(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	var h []float32
	err = m.EmbedViews(t.Context(), images, "h", views, func(_, _ int, row []float32, err error) error {
		h = append(h, row...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "h.npy"))
	if err != nil {
		t.Fatal(err)
	}
	dims := []int{images.Len(), 1 + views, m.Dim("h")}
	if err := npy.Write(f, dims, h); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var labels strings.Builder
	for i := range images.Len() {
		fmt.Fprintln(&labels, images.Label(i)) // numbers, to keep the order of the classes
	}
	if err := os.WriteFile(filepath.Join(dir, "h.labels.txt"), []byte(labels.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := dataset.Open(t.Context(), f.Name(), dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Splits[dataset.All]
}

// featureRun is a run of a method on features.
func featureRun(t *testing.T, dir, method string, data dataset.Dataset) *Run {
	t.Helper()
	c, err := Default(method, 32)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := dataset.FeaturesOf(data, 0)
	if err := c.FromFeatures(f.Dim()); err != nil {
		t.Fatal(err)
	}
	c.Data, c.Split, c.Batch, c.Schedule.Epochs, c.Schedule.WarmupEpochs = data.Name(), dataset.All, 16, 6, 0
	if c.PerClass > 0 {
		c.Batch, c.PerClass = 8, 2
	}
	if err := c.Resolve(data.Len(), len(data.Classes())); err != nil {
		t.Fatal(err)
	}
	r, err := Create(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTrainingFromFeaturesIsTrainingWithAFrozenEncoder: the head learns the same from h that was
// computed before as from a frozen encoder that computes it, up to rounding.
func TestTrainingFromFeaturesIsTrainingWithAFrozenEncoder(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "images"))
	data := embedded(t, r, images, 0)
	cached := featureRun(t, filepath.Join(t.TempDir(), "cached"), "ice", data)
	trained(t, cached, data, engine(t, ""), Options{})

	c, err := Default("ice", 32)
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Split, c.Encoder, c.Batch, c.PerClass, c.Schedule = r.Config.Data, dataset.Train, r.Config.Encoder, 8, 2, cached.Config.Schedule
	c.Freeze = []string{"encoder"}
	if c.Views, err = augment.Parse("resize"); err != nil { // the plain image
		t.Fatal(err)
	}
	if err := c.Resolve(images.Len(), len(images.Classes())); err != nil {
		t.Fatal(err)
	}
	frozen, err := Create(filepath.Join(t.TempDir(), "frozen"), c)
	if err != nil {
		t.Fatal(err)
	}
	trained(t, frozen, images, engine(t, ""), Options{})

	a, err := cached.Model(engine(t, ""), -1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := frozen.Model(engine(t, ""), -1)
	if err != nil {
		t.Fatal(err)
	}
	za, err := a.Embed(t.Context(), data, "z", nil)
	if err != nil {
		t.Fatal(err)
	}
	zb, err := b.Embed(t.Context(), images, "z", nil)
	if err != nil {
		t.Fatal(err)
	}
	var difference, size float64
	for i := range za {
		difference += math.Pow(float64(za[i]-zb[i]), 2)
		size += math.Pow(float64(zb[i]), 2)
	}
	if difference = math.Sqrt(difference / size); !(difference < 1e-3) {
		t.Errorf("z differs by %g of its length", difference)
	}
}

// TestFeatureRunsResumeExactly stops a run with two views of features and goes on.
func TestFeatureRunsResumeExactly(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "images"))
	data := embedded(t, r, images, 3)
	whole := trained(t, featureRun(t, filepath.Join(t.TempDir(), "whole"), "simclr", data), data, engine(t, ""), Options{})
	parts := featureRun(t, filepath.Join(t.TempDir(), "parts"), "simclr", data)
	trained(t, parts, data, engine(t, ""), Options{Steps: 7})
	if got := trained(t, parts, data, engine(t, ""), Options{}); got.WeightsSHA256 != whole.WeightsSHA256 || whole.Step != 25 {
		t.Errorf("weights %.12s after step %d, without a stop %.12s after %d", got.WeightsSHA256, got.Step, whole.WeightsSHA256, whole.Step)
	}
}

func TestFeaturesAndImagesAreNotMistaken(t *testing.T) {
	r, images := smallRun(t, filepath.Join(t.TempDir(), "images"))
	data := embedded(t, r, images, 0)
	wide, _ := dataset.FeaturesOf(data, 0)
	ice := featureRun(t, filepath.Join(t.TempDir(), "ice"), "ice", data)
	simclr := featureRun(t, filepath.Join(t.TempDir(), "simclr"), "simclr", data)
	narrow := featureRun(t, filepath.Join(t.TempDir(), "narrow"), "ice", data)
	narrow.Config.Encoder, _ = registry.Choose("features", map[string]int{"dim": wide.Dim() / 2})
	for _, tc := range []struct {
		run  *Run
		data dataset.Dataset
		want string
	}{
		{ice, images, "holds images; this run was trained on features of 64 values"},
		{r, data, "holds features; the encoder resnet8 wants images"},
		{narrow, data, "holds features of 64 values; this run was trained on those of 32"},
		{simclr, data, "holds 0 augmented views of each image; the method wants 2"},
	} {
		if err := tc.run.Train(t.Context(), engine(t, ""), tc.data, Options{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
	ice.Config.Init = "resnet.pth"
	if err := ice.Config.Validate(); err == nil || !strings.Contains(err.Error(), "features have no encoder") {
		t.Errorf("init: %v", err)
	}
}
