package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"

	"google.golang.org/protobuf/encoding/protowire"
)

// Read reads a file.
func Read(path string) (*Model, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := Unmarshal(b)
	if err != nil {
		return nil, fmt.Errorf("%s: not a file of ONNX: %w", path, err)
	}
	return m, nil
}

// Unmarshal reads a model from the bytes of a file, whose memory its tensors share. What it
// does not know it skips, but for what would change the meaning: functions, sparse tensors, tensors in other files.
func Unmarshal(b []byte) (*Model, error) {
	m := &Model{Metadata: map[string]string{}}
	err := fields(b, func(f field) (err error) {
		switch f.number {
		case 1:
			m.IRVersion = f.int()
		case 2:
			m.Producer = f.text()
		case 3:
			m.ProducerVersion = f.text()
		case 6:
			m.Doc = f.text()
		case 7:
			err = m.Graph.unmarshal(f.bytes)
		case 8:
			err = m.unmarshalOpset(f.bytes)
		case 14:
			var key, value string
			err = fields(f.bytes, func(f field) error {
				switch f.number {
				case 1:
					key = f.text()
				case 2:
					value = f.text()
				}
				return nil
			})
			m.Metadata[key] = value
		case 25:
			return errors.New("it defines functions, which are not read")
		}
		return err
	})
	if err == nil && m.IRVersion == 0 {
		err = errors.New("it has no version of the format")
	}
	if err == nil && len(m.Graph.Outputs) == 0 {
		err = errors.New("its graph has no output")
	}
	if err == nil && m.Opset < 7 {
		err = fmt.Errorf("it has version %d of the operators, want 7 or later; onnx.version_converter converts it", m.Opset)
	}
	m.markOlder()
	return m, err
}

// Attributes of ours for operators that had another meaning in an older version.
const (
	oldSoftmax = "alike.before13" // of a Softmax, or its logarithm
	oldResize  = "alike.before11" // of a Resize, or an Upsample
)

// markOlder gives nodes those attributes, and an Upsample of before version 9 its scales as an input.
func (m *Model) markOlder() {
	for i := range m.Graph.Nodes {
		n := &m.Graph.Nodes[i]
		switch {
		case m.Opset < 13 && (n.Op == "Softmax" || n.Op == "LogSoftmax"):
			n.Attributes = append(n.Attributes, Int(oldSoftmax, 1))
		case m.Opset < 11 && (n.Op == "Resize" || n.Op == "Upsample"):
			n.Attributes = append(n.Attributes, Int(oldResize, 1))
			if a := n.Attribute("scales"); a != nil && len(n.Inputs) == 1 {
				scales := FromFloat32(a.Floats, len(a.Floats)).Tensor(fmt.Sprint("alike.scales.", i))
				m.Graph.Initializers = append(m.Graph.Initializers, scales)
				n.Inputs = append(n.Inputs, scales.Name)
			}
		}
	}
}

func (m *Model) unmarshalOpset(b []byte) error {
	var domain string
	var version int64
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			domain = f.text()
		case 2:
			version = f.int()
		}
		return nil
	})
	if domain == "" || domain == "ai.onnx" {
		m.Opset = version
	}
	return err
}

func (g *Graph) unmarshal(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			g.Nodes = append(g.Nodes, Node{})
			return g.Nodes[len(g.Nodes)-1].unmarshal(f.bytes)
		case 2:
			g.Name = f.text()
		case 5:
			g.Initializers = append(g.Initializers, Tensor{})
			return g.Initializers[len(g.Initializers)-1].unmarshal(f.bytes)
		case 11:
			g.Inputs = append(g.Inputs, ValueInfo{})
			return g.Inputs[len(g.Inputs)-1].unmarshal(f.bytes)
		case 12:
			g.Outputs = append(g.Outputs, ValueInfo{})
			return g.Outputs[len(g.Outputs)-1].unmarshal(f.bytes)
		case 15:
			return errors.New("it has sparse tensors, which are not read")
		}
		return nil
	})
}

