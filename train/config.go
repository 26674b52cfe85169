package train

import (
	"errors"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"

	"alike/augment"
	"alike/encoder"
	"alike/head"
	"alike/internal/atomicfile"
	"alike/internal/registry"
	"alike/loss"
	"alike/method"
	"alike/optimize"
)

// Config is everything that decides the result of a run. A saved one has every
// default spelt out, and repeats the run.
type Config struct {
	Method    registry.Choice   `yaml:"method"`
	Data      string            `yaml:"data"`              // SPEC of the images
	Split     string            `yaml:"split"`             // the split that is trained on
	Classes   string            `yaml:"classes,omitempty"` // the classes that are trained on, a rule of dataset.OfClasses
	Size      int               `yaml:"size"`              // side of the views, pixels
	Encoder   registry.Choice   `yaml:"encoder"`
	Head      registry.Choice   `yaml:"head"`
	Loss      registry.Choice   `yaml:"loss"`
	Views     augment.Config    `yaml:"views"`
	Batch     int               `yaml:"batch"` // N, images per step
	Optimizer registry.Choice   `yaml:"optimizer"`
	Schedule  optimize.Schedule `yaml:"schedule"`
	Seed      uint64            `yaml:"seed"`
}

// Default is the method's published recipe for images of side pixels.
func Default(name string, side int) (Config, error) {
	m, err := method.Methods.Default(name)
	if err != nil {
		return Config{}, err
	}
	r := m.Defaults(side)
	return Config{
		Method:    registry.Choice{Name: name},
		Size:      side,
		Encoder:   r.Encoder,
		Head:      r.Head,
		Loss:      r.Loss,
		Views:     r.Views,
		Batch:     r.Batch,
		Optimizer: r.Optimizer,
		Schedule:  r.Schedule,
		Seed:      1,
	}, nil
}

// Overlay sets the fields that the YAML document names; a field that Config
// does not have is an error.
func (c *Config) Overlay(document []byte) error { return registry.Decode(document, c) }

// Load reads a configuration file. What it leaves out is the method's default
// for the size that it names, or for side pixels.
func Load(path string, side int) (Config, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	head := struct { // what decides the defaults; Overlay checks the rest
		Method registry.Choice `yaml:"method"`
		Size   int             `yaml:"size"`
	}{registry.Choice{Name: "simclr"}, side}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	c, err := Default(head.Method.Name, head.Size)
	if err == nil {
		err = c.Overlay(document)
	}
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
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
	p.loss, errs[3] = loss.Losses.New(c.Loss)
	p.optimizer, errs[4] = optimize.Optimizers.New(c.Optimizer)
	return p, errors.Join(errs[:]...)
}

// Resolve spells out every default, checks every field, and ties the schedule
// to the number of training images.
func (c *Config) Resolve(images int) error {
	c.Schedule.Batch, c.Schedule.Images = c.Batch, images
	errs := []error{
		resolve(&method.Methods, &c.Method),
		resolve(&encoder.Encoders, &c.Encoder),
		resolve(&head.Heads, &c.Head),
		resolve(&loss.Losses, &c.Loss),
		resolve(&optimize.Optimizers, &c.Optimizer),
		c.Views.Validate(),
		c.Schedule.Validate(),
	}
	if l, err := loss.Losses.New(c.Loss); err == nil {
		if _, ok := l.(loss.ClassLoss); ok {
			errs = append(errs, fmt.Errorf("loss %s: learns from labels, which method %s does not use; 'alike list losses' has others", c.Loss.Name, c.Method.Name))
		}
	}
	if c.Size < 8 {
		errs = append(errs, fmt.Errorf("size %d: must be at least 8 pixels", c.Size))
	}
	if c.Batch < 2 {
		errs = append(errs, fmt.Errorf("batch %d: must be at least 2 images", c.Batch))
	}
	if c.Batch > images {
		errs = append(errs, fmt.Errorf("batch of %d images: %s has only %d to train on; try --batch %d", c.Batch, c.Data, images, largestBatch(images)))
	}
	return errors.Join(errs...)
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
