package train

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"

	"alike/augment"
	"alike/dataset"
	"alike/encoder"
	"alike/head"
	"alike/internal/atomicfile"
	"alike/internal/registry"
	"alike/loss"
	"alike/method"
	"alike/optimize"
	"alike/sampler"
)

// Config is everything that decides the result of a run, and how it is saved. A saved one has every
// default spelt out, and repeats the run.
type Config struct {
	Method    registry.Choice   `yaml:"method"`
	Data      string            `yaml:"data"`              // SPEC of the images
	Split     string            `yaml:"split"`             // the split that is trained on
	Classes   string            `yaml:"classes,omitempty"` // the classes that are trained on, a rule of dataset.OfClasses
	Size      int               `yaml:"size"`              // side of the views, pixels; 0 for features
	Init      string            `yaml:"init,omitempty"`    // run whose encoder's weights are the first
	Base      *Base             `yaml:"base,omitempty"`    // of features, what made them, where that is known
	Encoder   registry.Choice   `yaml:"encoder"`
	Head      registry.Choice   `yaml:"head"`
	Loss      registry.Choice   `yaml:"loss,omitempty"` // none where the method has its own
	Views     augment.Config    `yaml:"views"`
	DType     string            `yaml:"dtype"`               // type in which the encoder computes, DTypeFloat32 or DTypeBFloat16
	Pixels    string            `yaml:"pixels"`              // type in which views travel to the engine, PixelsFloat32 or PixelsUint8
	Batch     int               `yaml:"batch"`               // N, images per step
	PerClass  int               `yaml:"per_class,omitempty"` // K, images of each class in a batch; 0 draws without regard to classes
	Chunk     int               `yaml:"chunk,omitempty"`     // images that are embedded at a time, 0 for the whole batch: gradient caching
	Optimizer registry.Choice   `yaml:"optimizer"`
	Schedule  optimize.Schedule `yaml:"schedule"`
	Seed      uint64            `yaml:"seed"`
	Sittings  Sittings          `yaml:"sittings"`

	// Freeze are patterns of tensors that keep the values they begin with; batch norms whose running
	// statistics are among them use these in training too. See --freeze.
	Freeze []string `yaml:"freeze,omitempty"`
	// LRScale multiplies the learning rate of the weights that a pattern chooses.
	LRScale map[string]float64 `yaml:"lr_scale,omitempty"`

	// CheckpointBlocks computes what is inside an encoder's blocks again in the backward pass, rather than keep it.
	CheckpointBlocks bool `yaml:"checkpoint_blocks,omitempty"`

	classes int // that are trained on; Resolve knows
}

// Sittings are what training does besides its steps, in every sitting; the
// weights do not depend on it.
type Sittings struct {
	CheckpointEvery int `yaml:"checkpoint_every"` // steps between checkpoints, 0 for one an epoch, but at most two a minute
	Keep            int `yaml:"keep"`             // checkpoints that are kept, 0 for three
	MonitorEvery    int `yaml:"monitor_every"`    // steps between measurements, 0 for one an epoch, -1 for none
	ProbeEvery      int `yaml:"probe_every"`      // steps between the doctor's looks, 0 for a hundred in a run, but every 10 to 200 steps and a fiftieth of the time, -1 for none
}

// defaultKeep is how many checkpoints are kept.
const defaultKeep = 3

// resolve spells out the defaults, for epochs and a run of so many steps.
func (s Sittings) resolve(epoch, total int) Sittings {
	return Sittings{
		CheckpointEvery: cmp.Or(s.CheckpointEvery, epoch),
		Keep:            cmp.Or(s.Keep, defaultKeep),
		MonitorEvery:    cmp.Or(s.MonitorEvery, epoch),
		ProbeEvery:      cmp.Or(s.ProbeEvery, min(max(total/100, 10), 200)),
	}
}

// Validate checks all fields.
func (s Sittings) Validate() error {
	var errs []error
	if s.CheckpointEvery < 0 {
		errs = append(errs, fmt.Errorf("checkpoint_every %d: must be at least 1, or 0 for one an epoch", s.CheckpointEvery))
	}
	if s.Keep < 0 {
		errs = append(errs, fmt.Errorf("keep %d: must be at least 1", s.Keep))
	}
	if s.MonitorEvery < -1 {
		errs = append(errs, fmt.Errorf("monitor_every %d: must be at least 1, or 0 for one an epoch, or -1 for none", s.MonitorEvery))
	}
	if s.ProbeEvery < -1 {
		errs = append(errs, fmt.Errorf("probe_every %d: must be at least 1, or 0 for at most a hundred in a run, or -1 for none", s.ProbeEvery))
	}
	return errors.Join(errs...)
}

