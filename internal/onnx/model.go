// Package onnx reads, writes and runs files of ONNX, the open format of neural networks
// (onnx.ai): as much of it as an image encoder needs. Run is a plain interpreter, written
// from the specification of the operators, that a file is checked with.
package onnx

import "fmt"

// Model is what a file holds.
type Model struct {
	IRVersion       int64
	Producer        string
	ProducerVersion string
	Opset           int64 // version of the standard operators
	Doc             string
	Metadata        map[string]string
	Graph           Graph
}

// Graph is a list of nodes, each after those whose outputs it uses.
type Graph struct {
	Name            string
	Nodes           []Node
	Inputs, Outputs []ValueInfo
	Initializers    []Tensor // values that are known: the weights
}

// Node is one operation. Names of tensors join nodes; an absent optional input is "".
type Node struct {
	Name, Op        string
	Inputs, Outputs []string
	Attributes      []Attribute
}

// Attribute is a constant of a node.
type Attribute struct {
	Name   string
	Type   AttributeType
	Int    int64
	Float  float32
	String string
	Ints   []int64
	Floats []float32
	Tensor *Tensor
}

// AttributeType says which field of an attribute is meant; the numbers are ONNX's.
type AttributeType int64

// The types of attributes that are read.
const (
	AttributeFloat  AttributeType = 1
	AttributeInt    AttributeType = 2
	AttributeString AttributeType = 3
	AttributeTensor AttributeType = 4
	AttributeFloats AttributeType = 6
	AttributeInts   AttributeType = 7
)

// Int is an attribute of one number.
func Int(name string, v int) Attribute {
	return Attribute{Name: name, Type: AttributeInt, Int: int64(v)}
}

// Float is an attribute of one number.
func Float(name string, v float32) Attribute {
	return Attribute{Name: name, Type: AttributeFloat, Float: v}
}

// String is an attribute of text.
func String(name, v string) Attribute {
	return Attribute{Name: name, Type: AttributeString, String: v}
}

// Ints is an attribute of several numbers.
func Ints(name string, v ...int) Attribute {
	a := Attribute{Name: name, Type: AttributeInts}
	for _, x := range v {
		a.Ints = append(a.Ints, int64(x))
	}
	return a
}

// Attribute returns the node's attribute of that name, or nil.
func (n *Node) Attribute(name string) *Attribute {
	for i := range n.Attributes {
		if n.Attributes[i].Name == name {
			return &n.Attributes[i]
		}
	}
	return nil
}

// IntOr is the value of an attribute, or what it is where it is absent.
func (n *Node) IntOr(name string, absent int) int {
	if a := n.Attribute(name); a != nil {
		return int(a.Int)
	}
	return absent
}

// FloatOr is the value of an attribute, or what it is where it is absent.
func (n *Node) FloatOr(name string, absent float32) float64 {
	if a := n.Attribute(name); a != nil {
		return float64(a.Float)
	}
	return float64(absent)
}

// StringOr is the value of an attribute, or what it is where it is absent.
func (n *Node) StringOr(name, absent string) string {
	if a := n.Attribute(name); a != nil {
		return a.String
	}
	return absent
}

// IntsOr is the value of an attribute, or count times absent.
func (n *Node) IntsOr(name string, count, absent int) []int {
	values := make([]int, count)
	if a := n.Attribute(name); a != nil {
		values = make([]int, len(a.Ints))
		for i, v := range a.Ints {
			values[i] = int(v)
		}
		return values
	}
	for i := range values {
		values[i] = absent
	}
	return values
}

// ValueInfo is an input or output of a graph.
type ValueInfo struct {
	Name string
	Type ElemType
	Dims []Dim
}

// Dim is the length of an axis: a number, or a name for one that is known at the call only.
type Dim struct {
	Size int
	Name string
}

func (d Dim) String() string {
	if d.Name != "" {
		return d.Name
	}
	return fmt.Sprint(d.Size)
}

// Tensor is a constant as a file holds it: its values in row-major order, little endian.
type Tensor struct {
	Name string
	Type ElemType
	Dims []int
	Raw  []byte
}

// ElemType is the type of the values of a tensor; the numbers are ONNX's.
type ElemType int32

// The types of values that are read.
const (
	Float32 ElemType = 1
	Uint8   ElemType = 2
	Int8    ElemType = 3
	Int32   ElemType = 6
	Int64   ElemType = 7
	Bool    ElemType = 9
	Float16 ElemType = 10
	Float64 ElemType = 11
)

var elemTypes = map[ElemType]struct {
	name  string
	bytes int
}{
	Float32: {"float32", 4}, Uint8: {"uint8", 1}, Int8: {"int8", 1}, Int32: {"int32", 4}, Int64: {"int64", 8},
	Bool: {"bool", 1}, Float16: {"float16", 2}, Float64: {"float64", 8},
}

// Bytes is the size of one value; 0 for a type that is not read.
func (t ElemType) Bytes() int { return elemTypes[t].bytes }

// IsFloat says whether values of the type are floating-point numbers.
func (t ElemType) IsFloat() bool { return t == Float32 || t == Float16 || t == Float64 }

func (t ElemType) String() string {
	if e, ok := elemTypes[t]; ok {
		return e.name
	}
	return fmt.Sprintf("type %d", int32(t))
}

// size is the number of elements of a shape, or an error if it is no shape or has too many.
func size(dims []int) (int, error) {
	const most = 1 << 40
	n := 1
	for _, d := range dims {
		if d < 0 {
			return 0, fmt.Errorf("%v is no shape", dims)
		}
		if n > most/max(d, 1) {
			return 0, fmt.Errorf("the shape %v has too many elements", dims)
		}
		n *= d
	}
	return n, nil
}