func (n *Node) unmarshal(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			n.Inputs = append(n.Inputs, f.text())
		case 2:
			n.Outputs = append(n.Outputs, f.text())
		case 3:
			n.Name = f.text()
		case 4:
			n.Op = f.text()
		case 5:
			n.Attributes = append(n.Attributes, Attribute{})
			return n.Attributes[len(n.Attributes)-1].unmarshal(f.bytes)
		case 7:
			if d := f.text(); d != "" && d != "ai.onnx" {
				n.Op = d + "." + n.Op
			}
		}
		return nil
	})
}

func (a *Attribute) unmarshal(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			a.Name = f.text()
		case 2:
			a.Float = f.float()
		case 3:
			a.Int = f.int()
		case 4:
			a.String = f.text()
		case 5:
			a.Tensor = &Tensor{}
			return a.Tensor.unmarshal(f.bytes)
		case 7:
			return f.floats(func(v float32) { a.Floats = append(a.Floats, v) })
		case 8:
			return f.ints(func(v int64) { a.Ints = append(a.Ints, v) })
		case 20:
			a.Type = AttributeType(f.int())
		}
		return nil
	})
}

func (t *Tensor) unmarshal(b []byte) error {
	var typed []byte // values that are not in raw_data
	err := fields(b, func(f field) error {
		order := binary.LittleEndian
		switch f.number {
		case 1:
			return f.ints(func(v int64) { t.Dims = append(t.Dims, int(v)) })
		case 2:
			t.Type = ElemType(f.int())
		case 4: // floats
			return f.floats(func(v float32) { typed = order.AppendUint32(typed, math.Float32bits(v)) })
		case 5: // integers of up to 32 bits, and the bits of float16: the type comes before them
			return f.ints(func(v int64) { typed = append(typed, order.AppendUint32(nil, uint32(v))[:min(4, t.Type.Bytes())]...) })
		case 7:
			return f.ints(func(v int64) { typed = order.AppendUint64(typed, uint64(v)) })
		case 8:
			t.Name = f.text()
		case 9:
			t.Raw = f.bytes
		case 14:
			if f.int() != 0 {
				return errors.New("its weights are in another file, which is not read")
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if t.Raw == nil {
		t.Raw = typed
	}
	n, err := size(t.Dims)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", t.Name, err)
	}
	if w := t.Type.Bytes(); w > 0 && len(t.Raw) != n*w {
		return fmt.Errorf("tensor %s holds %d bytes, want %d for %v of %s", t.Name, len(t.Raw), n*w, t.Dims, t.Type)
	}
	return nil
}

func (v *ValueInfo) unmarshal(b []byte) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			v.Name = f.text()
		case 2:
			return fields(f.bytes, func(f field) error {
				if f.number != 1 {
					return errors.New("it has inputs or outputs that are no tensors")
				}
				return fields(f.bytes, v.unmarshalTensorType)
			})
		}
		return nil
	})
}

func (v *ValueInfo) unmarshalTensorType(f field) error {
	switch f.number {
	case 1:
		v.Type = ElemType(f.int())
	case 2:
		return fields(f.bytes, func(f field) error {
			if f.number != 1 {
				return nil
			}
			var d Dim
			err := fields(f.bytes, func(f field) error {
				switch f.number {
				case 1:
					d.Size = int(f.int())
				case 2:
					d.Name = f.text()
				}
				return nil
			})
			v.Dims = append(v.Dims, d)
			return err
		})
	}
	return nil
}

// field is one field of a protocol buffer.
type field struct {
	number protowire.Number
	kind   protowire.Type
	value  uint64 // where it is a number
	bytes  []byte // where it has a length
}

// fields calls f for each field of a message.
func fields(b []byte, f func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		x := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			x.value, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			x.value = uint64(v)
		case protowire.Fixed64Type:
			x.value, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			x.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

func (f field) int() int64     { return int64(f.value) }
func (f field) float() float32 { return math.Float32frombits(uint32(f.value)) }
func (f field) text() string   { return string(f.bytes) }

// ints calls add for the numbers of a repeated field, packed or not.
func (f field) ints(add func(int64)) error {
	if f.kind != protowire.BytesType {
		add(f.int())
		return nil
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		add(int64(v))
		b = b[n:]
	}
	return nil
}

func (f field) floats(add func(float32)) error {
	if f.kind != protowire.BytesType {
		add(f.float())
		return nil
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeFixed32(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		add(math.Float32frombits(v))
		b = b[n:]
	}
	return nil
}
