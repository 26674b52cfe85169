package onnx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small is a model with everything that is written.
func small() *Model {
	return &Model{
		IRVersion: 8, Producer: "alike", ProducerVersion: "1", Opset: 18, Doc: "doc", Metadata: map[string]string{"a": "1", "b": ""},
		Graph: Graph{
			Name: "g",
			Nodes: []Node{
				{Name: "n", Op: "Conv", Inputs: []string{"x", "w", ""}, Outputs: []string{"y"}, Attributes: []Attribute{
					Int("i", -3), Float("f", 0.5), String("s", ""), Ints("pads", 0, 1, 1<<40),
					{Name: "fs", Type: AttributeFloats, Floats: []float32{1, -2}},
					{Name: "t", Type: AttributeTensor, Tensor: &Tensor{Name: "k", Type: Bool, Dims: []int{2}, Raw: []byte{1, 0}}},
				}},
			},
			Inputs:  []ValueInfo{{Name: "x", Type: Uint8, Dims: []Dim{{Name: "N"}, {Size: 3}}}},
			Outputs: []ValueInfo{{Name: "y", Type: Float16, Dims: []Dim{{Name: "N"}}}},
			Initializers: []Tensor{
				IntVector(3, -4).Tensor("v"), FromFloat32([]float32{1, 2, 3, 4, 5, 6}, 2, 3).Tensor("w"), Scalar(Float16, 0.1).Tensor("half"),
			},
		},
	}
}

