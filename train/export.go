package train

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/nlpodyssey/safetensors"

	"alike/internal/half"
	"alike/internal/nn"
	"alike/internal/onnx"
	"alike/internal/onnx/trace"
	"alike/method"
)

// ONNX returns the network up to a layer, with its weights, as a graph of ONNX; unit divides each
// embedding by its length.
func (m *Model) ONNX(layer string, unit bool, o trace.Options) (*onnx.Model, error) {
	if err := m.CheckLayer(layer); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var fault error
	recorder := trace.New(o, func(parameter string) *trace.Weight {
		v := m.store.GetVariable(parameter)
		if v == nil {
			return nil
		}
		t, err := v.Value()
		if err != nil {
			fault = errors.Join(fault, err)
			return nil
		}
		flat, err := tensors.CopyFlatData[float32](t)
		fault = errors.Join(fault, err)
		return &trace.Weight{Name: dotted(parameter), Flat: flat}
	})
	exec, err := model.NewExec(recorder, m.store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.Store().SetTraining(x.Graph(), false)
		out := m.embedding(scope, x, layer)
		if unit {
			out = nn.Unit(out)
		}
		return out
	})
	if err == nil {
		_, err = exec.Compile(m.config.inputShape(PixelsFloat32, trace.Batch))
	}
	if err == nil {
		err = fault
	}
	if err != nil {
		return nil, compileError("ONNX", err)
	}
	return recorder.Model()
}

// WriteWeights writes the encoder's weights, and for layer z the head's, as safetensors under
// torchvision's names and in its layouts; short keeps them in float16. What the numbers of a weight
// that does not fit would become is an error.
func (m *Model) WriteWeights(w io.Writer, layer string, short bool, metadata map[string]string) error {
	if err := m.CheckLayer(layer); err != nil {
		return err
	}
	weights, err := collect(m.store, "")
	if err != nil {
		return err
	}
	maps.DeleteFunc(weights, func(name string, _ blob) bool {
		return strings.HasPrefix(name, lossScope+".") || layer != method.LayerZ && strings.HasPrefix(name, headScope+".")
	})
	if len(weights) == 0 {
		return fmt.Errorf("there are no weights up to layer %s", layer)
	}
	if short {
		for name, b := range weights {
			if weights[name], err = b.half(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return safetensors.SerializeToWriter(weights, metadata, w)
}

// half is a blob of float32 in float16.
func (b blob) half() (blob, error) {
	if b.dtype != safetensors.F32 {
		return b, nil
	}
	const infinite = 0x7c00
	short := blob{dtype: safetensors.F16, dims: b.dims}
	for _, v := range fromBinary[float32](b.data) {
		bits := half.Bits(v)
		if bits&infinite == infinite {
			return b, fmt.Errorf("the value %g is beyond 65504, the largest of fp16: export it as fp32", v)
		}
		short.data = append(short.data, byte(bits), byte(bits>>8))
	}
	return short, nil
}