// Default is the method's published recipe for images of side pixels.
func Default(name string, side int) (Config, error) {
	m, err := method.Methods.Default(name)
	if err != nil {
		return Config{}, err
	}
	r := m.Defaults(side)
	choice := registry.Choice{Name: name}
	if r.Method != nil {
		if choice, err = registry.Choose(name, r.Method); err != nil {
			return Config{}, err
		}
	}
	return Config{
		Method:    choice,
		Size:      side,
		Encoder:   r.Encoder,
		Head:      r.Head,
		Loss:      r.Loss,
		Views:     r.Views,
		DType:     DTypeFloat32,
		Pixels:    PixelsFloat32,
		Batch:     r.Batch,
		PerClass:  r.PerClass,
		Optimizer: r.Optimizer,
		Schedule:  r.Schedule,
		Seed:      1,
		Sittings:  Sittings{Keep: defaultKeep},
	}, nil
}

// Overlay sets the fields that the YAML document names; a field that Config
// does not have is an error.
func (c *Config) Overlay(document []byte) error { return registry.Decode(document, c) }

// Load reads a configuration file. What it leaves out is the default of the method that it
// names, else of that one, else of simclr, for the size that it names, or for side pixels.
func Load(path, method string, side int) (Config, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	var content any
	if yaml.Unmarshal(document, &content) == nil && content == nil {
		return Config{}, fmt.Errorf("%s is empty: want a configuration, like the config.yaml of a run", path)
	}
	c, err := parse(document, method, side)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, registry.Locate(document, err))
	}
	return c, nil
}

// parse reads a document over the defaults of its method.
func parse(document []byte, method string, side int) (Config, error) {
	head := struct { // what decides the defaults; Overlay checks the rest
		Method registry.Choice `yaml:"method"`
		Size   int             `yaml:"size"`
	}{registry.Choice{Name: cmp.Or(method, "simclr")}, side}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return Config{}, err
	}
	c, err := Default(head.Method.Name, head.Size)
	if err == nil {
		err = c.Overlay(document)
	}
	if err == nil {
		err = c.Validate()
	}
	return c, err
}

// Save writes the configuration as YAML, whole or not at all.
func (c Config) Save(path string) error {
	document, err := c.YAML()
	if err != nil {
		return err
	}
	return atomicfile.Write(path, document)
}

// parts are the configured parts of a run.
type parts struct {
	method    method.Method
	encoder   encoder.Encoder
	head      head.Head
	loss      loss.Loss
	optimizer optimize.Optimizer
}

// build returns the parts of a valid configuration, or all its faults.
func (c *Config) build() (p parts, err error) {
	var errs [5]error
	p.method, errs[0] = method.Methods.New(c.Method)
	p.encoder, errs[1] = encoder.Encoders.New(c.Encoder)
	p.head, errs[2] = head.Heads.New(c.Head)
	p.loss, errs[3] = c.buildLoss()
	p.optimizer, errs[4] = optimize.Optimizers.New(c.Optimizer)
	return p, errors.Join(errs[:]...)
}

// buildLoss returns the loss, or nil where the method has its own.
func (c *Config) buildLoss() (loss.Loss, error) {
	m, err := method.Methods.New(c.Method)
	if err != nil {
		return nil, nil // reported already
	}
	if m.Defaults(c.Size).Loss.Name != "" {
		return loss.Losses.New(c.Loss)
	}
	if c.Loss.Name != "" {
		return nil, fmt.Errorf("loss %s: method %s has a loss of its own", c.Loss.Name, c.Method.Name)
	}
	return nil, nil
}

// Validate checks everything but what depends on the images.
func (c *Config) Validate() error {
	s := c.Schedule
	s.Batch, s.Images = max(1, c.Batch), 1
	p, err := c.build()
	errs := []error{
		err,
		c.validateInput(),
		either("dtype", c.DType, DTypeFloat32, DTypeBFloat16),
		either("pixels", c.Pixels, PixelsFloat32, PixelsUint8),
		below("schedule", s.Validate()),
		below("sittings", c.Sittings.Validate()),
		c.validatePatterns(),
	}
	if c.Batch < 2 {
		errs = append(errs, fmt.Errorf("batch %d: must be at least 2 images", c.Batch))
	}
	if _, own := p.method.(method.Objective); own && c.Chunk != 0 {
		errs = append(errs, fmt.Errorf("chunk %d: method %s passes the network in its own way, which cannot be cut into chunks; checkpoint_blocks saves memory too", c.Chunk, c.Method.Name))
	}
	if c.Chunk < 0 || c.Chunk > 0 && c.Batch%c.Chunk != 0 {
		errs = append(errs, fmt.Errorf("chunk %d: must divide the batch of %d images", c.Chunk, c.Batch))
	}
	return errors.Join(errs...)
}

