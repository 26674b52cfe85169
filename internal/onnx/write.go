package onnx

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// mostBytes is what a protocol buffer can hold.
const mostBytes = math.MaxInt32

// Marshal returns the model as the bytes of a file.
func (m *Model) Marshal() ([]byte, error) {
	total := 0
	for _, t := range m.Graph.Initializers {
		if total += len(t.Raw); total > mostBytes {
			return nil, fmt.Errorf("the weights take more than 2 GiB, which one ONNX file cannot hold")
		}
	}
	b := make(message, 0, total+total/64+1<<16)
	b.int(1, m.IRVersion)
	b.text(2, m.Producer)
	b.text(3, m.ProducerVersion)
	b.text(6, m.Doc)
	b.message(7, m.Graph.marshal)
	b.message(8, func(b *message) { b.int(2, m.Opset) })
	for _, key := range slices.Sorted(maps.Keys(m.Metadata)) {
		b.message(14, func(b *message) {
			b.text(1, key)
			b.text(2, m.Metadata[key])
		})
	}
	if len(b) > mostBytes {
		return nil, fmt.Errorf("the file takes more than 2 GiB, which ONNX does not allow")
	}
	return b, nil
}

func (g *Graph) marshal(b *message) {
	for _, n := range g.Nodes {
		b.message(1, n.marshal)
	}
	b.text(2, g.Name)
	for _, t := range g.Initializers {
		b.message(5, t.marshal)
	}
	for _, v := range g.Inputs {
		b.message(11, v.marshal)
	}
	for _, v := range g.Outputs {
		b.message(12, v.marshal)
	}
}

func (n *Node) marshal(b *message) {
	for _, name := range n.Inputs {
		b.bytes(1, name)
	}
	for _, name := range n.Outputs {
		b.bytes(2, name)
	}
	b.text(3, n.Name)
	b.text(4, n.Op)
	for _, a := range n.Attributes {
		b.message(5, a.marshal)
	}
}

func (a *Attribute) marshal(b *message) {
	b.text(1, a.Name)
	switch a.Type {
	case AttributeFloat:
		b.float(2, a.Float)
	case AttributeInt:
		b.int(3, a.Int)
	case AttributeString:
		b.bytes(4, a.String)
	case AttributeTensor:
		b.message(5, a.Tensor.marshal)
	case AttributeFloats:
		for _, v := range a.Floats {
			b.float(7, v)
		}
	case AttributeInts:
		for _, v := range a.Ints {
			b.int(8, v)
		}
	}
	b.int(20, int64(a.Type))
}

func (t *Tensor) marshal(b *message) {
	for _, d := range t.Dims {
		b.int(1, int64(d))
	}
	b.int(2, int64(t.Type))
	b.text(8, t.Name)
	b.bytes(9, string(t.Raw))
}

func (v *ValueInfo) marshal(b *message) {
	b.text(1, v.Name)
	b.message(2, func(b *message) { // a type
		b.message(1, func(b *message) { // of a tensor
			b.int(1, int64(v.Type))
			b.message(2, func(b *message) {
				for _, d := range v.Dims {
					b.message(1, d.marshal)
				}
			})
		})
	})
}

func (d *Dim) marshal(b *message) {
	if d.Name != "" {
		b.bytes(2, d.Name)
		return
	}
	b.int(1, int64(d.Size))
}

// message is a protocol buffer that is being written. The numbers of fields are those of
// onnx.proto.
type message []byte

func (b *message) int(field protowire.Number, v int64) {
	*b = protowire.AppendTag(*b, field, protowire.VarintType)
	*b = protowire.AppendVarint(*b, uint64(v))
}

func (b *message) float(field protowire.Number, v float32) {
	*b = protowire.AppendTag(*b, field, protowire.Fixed32Type)
	*b = protowire.AppendFixed32(*b, math.Float32bits(v))
}

func (b *message) bytes(field protowire.Number, v string) {
	*b = protowire.AppendTag(*b, field, protowire.BytesType)
	*b = protowire.AppendString(*b, v)
}

// text leaves an empty text out.
func (b *message) text(field protowire.Number, v string) {
	if v != "" {
		b.bytes(field, v)
	}
}

// message appends what write makes. Its length stands before it and has as many bytes as it
// needs, so what is written is moved once the length is known.
func (b *message) message(field protowire.Number, write func(*message)) {
	*b = protowire.AppendTag(*b, field, protowire.BytesType)
	start := len(*b)
	write(b)
	length := len(*b) - start
	prefix := protowire.AppendVarint(nil, uint64(length))
	*b = slices.Insert(*b, start, prefix...)
}
