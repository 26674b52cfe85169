package alike

import (
	"context"
	"fmt"

	"alike/dataset"
	"alike/export"
)

// Export writes the network as a file that others run or load, as its name ends in .onnx or
// .safetensors, with a card beside it, which it returns. The layer is the model's.
func (m *Model) Export(path string, o export.Options) (*export.Card, error) {
	if m.trained == nil {
		return nil, fmt.Errorf("%s is a file of ONNX already; runs are exported", m.name)
	}
	o.Layer = m.layer
	return export.Write(m.run, m.trained, path, o)
}

// CheckExport compares what a file of ONNX that Export wrote computes with the model; see export.Check.
func (m *Model) CheckExport(ctx context.Context, path string, data dataset.Dataset, o export.Options, python string, progress func(done int)) ([]export.Agreement, error) {
	if m.trained == nil {
		return nil, fmt.Errorf("%s is a file of ONNX itself; exports of runs are compared with them", m.name)
	}
	o.Layer = m.layer
	return export.Check(ctx, path, m.trained, data, o, python, progress)
}