func TestFilesAreReadAsTheyWereWritten(t *testing.T) {
	b, err := small().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(small(), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestTensorsOfOtherFields reads values where other programs put them.
func TestTensorsOfOtherFields(t *testing.T) {
	tensor := func(kind ElemType, dims int64, write func(b *message)) Tensor {
		var b message
		b.int(1, dims)
		b.int(2, int64(kind))
		write(&b)
		var x Tensor
		if err := x.unmarshal(b); err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, tc := range []struct {
		name string
		got  Tensor
		want []float64
	}{
		{"float_data", tensor(Float32, 2, func(b *message) { b.float(4, 1.5); b.float(4, -2) }), []float64{1.5, -2}},
		{"packed float_data", tensor(Float32, 1, func(b *message) { b.bytes(4, "\x00\x00\x80\x3f") }), []float64{1}},
		{"int64_data", tensor(Int64, 2, func(b *message) { b.int(7, -1); b.int(7, 5) }), []float64{-1, 5}},
		{"packed int64_data", tensor(Int64, 2, func(b *message) { b.bytes(7, "\x05\x07") }), []float64{5, 7}},
		{"int32_data of int32", tensor(Int32, 1, func(b *message) { b.int(5, -7) }), []float64{-7}},
		{"int32_data of float16", tensor(Float16, 1, func(b *message) { b.int(5, 0xc000) }), []float64{-2}},
		{"int32_data of bool", tensor(Bool, 2, func(b *message) { b.int(5, 1); b.int(5, 0) }), []float64{1, 0}},
	} {
		a, err := tc.got.Array()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, a.Data); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
}

func TestFaultsAreSentences(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.onnx")
	if err := os.WriteFile(path, []byte("PK\x03\x04 something else"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path+": not a file of ONNX") {
		t.Errorf("garbage: %v", err)
	}
	for _, tc := range []struct {
		name, want string
		change     func(g *Graph)
	}{
		{"a tensor of another length", "holds 5 bytes, want 24", func(g *Graph) { g.Initializers[1].Raw = make([]byte, 5) }},
		{"a shape that overflows", "too many elements", func(g *Graph) { g.Initializers[1].Dims = []int{1 << 32, 1 << 32, 1 << 32} }},
		{"a negative shape", "is no shape", func(g *Graph) { g.Initializers[1].Dims = []int{-1} }},
		{"no output", "has no output", func(g *Graph) { g.Outputs = nil }},
		{"an operator that is not known", "the operator LSTM is not known; have Abs", func(g *Graph) { g.Nodes[0].Op = "LSTM" }},
		{"a tensor from nowhere", `uses "u", which nothing before it makes`, func(g *Graph) { g.Nodes[0].Inputs[0] = "u" }},
		{"a tensor made twice", `"w" is made twice`, func(g *Graph) { g.Nodes[0].Outputs[0] = "w" }},
		{"an output that is not made", `the output "z" is made by nothing`, func(g *Graph) { g.Outputs[0].Name = "z" }},
	} {
		m := small()
		tc.change(&m.Graph)
		b, err := m.Marshal()
		if err == nil {
			if m, err = Unmarshal(b); err == nil {
				_, err = Load(m)
			}
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.want)
		}
	}
}

func TestRunChecksWhatTheFileStates(t *testing.T) {
	add := &Model{IRVersion: 8, Opset: 18, Graph: Graph{
		Nodes:   []Node{{Name: "sum", Op: "Add", Inputs: []string{"x", "y"}, Outputs: []string{"z"}}},
		Inputs:  []ValueInfo{{Name: "x", Type: Float32, Dims: []Dim{{Name: "N"}, {Size: 2}}}, {Name: "y", Type: Float32, Dims: []Dim{{Name: "N"}, {Size: 2}}}},
		Outputs: []ValueInfo{{Name: "z", Type: Float32, Dims: []Dim{{Name: "N"}, {Size: 2}}}},
	}}
	p, err := Load(add)
	if err != nil {
		t.Fatal(err)
	}
	x := FromFloat32([]float32{1, 2, 3, 4}, 2, 2)
	out, err := p.Run(x, x)
	if err != nil || cmp.Diff([]float64{2, 4, 6, 8}, out[0].Data) != "" {
		t.Errorf("%v, %v", out, err)
	}
	for _, tc := range []struct {
		in   []*Array
		want string
	}{
		{[]*Array{x}, "1 inputs, want 2"},
		{[]*Array{x, x.As(Float64)}, "y is float64 [2 2], want float32 [N 2]"},
		{[]*Array{x, FromFloat32([]float32{1, 2}, 1, 2)}, "y is float32 [1 2], want float32 [N 2]"},
	} {
		if _, err := p.Run(tc.in...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want one with %q", err, tc.want)
		}
	}
}

// FuzzRead reads hostile files: an error or a model, never a crash.
func FuzzRead(f *testing.F) {
	b, err := small().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("\x08\x08"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Unmarshal(b); err == nil {
			Load(m)
			m.Marshal()
		}
	})
}

// TestTheEndOfAll reads the largest int64, which exporters write for it, as a place behind all others.
func TestTheEndOfAll(t *testing.T) {
	end := Tensor{Type: Int64, Dims: []int{1}, Raw: []byte{255, 255, 255, 255, 255, 255, 255, 127}}
	a, err := end.Array()
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Ints()[0]; got != 1<<53 {
		t.Errorf("it is read as %d", got)
	}
	out, err := Apply(&Node{Op: "Slice"}, []*Array{IntVector(1, 2, 3), IntVector(1), a})
	if err != nil || len(out[0].Data) != 2 {
		t.Errorf("from 1 on: %v, %v", out, err)
	}
}

func TestOlderVersionsOfResize(t *testing.T) {
	for _, tc := range []struct {
		name  string
		opset int64
		node  Node
		want  []float64
	}{
		{"version 11", 11, Node{Op: "Resize", Inputs: []string{"x", "", "scales"}}, []float64{0, 0.25, 0.75, 1}},
		{"version 10", 10, Node{Op: "Resize", Inputs: []string{"x", "scales"}}, []float64{0, 0.5, 1, 1}},
		{"version 9", 9, Node{Op: "Upsample", Inputs: []string{"x", "scales"}}, []float64{0, 0.5, 1, 1}},
		{"version 7", 7, Node{Op: "Upsample", Inputs: []string{"x"}, Attributes: []Attribute{{Name: "scales", Type: AttributeFloats, Floats: []float32{1, 2}}}}, []float64{0, 0.5, 1, 1}},
	} {
		tc.node.Outputs, tc.node.Attributes = []string{"y"}, append(tc.node.Attributes, String("mode", "linear"))
		dims := func(n int) []Dim { return []Dim{{Size: 1}, {Size: n}} }
		m := &Model{IRVersion: 8, Opset: tc.opset, Graph: Graph{
			Nodes:   []Node{tc.node},
			Inputs:  []ValueInfo{{Name: "x", Type: Float32, Dims: dims(2)}},
			Outputs: []ValueInfo{{Name: "y", Type: Float32, Dims: dims(4)}},
		}}
		if len(tc.node.Inputs) > 1 {
			m.Graph.Initializers = []Tensor{FromFloat32([]float32{1, 2}, 2).Tensor("scales")}
		}
		b, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if m, err = Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		p, err := Load(m)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Run(FromFloat32([]float32{0, 1}, 1, 2))
		if err != nil || cmp.Diff(tc.want, out[0].Data) != "" {
			t.Errorf("%s: %v, %v, want %v", tc.name, out, err, tc.want)
		}
	}
}
