package alike

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"

	"alike/dataset"
	"alike/index"
	"alike/pretrained"
	"alike/train"
)

// stacked is a network that was trained on features, above the encoder that made them: it embeds images, too. The encoder is
// opened when the first image comes, so that the run is of use without it.
type stacked struct {
	*train.Model
	of     train.Base
	base   func() (*Model, error)
	opened *Model
}

func newStacked(m *train.Model, of train.Base, backend string) *stacked {
	s := &stacked{Model: m, of: of}
	s.base = sync.OnceValues(func() (_ *Model, err error) {
		s.opened, err = openBase(of, backend)
		return s.opened, err
	})
	return s
}

// openBase opens the encoder that made features, if its weights are the same.
func openBase(of train.Base, backend string) (*Model, error) {
	if _, err := os.Stat(of.Model); err != nil {
		return nil, fmt.Errorf("the encoder that made the features, %s, is not there; 'base: model:' in the run's config.yaml says where it is", of.Model)
	}
	m, err := Open(of.Model, Options{Step: of.Step, First: of.Step == 0 && !pretrained.Is(of.Model), Layer: of.Layer, Preprocess: of.Preprocessing, Backend: backend})
	if err != nil {
		return nil, err
	}
	if got := m.Subject().WeightsSHA256; got != of.WeightsSHA256 {
		m.Close()
		return nil, fmt.Errorf("%s has the weights %.12s, the features were made with %.12s: embed the images and train again", of.Model, got, of.WeightsSHA256)
	}
	return m, nil
}

// Size is the side of the images that the encoder sees.
func (s *stacked) Size() int { return s.of.Size }

// EmbedEach visits the embeddings of features, or of images and of views as the encoder makes them.
func (s *stacked) EmbedEach(ctx context.Context, data dataset.Dataset, layer string, views int, visit func(i int, h []float32, err error) error) error {
	if f, _ := dataset.FeaturesOf(data, 0); f != nil {
		return s.Model.EmbedEach(ctx, data, layer, views, visit)
	}
	base, err := s.base()
	if err != nil {
		return err
	}
	return base.EmbedEach(ctx, data, views, func(i int, h []float32, err error) error {
		if err != nil {
			return visit(i, nil, err)
		}
		z, err := s.above(ctx, h, layer)
		if err != nil {
			return err
		}
		return visit(i, z, nil)
	})
}

// above is what the network makes of rows of features.
func (s *stacked) above(ctx context.Context, features []float32, layer string) ([]float32, error) {
	rows := slices.Collect(slices.Chunk(features, s.of.Dim))
	if s.of.Normalized {
		for i, row := range rows {
			if err := index.Normalize(row); err != nil {
				return nil, fmt.Errorf("the features of image %d: %w", i, err)
			}
		}
	}
	return s.Model.EmbedPrepared(ctx, rows, layer)
}

// Prepare is what the encoder sees of an image; nil where there is no encoder, of which EmbedPrepared says why.
func (s *stacked) Prepare(img dataset.Image) []float32 {
	base, err := s.base()
	if err != nil {
		return nil
	}
	return base.Prepare(img)
}

// EmbedPrepared returns the embeddings of what Prepare made.
func (s *stacked) EmbedPrepared(ctx context.Context, prepared [][]float32, layer string) ([]float32, error) {
	base, err := s.base()
	if err != nil {
		return nil, err
	}
	h, err := base.network.EmbedPrepared(ctx, prepared, base.layer)
	if err != nil {
		return nil, err
	}
	return s.above(ctx, h, layer)
}

// Close frees the encoder, if it was opened.
func (s *stacked) Close() {
	if s.opened != nil {
		s.opened.Close()
	}
}
