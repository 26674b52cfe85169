package alike

import (
	"context"

	"alike/dataset"
	"alike/export"
)

// Export writes the network as a file that others run or load, as its name ends in .onnx or
// .safetensors, with a card beside it, which it returns. The layer is the model's.
func (m *Model) Export(path string, o export.Options) (*export.Card, error) {
	o.Layer = m.layer
	return export.Write(m.run, m.model, path, o)
}

// CheckExport compares what a file of ONNX that Export wrote computes with the model; see export.Check.
func (m *Model) CheckExport(ctx context.Context, path string, data dataset.Dataset, o export.Options, python string, progress func(done int)) ([]export.Agreement, error) {
	o.Layer = m.layer
	return export.Check(ctx, path, m.model, data, o, python, progress)
}
