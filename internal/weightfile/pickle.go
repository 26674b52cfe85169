package weightfile

import (
	"fmt"

	"github.com/nlpodyssey/gopickle/pytorch"
	"github.com/nlpodyssey/gopickle/types"
)

// readPickle reads what torch.save writes, in its newer form, a zip, and in the older one.
func readPickle(path string) (tensors map[string]Tensor, err error) {
	defer func() {
		if p := recover(); p != nil { // the library trusts what it reads
			err = fmt.Errorf("damaged, or nothing that PyTorch saved: %v", p)
		}
	}()
	root, err := pytorch.Load(path)
	if err != nil {
		return nil, fmt.Errorf("not a file of weights that PyTorch saved: %w", err)
	}
	tensors = map[string]Tensor{}
	return tensors, collect(tensors, "", root)
}

// collect finds the tensors below a value.
func collect(tensors map[string]Tensor, name string, value any) error {
	below := func(key, value any) error {
		k := fmt.Sprint(key)
		if name != "" {
			k = name + "." + k
		}
		return collect(tensors, k, value)
	}
	switch v := value.(type) {
	case *pytorch.Tensor:
		t, err := dense(v)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		if t.Data != nil {
			tensors[name] = t
		}
	case *types.Dict:
		for _, e := range *v {
			if err := below(e.Key, e.Value); err != nil {
				return err
			}
		}
	case *types.OrderedDict:
		for e := v.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			if err := below(entry.Key, entry.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// dense copies a tensor whose elements may lie in any order; no data if they are not
// floating-point numbers.
func dense(v *pytorch.Tensor) (Tensor, error) {
	var at func(i int) float32
	var n int
	switch s := v.Source.(type) {
	case *pytorch.FloatStorage:
		at, n = func(i int) float32 { return s.Data[i] }, len(s.Data)
	case *pytorch.HalfStorage:
		at, n = func(i int) float32 { return s.Data[i] }, len(s.Data)
	case *pytorch.BFloat16Storage:
		at, n = func(i int) float32 { return s.Data[i] }, len(s.Data)
	case *pytorch.DoubleStorage:
		at, n = func(i int) float32 { return float32(s.Data[i]) }, len(s.Data)
	default:
		return Tensor{}, nil
	}
	size, last := 1, v.StorageOffset
	for i, d := range v.Size {
		if d < 0 || v.Stride[i] < 0 || d > n {
			return Tensor{}, fmt.Errorf("its shape is %v in steps of %v", v.Size, v.Stride)
		}
		size *= d
		last += (d - 1) * v.Stride[i]
	}
	if size > n || size > 0 && (v.StorageOffset < 0 || last >= n) {
		return Tensor{}, fmt.Errorf("it has %d elements up to place %d, of %d that are stored", size, last, n)
	}
	t := Tensor{Dims: v.Size, Data: make([]float32, size)}
	index := make([]int, len(v.Size))
	for i := range t.Data {
		place := v.StorageOffset
		for axis, j := range index {
			place += j * v.Stride[axis]
		}
		t.Data[i] = at(place)
		for axis := len(index) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < v.Size[axis] {
				break
			}
			index[axis] = 0
		}
	}
	return t, nil
}
