package train

import (
	"fmt"

	"alike/augment"
	"alike/dataset"
	"alike/encoder"
	"alike/internal/registry"
	"alike/internal/rng"
	"alike/method"
	"alike/sampler"
)

// Base is the frozen encoder that made the features of a run, as the file beside them says.
type Base struct {
	Model         string `yaml:"model"` // a run, or a file of ONNX
	Step          int    `yaml:"step"`
	Layer         string `yaml:"layer"`
	Size          int    `yaml:"size"` // side of its images, pixels
	Dim           int    `yaml:"dim"`  // values of a feature
	Normalized    bool   `yaml:"normalized,omitempty"`
	Preprocessing string `yaml:"preprocessing,omitempty"` // of a file
	WeightsSHA256 string `yaml:"weights_sha256"`
}

// FromFeatures makes the configuration one of features of dim values: there is no encoder to
// train and there are no views to make.
func (c *Config) FromFeatures(dim int) (err error) {
	c.Encoder, err = registry.Choose(encoder.FeaturesName, encoder.Features{Width: dim})
	c.Size, c.Views = 0, augment.Config{}
	return err
}

// featureDim is the number of values of the features that take the place of images, 0 for images.
func (c *Config) featureDim() int {
	e, err := encoder.Encoders.New(c.Encoder)
	if f, ok := e.(*encoder.Features); ok && err == nil {
		return f.Width
	}
	return 0
}

// inputDims are the dimensions of so many rows of what the encoder is given.
func (c *Config) inputDims(rows int) []int {
	if dim := c.featureDim(); dim > 0 {
		return []int{rows, dim}
	}
	return []int{rows, c.Size, c.Size, 3}
}

// checkInput says whether data is what the encoder wants: images, or features of its width.
func (c *Config) checkInput(data dataset.Dataset) error {
	f, _ := dataset.FeaturesOf(data, 0)
	want := c.featureDim()
	switch {
	case f == nil && want > 0:
		return fmt.Errorf("%s holds images; this run was trained on features of %d values: give it those, as 'alike embed' writes them of the same encoder", data.Name(), want)
	case f != nil && want == 0:
		return fmt.Errorf("%s holds features; the encoder %s wants images", data.Name(), c.Encoder.Name)
	case f != nil && f.Dim() != want:
		return fmt.Errorf("%s holds features of %d values; this run was trained on those of %d", data.Name(), f.Dim(), want)
	}
	return nil
}

// checkViews says whether features have as many views as the method tells apart.
func checkViews(data dataset.Dataset, m method.Method) error {
	f, _ := dataset.FeaturesOf(data, 0)
	if f == nil || m.Views() == 1 || f.Views() > m.Views() {
		return nil
	}
	return fmt.Errorf("%s holds %d augmented views of each image; the method wants %d or more: make them with 'alike embed --views 8'", data.Name(), f.Views()-1, m.Views())
}

// fillFeatures copies the views of draw i: other ones for each, drawn from those that augmented
// images gave, or the plain features where there are no others.
func (l *loader) fillFeatures(b batch, i int, d sampler.Draw, w *worker) {
	f, at := dataset.FeaturesOf(l.data, d.Index)
	w.stream.Reset(rng.View, l.seed, uint64(d.Epoch), uint64(d.Position), 0)
	drawn := []int{-1} // which is the plain features
	if f.Views() > 1 {
		drawn = w.stream.Perm(f.Views() - 1)
	}
	for v := range l.views {
		row := v*l.images + i
		copy(b.views.floats[row*l.row:][:l.row], f.Vector(at, 1+drawn[v]))
		b.labels[row], b.index[row] = int32(l.data.Label(d.Index)), int32(d.Index)
	}
}