// validateInput checks what the encoder is given.
func (c *Config) validateInput() error {
	if c.Encoder.Name != encoder.FeaturesName {
		err := c.Views.Validate()
		if c.Size < 8 {
			err = errors.Join(err, fmt.Errorf("size %d: must be at least 8 pixels", c.Size))
		}
		return err
	}
	var errs []error
	if c.Size != 0 {
		errs = append(errs, fmt.Errorf("size %d: features have none, want 0", c.Size))
	}
	if c.Pixels != PixelsFloat32 {
		errs = append(errs, fmt.Errorf("pixels %s: features are %s", c.Pixels, PixelsFloat32))
	}
	if c.Init != "" {
		errs = append(errs, fmt.Errorf("init %s: features have no encoder whose weights could begin with it", c.Init))
	}
	return errors.Join(errs...)
}

// either is the fault of a key whose value is neither a nor b.
func either(key, value, a, b string) error {
	if value != a && value != b {
		return fmt.Errorf("%s %q: must be %s or %s", key, value, a, b)
	}
	return nil
}

// checkLabels finds what needs labels and has none.
func (c *Config) checkLabels() (errs []error) {
	m, err := method.Methods.New(c.Method)
	if err != nil {
		return nil // reported already
	}
	l, _ := c.buildLoss()
	_, ofClasses := l.(loss.ClassLoss)
	if ofClasses && !m.Supervised() {
		errs = append(errs, fmt.Errorf("loss %s: learns from labels, which method %s does not use; 'alike list losses' has others", c.Loss.Name, c.Method.Name))
	}
	if c.PerClass != 0 && !m.Supervised() {
		errs = append(errs, fmt.Errorf("per_class %d: method %s does not use labels", c.PerClass, c.Method.Name))
	}
	if m.Supervised() && c.classes < 2 {
		errs = append(errs, fmt.Errorf("method %s learns from labels: %s has %d classes, want at least 2; try simclr or isif", c.Method.Name, c.Data, c.classes))
	}
	k := c.PerClass
	_, remembers := m.(method.Objective) // XBM, whose pairs may be with earlier batches
	switch {
	case k < 0 || k > 0 && c.Batch%k != 0:
		errs = append(errs, fmt.Errorf("batch of %d images with %d of each class: must be a whole number of classes; try --batch %d", c.Batch, k, max(2, c.Batch/max(1, k))*max(1, k)))
	case k > 0 && (k < 2 || c.Batch < 2*k) && m.Supervised() && !ofClasses && !remembers:
		more := max(2, k)
		errs = append(errs, fmt.Errorf("batch of %d images with %d of each class: loss %s compares images of a class with each other and with others, and needs at least 2 classes of 2 images; try --batch %d --per-class %d",
			c.Batch, k, c.Loss.Name, max(2, c.Batch/more)*more, more))
	}
	return errs
}

// sampler chooses the images of each step.
func (c *Config) sampler(data dataset.Dataset) (sampler.Sampler, error) {
	if c.PerClass == 0 {
		return sampler.NewShuffled(data.Len(), c.Batch, c.Seed)
	}
	labels := make([]int, data.Len())
	for i := range labels {
		labels[i] = data.Label(i)
	}
	return sampler.NewPK(labels, c.Batch/c.PerClass, c.PerClass, c.Seed)
}

// below names the group of keys that an error is about.
func below(group string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", group, err)
}

// Resolve spells out every default, checks every field, and ties the schedule
// and the loss to the number of training images and of their classes.
func (c *Config) Resolve(images, classes int) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Batch > images {
		return fmt.Errorf("batch of %d images: %s has only %d to train on; try --batch %d", c.Batch, c.Data, images, largestBatch(images))
	}
	c.Schedule.Batch, c.Schedule.Images, c.classes = c.Batch, images, classes
	return errors.Join(append(c.checkLabels(),
		resolve(&method.Methods, &c.Method),
		resolve(&encoder.Encoders, &c.Encoder),
		resolve(&head.Heads, &c.Head),
		c.resolveLoss(),
		resolve(&optimize.Optimizers, &c.Optimizer),
	)...)
}

func (c *Config) resolveLoss() error {
	if c.Loss.Name == "" {
		return nil
	}
	return resolve(&loss.Losses, &c.Loss)
}

func resolve[T registry.Validator](r *registry.Registry[T], c *registry.Choice) (err error) {
	*c, err = r.Resolve(*c)
	return err
}

// largestBatch is the largest power of two that is no more than n.
func largestBatch(n int) int {
	b := 1
	for 2*b <= n {
		b *= 2
	}
	return b
}

// YAML is the configuration as a document.
func (c Config) YAML() ([]byte, error) { return yaml.Marshal(c) }

// Map is the configuration as a tree, for other formats.
func (c Config) Map() (map[string]any, error) {
	document, err := c.YAML()
	if err != nil {
		return nil, err
	}
	tree := map[string]any{}
	return tree, yaml.Unmarshal(document, &tree)
}
