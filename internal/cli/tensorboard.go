package cli

import (
	"image"

	"alike/dataset"
	"alike/eval"
	"alike/internal/sheet"
	"alike/internal/tensorboard"
	"alike/train"
)

// What TensorBoard's projector is given.
const (
	projected     = 1000 // images
	projectedSide = 32   // of their pictures, pixels
)

// writeViews gives TensorBoard a picture of what the network is shown, unless that is features.
func writeViews(run *train.Run, images dataset.Dataset) error {
	if run.Config.Size == 0 {
		return nil
	}
	picture, err := viewSheet(images, run.Config.Views, run.Config.Size, 6, run.Config.Seed)
	if err != nil {
		return err
	}
	return run.WriteViews(picture)
}

// writeProjector gives TensorBoard's projector the first embeddings of f, which are of d.
func writeProjector(run *train.Run, d dataset.Dataset, f *eval.Features) error {
	p := tensorboard.Projector{Name: f.Layer, Side: projectedSide}
	var pictures []image.Image
	for i := range min(projected, d.Len()) {
		img, err := d.Image(i)
		if err != nil {
			return err
		}
		pictures = append(pictures, img.RGBA())
		p.Vector = append(p.Vector, f.Row(i))
		p.ID, p.Class = append(p.ID, d.ID(i)), append(p.Class, className(d, d.Label(i)))
	}
	var err error
	if p.Sprite, err = sheet.Sprite(pictures, p.Side); err != nil {
		return err
	}
	return p.Write(run.TensorBoardDir())
}
