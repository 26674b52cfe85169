package cli

import (
	"alike/embed"
	"alike/train"
)

// baseOf is the encoder that made features, nil where nothing beside them says so.
func baseOf(features string, width int) (*train.Base, error) {
	about, err := embed.AboutOf(features)
	if about == nil || err != nil || about.Model.WeightsSHA256 == "" || about.Dim != width || about.Size == 0 {
		return nil, err
	}
	return &train.Base{
		Model: about.Model.Name, Step: about.Model.Step, Layer: about.Layer, Size: about.Size, Dim: about.Dim, Normalized: about.Normalized,
		Preprocessing: about.Model.Preprocessing, WeightsSHA256: about.Model.WeightsSHA256,
	}, nil
}
