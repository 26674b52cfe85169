package pretrained

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"alike/augment"
	"alike/internal/onnx"
)

// Preprocess is what is done to an image before the network sees it: it is resized and its middle is cut out; its values,
// 0 to Range, are those of RGB or BGR, less Mean, over Std.
type Preprocess struct {
	augment.Still
	Range     float64    // 1, or 255
	Mean, Std [3]float64 // by channel, in the order of Channels
	BGR       bool
	Last      bool // the network takes [N, H, W, 3]; else [N, 3, H, W]
}

// What most networks for images were trained with: torchvision's and timm's mean and standard deviation of ImageNet.
var (
	imageNetMean = [3]float64{0.485, 0.456, 0.406}
	imageNetStd  = [3]float64{0.229, 0.224, 0.225}
)

// defaultSize is the side of images where nothing says so.
const defaultSize = 224

// setting is a key of a Preprocess's text, and how it is read and written.
type setting struct {
	key  string
	set  func(p *Preprocess, value string) error
	text func(p Preprocess) string
}

var settings = []setting{
	{"size", whole(func(p *Preprocess) *int { return &p.Size }), func(p Preprocess) string { return strconv.Itoa(p.Size) }},
	{"resize", whole(func(p *Preprocess) *int { return &p.Resize }), func(p Preprocess) string { return strconv.Itoa(p.Resize) }},
	{"shape", oneOf("crop", "squash", func(p *Preprocess) *bool { return &p.Squash }), func(p Preprocess) string { return choice(p.Squash, "crop", "squash") }},
	{"exact", oneOf("resize", "keep", func(p *Preprocess) *bool { return &p.Keep }), func(p Preprocess) string { return choice(p.Keep, "resize", "keep") }},
	{"interpolation", func(p *Preprocess, value string) error {
		p.Interpolation = value
		return p.Filter.Validate()
	}, func(p Preprocess) string { return p.Interpolation }},
	{"range", func(p *Preprocess, value string) error {
		switch value {
		case "1", "255":
			p.Range, _ = strconv.ParseFloat(value, 64)
			return nil
		}
		return errors.New("must be 1 or 255")
	}, func(p Preprocess) string { return number(p.Range) }},
	{"mean", triple(func(p *Preprocess) *[3]float64 { return &p.Mean }), func(p Preprocess) string { return numbers(p.Mean) }},
	{"std", triple(func(p *Preprocess) *[3]float64 { return &p.Std }), func(p Preprocess) string { return numbers(p.Std) }},
	{"channels", oneOf("rgb", "bgr", func(p *Preprocess) *bool { return &p.BGR }), func(p Preprocess) string { return choice(p.BGR, "rgb", "bgr") }},
	{"layout", oneOf("nchw", "nhwc", func(p *Preprocess) *bool { return &p.Last }), func(p Preprocess) string { return choice(p.Last, "nchw", "nhwc") }},
}

func whole(field func(*Preprocess) *int) func(*Preprocess, string) error {
	return func(p *Preprocess, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 1<<14 {
			return errors.New("must be a number of pixels")
		}
		*field(p) = n
		return nil
	}
}

func oneOf(no, yes string, field func(*Preprocess) *bool) func(*Preprocess, string) error {
	return func(p *Preprocess, value string) error {
		if value != no && value != yes {
			return fmt.Errorf("must be %s or %s", no, yes)
		}
		*field(p) = value == yes
		return nil
	}
}

func choice(yes bool, no, name string) string {
	if yes {
		return name
	}
	return no
}

func triple(field func(*Preprocess) *[3]float64) func(*Preprocess, string) error {
	return func(p *Preprocess, value string) error {
		parts := strings.Split(value, ",")
		if len(parts) == 1 {
			parts = slices.Repeat(parts, 3)
		}
		if len(parts) != 3 {
			return errors.New("must be a number, or one for each of three channels")
		}
		for i, part := range parts {
			v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
			if err != nil || v-v != 0 {
				return errors.New("must be a number, or one for each of three channels")
			}
			field(p)[i] = v
		}
		return nil
	}
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func numbers(v [3]float64) string {
	return number(v[0]) + "," + number(v[1]) + "," + number(v[2])
}

// String is the text that Overlay reads.
func (p Preprocess) String() string {
	var parts []string
	for _, s := range settings {
		parts = append(parts, s.key+"="+s.text(p))
	}
	return strings.Join(parts, " ")
}

// Overlay sets what a text of KEY=VALUE, separated by blanks, says. A size without a resize gets the usual one.
func (p *Preprocess) Overlay(text string) error {
	resized := false
	for _, part := range strings.Fields(text) {
		key, value, ok := strings.Cut(part, "=")
		i := slices.IndexFunc(settings, func(s setting) bool { return s.key == key })
		if !ok || i < 0 {
			var keys []string
			for _, s := range settings {
				keys = append(keys, s.key)
			}
			return fmt.Errorf("%q: want KEY=VALUE; the keys are %s", part, strings.Join(keys, ", "))
		}
		if err := settings[i].set(p, value); err != nil {
			return fmt.Errorf("%q: %w", part, err)
		}
		if key == "size" && !resized {
			p.Resize = augment.EvaluationSide(p.Size)
		}
		resized = resized || key == "resize"
	}
	return p.validate()
}

func (p Preprocess) validate() error {
	err := p.Still.Validate()
	for _, v := range p.Std {
		if !(v > 0) {
			err = errors.Join(err, fmt.Errorf("std %g: must be above 0", v))
		}
	}
	return err
}

// fromFile is what the file itself says, or the defaults: of one that alike wrote, what its runs do; of others, a shorter
// side of size/0.875, bilinear, and the mean and standard deviation of ImageNet. A network that takes bytes gets them as they are.
func fromFile(m *onnx.Model, in onnx.ValueInfo) (Preprocess, error) {
	p := Preprocess{Range: 1, Mean: imageNetMean, Std: imageNetStd}
	d := in.Dims
	if p.Last = d[3].Size == 3 && d[1].Size != 3; p.Last {
		d = []onnx.Dim{d[0], d[3], d[1], d[2]}
	}
	if c := d[1].Size; c != 3 && c > 0 {
		return p, fmt.Errorf("the input %s is %v; want images of 3 channels, [N, 3, H, W] or [N, H, W, 3]", in.Name, in.Dims)
	}
	if d[2].Size != d[3].Size {
		return p, fmt.Errorf("the input %s is %v; want square images", in.Name, in.Dims)
	}
	size := defaultSize
	if d[2].Size > 0 {
		size = d[2].Size
	}
	ours := m.Metadata["alike"] != "" && m.Metadata["preprocessing"] != ""
	if ours {
		if s, err := strconv.Atoi(m.Metadata["size"]); err == nil && s > 0 {
			size = s
		}
	}
	if size > 1<<14 {
		return p, fmt.Errorf("the input %s is %v, which is too large", in.Name, in.Dims)
	}
	p.Still = augment.Evaluation(size)
	p.Keep = ours
	if ours || in.Type == onnx.Uint8 {
		p.Mean, p.Std = [3]float64{}, [3]float64{1, 1, 1}
	}
	if in.Type == onnx.Uint8 {
		p.Range = 255
	}
	return p, nil
}
