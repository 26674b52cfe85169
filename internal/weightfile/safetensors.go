package weightfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"

	"github.com/gomlx/compute/dtypes/float16"
	"github.com/nlpodyssey/safetensors"
)

func readSafetensors(path string) (map[string]Tensor, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	st, err := safetensors.Deserialize(file)
	if err != nil {
		return nil, fmt.Errorf("not a safetensors file: %w", err)
	}
	tensors := map[string]Tensor{}
	for _, name := range st.Names() {
		view, _ := st.Tensor(name)
		data := floats(view.DType(), view.Data())
		if data == nil {
			continue
		}
		t := Tensor{Data: data}
		for _, d := range view.Shape() {
			t.Dims = append(t.Dims, int(d))
		}
		tensors[name] = t
	}
	return tensors, nil
}

// floats decodes little-endian numbers; nil if they are not floating-point.
func floats(dtype safetensors.DType, b []byte) []float32 {
	order := binary.LittleEndian
	switch dtype {
	case safetensors.F32:
		return each(b, 4, func(b []byte) float32 { return math.Float32frombits(order.Uint32(b)) })
	case safetensors.F64:
		return each(b, 8, func(b []byte) float32 { return float32(math.Float64frombits(order.Uint64(b))) })
	case safetensors.BF16:
		return each(b, 2, func(b []byte) float32 { return math.Float32frombits(uint32(order.Uint16(b)) << 16) })
	case safetensors.F16:
		return each(b, 2, func(b []byte) float32 { return float16.FromBits(order.Uint16(b)).Float32() })
	}
	return nil
}

func each(b []byte, size int, decode func([]byte) float32) []float32 {
	x := make([]float32, len(b)/size)
	for i := range x {
		x[i] = decode(b[i*size:])
	}
	return x
}
