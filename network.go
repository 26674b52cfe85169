package alike

import (
	"context"

	"alike/dataset"
	"alike/eval"
)

// network is what embeds.
type network interface {
	Layer() string
	Dim(layer string) int
	Size() int
	Subject(name string) eval.Subject
	EmbedEach(ctx context.Context, data dataset.Dataset, layer string, views int, visit func(i int, h []float32, err error) error) error
	Prepare(img dataset.Image) []float32
	EmbedPrepared(ctx context.Context, prepared [][]float32, layer string) ([]float32, error)
}
