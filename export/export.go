// Package export writes trained networks as files that others run: ONNX, and weights as safetensors.
// A card beside them says what the network is, where it comes from and how good it was measured to be.
package export

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"alike/internal/atomicfile"
	"alike/train"
)

// Options choose what a file computes, and how. The zero value is float32 images of the network's size.
type Options struct {
	Layer string // method.LayerH, method.LayerZ or a block of the encoder's

	// Of ONNX.
	Uint8      bool // takes bytes [N, H, W, 3] rather than numbers in [0, 1], [N, 3, H, W]
	Preprocess bool // takes images of any size, and resizes and crops them as evaluation does
	Normalize  bool // divides embeddings by their length

	// Half keeps weights in float16.
	Half bool
}

// The endings of the files that can be written.
const (
	onnxSuffix        = ".onnx"
	safetensorsSuffix = ".safetensors"
)

// Validate checks that a file of that name can have the options.
func (o Options) Validate(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case onnxSuffix:
		return nil
	case safetensorsSuffix:
		if o.Uint8 || o.Preprocess || o.Normalize {
			return fmt.Errorf("%s holds weights, which take no images: bytes, preprocessing and normalisation are options of %s", path, onnxSuffix)
		}
		return nil
	}
	return fmt.Errorf("%s: want a file that ends in %s (a network to run) or %s (weights to load)", path, onnxSuffix, safetensorsSuffix)
}

// Write writes the network to a file, in the format that its name ends in, and the card of its folder. It
// returns the card.
func Write(run *train.Run, m *train.Model, path string, o Options) (*Card, error) {
	if err := o.Validate(path); err != nil {
		return nil, err
	}
	if m.Size() == 0 && (o.Uint8 || o.Preprocess) {
		return nil, fmt.Errorf("%s learned from features: what it takes are no images, so bytes and preprocessing are no options", run.Dir)
	}
	card, err := newCard(run, m)
	if err != nil {
		return nil, err
	}
	card.Dims[o.Layer] = m.Dim(o.Layer)
	write := func(w io.Writer) error { return m.WriteWeights(w, o.Layer, o.Half, card.metadata(o)) }
	if strings.EqualFold(filepath.Ext(path), onnxSuffix) {
		model, err := network(m, o)
		if err != nil {
			return nil, err
		}
		model.Producer, model.ProducerVersion = "alike", version()
		model.Doc = card.sentence(o)
		model.Metadata = card.metadata(o)
		file, err := model.Marshal()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		write = func(w io.Writer) error {
			_, err := w.Write(file)
			return err
		}
	}
	if err := atomicfile.WriteAll(atomicfile.File{Path: path, Write: write}); err != nil {
		return nil, err
	}
	return card, card.addTo(path, o)
}
