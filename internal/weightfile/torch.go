package weightfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes/float16"
	"github.com/nlpodyssey/gopickle/types"
)

// What a pickle of PyTorch's is made of. Nothing in it is executed: what is not listed here becomes an opaque.

// storageKind is the type of the values of a storage.
type storageKind struct {
	dtype string // as safetensors calls it
	width int    // bytes of a value, 0 where it is not known
	value func(b []byte) float32
}

// storage is a row of values that tensors show parts of.
type storage struct {
	kind *storageKind
	data []byte
}

var storageKinds = map[string]*storageKind{
	"FloatStorage":    {"F32", 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	"DoubleStorage":   {"F64", 8, func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }},
	"HalfStorage":     {"F16", 2, func(b []byte) float32 { return float16.FromBits(binary.LittleEndian.Uint16(b)).Float32() }},
	"BFloat16Storage": {"BF16", 2, func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) }},
	"LongStorage":     {"I64", 8, nil}, "IntStorage": {"I32", 4, nil}, "ShortStorage": {"I16", 2, nil}, "CharStorage": {"I8", 1, nil},
	"ByteStorage": {"U8", 1, nil}, "BoolStorage": {"BOOL", 1, nil}, "ComplexFloatStorage": {"C64", 8, nil},
}

func findClass(module, name string) (any, error) {
	switch module {
	case "torch":
		if kind := storageKinds[name]; kind != nil {
			return kind, nil
		}
	case "torch._utils":
		switch name {
		case "_rebuild_tensor_v2":
			return rebuildTensor{}, nil
		case "_rebuild_parameter":
			return rebuildParameter{}, nil
		}
	}
	return &opaque{}, nil
}

// tensor is a part of a storage.
type tensor struct {
	storage       *storage
	offset        int
	dims, strides []int
}

// rebuildTensor makes a tensor of a storage, an offset, dimensions and steps.
type rebuildTensor struct{}

func (rebuildTensor) Call(args ...any) (any, error) {
	if len(args) < 4 {
		return nil, errors.New("it makes a tensor of too little")
	}
	s, isStorage := args[0].(*storage)
	offset, isOffset := args[1].(int)
	dims, isDims := integers(args[2])
	strides, isStrides := integers(args[3])
	if !isStorage || !isOffset || !isDims || !isStrides || len(dims) != len(strides) {
		return nil, errors.New("it makes a tensor of something else than a storage and numbers")
	}
	return &tensor{s, offset, dims, strides}, nil
}

func integers(v any) ([]int, bool) {
	t, ok := v.(*types.Tuple)
	if !ok {
		return nil, false
	}
	numbers := make([]int, t.Len())
	for i := range numbers {
		if numbers[i], ok = t.Get(i).(int); !ok {
			return nil, false
		}
	}
	return numbers, true
}

// rebuildParameter makes a parameter of a tensor: the tensor.
type rebuildParameter struct{}

func (rebuildParameter) Call(args ...any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("it makes a parameter of nothing")
	}
	return args[0], nil
}

// opaque stands for objects that are not needed, as the settings in a checkpoint; it takes whatever
// is done to them.
type opaque struct{}

func (o *opaque) Call(...any) (any, error)    { return &opaque{}, nil }
func (o *opaque) PyNew(...any) (any, error)   { return &opaque{}, nil }
func (o *opaque) PySetState(any) error        { return nil }
func (o *opaque) PyDictSet(any, any) error    { return nil }
func (o *opaque) PySetAttr(string, any) error { return nil }
func (o *opaque) Set(any, any)                {}
func (o *opaque) Append(any)                  {}
func (o *opaque) Add(any)                     {}

// entry is a tensor with its name.
type entry struct {
	name string
	*tensor
}

// collector finds the tensors below a value.
type collector struct {
	entries *[]entry
	visited int
}

// collect adds them to the entries. A value may be below itself, or below many others: how deep and how
// many are looked at is bounded.
func (c *collector) collect(name string, value any, depth int) error {
	const deepest, most = 32, 1 << 20
	if c.visited++; depth > deepest || c.visited > most {
		return fmt.Errorf("it nests its dictionaries deeper than %d, or has more than %d values", deepest, most)
	}
	below := func(key, value any) error {
		switch key.(type) {
		case string, int:
		default:
			return nil
		}
		k := fmt.Sprint(key)
		if name != "" {
			k = name + "." + k
		}
		return c.collect(k, value, depth+1)
	}
	switch v := value.(type) {
	case *tensor:
		*c.entries = append(*c.entries, entry{name, v})
	case *types.Dict:
		for _, e := range *v {
			if err := below(e.Key, e.Value); err != nil {
				return err
			}
		}
	case *types.OrderedDict:
		for e := v.List.Front(); e != nil; e = e.Next() {
			pair := e.Value.(*types.OrderedDictEntry)
			if err := below(pair.Key, pair.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func readTorch(path string) (map[string]Tensor, error) {
	entries, _, err := readPickle(path)
	var tensors map[string]Tensor
	if err == nil {
		tensors, err = decode(entries)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tensors, nil
}

// decode copies the floating-point numbers. Tensors may show the same storage; all together are to have no
// more values than twice the bytes that are stored.
func decode(entries []entry) (map[string]Tensor, error) {
	tensors, values, seen := map[string]Tensor{}, 0, map[*storage]bool{}
	most := 0
	for _, e := range entries {
		if e.storage.kind.value == nil {
			continue
		}
		if !seen[e.storage] {
			seen[e.storage] = true
			most += 2 * len(e.storage.data)
		}
		t, err := e.dense()
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", e.name, err)
		}
		if values += len(t.Data); values > most+1<<20 {
			return nil, fmt.Errorf("tensor %s: the tensors have many times the values that are stored", e.name)
		}
		tensors[e.name] = t
	}
	return tensors, nil
}

// dense copies a tensor of floating-point numbers, whose elements may lie in any order.
func (t *tensor) dense() (Tensor, error) {
	n := len(t.storage.data) / t.storage.kind.width
	size, last := 1, t.offset
	for i, d := range t.dims {
		if d < 0 || t.strides[i] < 0 || d > n || d > 1 && t.strides[i] > n || size > n/max(d, 1) {
			return Tensor{}, fmt.Errorf("its shape is %v in steps of %v, and %d values are stored", t.dims, t.strides, n)
		}
		size *= d
		last += (d - 1) * t.strides[i]
	}
	if size > 0 && (t.offset < 0 || last >= n) {
		return Tensor{}, fmt.Errorf("it has %d elements up to place %d, of %d that are stored", size, last, n)
	}
	dense := Tensor{Dims: t.dims, Data: make([]float32, size)}
	width, value, index := t.storage.kind.width, t.storage.kind.value, make([]int, len(t.dims))
	for i := range dense.Data {
		place := t.offset
		for axis, j := range index {
			place += j * t.strides[axis]
		}
		dense.Data[i] = value(t.storage.data[place*width:])
		for axis := len(index) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < t.dims[axis] {
				break
			}
			index[axis] = 0
		}
	}
	return dense, nil
}
