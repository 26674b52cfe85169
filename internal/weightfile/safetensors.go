package weightfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"

	"github.com/gomlx/compute/dtypes/float16"
	"github.com/nlpodyssey/safetensors"
)

// Stored is a tensor as a file of safetensors holds it, little endian.
type Stored struct {
	DType safetensors.DType
	Dims  []int
	Data  []byte
}

// ReadSafetensors returns all tensors of a file of safetensors by their names, in whatever type they have.
func ReadSafetensors(path string) (map[string]Stored, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	st, err := safetensors.Deserialize(file)
	if err != nil {
		return nil, fmt.Errorf("%s: not a safetensors file: %w", path, err)
	}
	tensors := map[string]Stored{}
	for _, name := range st.Names() {
		view, _ := st.Tensor(name)
		t := Stored{DType: view.DType(), Data: view.Data()}
		for _, d := range view.Shape() {
			t.Dims = append(t.Dims, int(d))
		}
		tensors[name] = t
	}
	return tensors, nil
}

// floatsOf are the tensors of floating-point numbers.
func floatsOf(path string) (map[string]Tensor, error) {
	all, err := ReadSafetensors(path)
	if err != nil {
		return nil, err
	}
	tensors := map[string]Tensor{}
	for name, t := range all {
		if data := floats(t.DType, t.Data); data != nil {
			tensors[name] = Tensor{t.Dims, data}
		}
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
