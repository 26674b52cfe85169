package build

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/backend"
	"alike/internal/onnx"
	"alike/internal/onnx/onnxtest"
)

func open(tb testing.TB, name string) compute.Backend {
	tb.Helper()
	b, err := backend.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Finalize)
	return b
}

// TestOperatorsAgreeWithTheInterpreter builds every operator for inputs that lie in every order, on both engines.
func TestOperatorsAgreeWithTheInterpreter(t *testing.T) {
	tried := map[string]bool{}
	for _, engine := range []string{"simd", "go"} {
		b := open(t, engine)
		for _, c := range onnxtest.Cases() {
			n := &onnx.Node{Name: "node", Op: c.Op, Attributes: c.Attributes, Outputs: []string{"y"}}
			want, err := onnx.Apply(n, c.In)
			if err != nil {
				t.Fatalf("%s: %v", c.Op, err)
			}
			for at := range min(2, len(c.In)) {
				a := c.In[at]
				if a == nil || a.Type != onnx.Float32 && a.Type != onnx.Bool || at == 1 && !slices.Contains(elementOperators, c.Op) || operators[c.Op] == nil {
					continue
				}
				tried[c.Op] = true
				for _, order := range [][]int{identity(len(a.Dims)), inReverse(len(a.Dims))} {
					got, err := run(b, n, c.In, at, order)
					if err != nil {
						t.Errorf("%s: %s of %v, %+v: %v", engine, c.Op, a.Dims, c.Attributes, err)
						continue
					}
					tolerance := 2e-5
					if want[0].Type == onnx.Float16 { // which is float32 here
						tolerance = 0x1p-11
					}
					near := func(x, y float64) bool { return math.Abs(x-y) <= tolerance*(1+math.Abs(y)) }
					if !slices.Equal(got.Dims, want[0].Dims) || !slices.EqualFunc(got.Data, want[0].Data, near) {
						t.Errorf("%s: %s of %v in the order %v, %+v: got %v %.4g, want %v %.4g", engine, c.Op, a.Dims, order, c.Attributes, got.Dims, got.Data[:min(9, len(got.Data))], want[0].Dims, want[0].Data[:min(9, len(want[0].Data))])
					}
				}
			}
		}
	}
	others := []string{"Upsample", "Gelu", "Mod", "Split"} // of which there are no cases, or of constants only
	for _, op := range Operators() {
		if !tried[op] && !slices.Contains(others, op) {
			t.Errorf("%s is not tried", op)
		}
	}
}

// elementOperators are tried with their second input as what is not known.
var elementOperators = []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "Greater", "Equal", "Where", "Concat", "MatMul", "Gemm", "Einsum", "Sum", "Pow"}

func inReverse(n int) []int {
	order := identity(n)
	slices.Reverse(order)
	return order
}

// run computes a node whose input at is not known, and lies in an order.
func run(b compute.Backend, n *onnx.Node, in []*onnx.Array, at int, order []int) (*onnx.Array, error) {
	unknown := in[at].Transpose(order)
	var typ onnx.ElemType
	exec, err := model.NewExec(b, model.NewStore(), func(scope *model.Scope, x *Node) *Node {
		bl := &builder{scope: scope, graph: x.Graph(), left: mostKnown}
		values := map[string]*Value{"": nil}
		node := *n
		for i, a := range in {
			name := ""
			if a != nil {
				name = fmt.Sprint("x", i)
				values[name] = bl.constant(a)
			}
			if i == at {
				if a.Type == onnx.Bool {
					x = NotEqual(x, ScalarZero(x.Graph(), dtypes.Float32))
				}
				values[name] = bl.made(a.Type, x, order)
			}
			node.Inputs = append(slices.Clip(node.Inputs), name)
		}
		out := bl.apply(&node, values)[0]
		typ = out.typ
		y := out.Plain()
		if y.DType() == dtypes.Bool {
			y = ConvertDType(y, dtypes.Float32)
		}
		return Add(y, MulScalar(ReduceAllSum(x2(x)), 0)) // so that the program always takes x
	})
	if err != nil {
		return nil, err
	}
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(unknown.Float32s(), unknown.Dims...))
	if err != nil {
		return nil, err
	}
	flat, err := tensors.CopyFlatData[float32](out[0])
	if err != nil {
		return nil, err
	}
	y := onnx.FromFloat32(flat, out[0].Shape().Dimensions...)
	y.Type = typ
	return y, nil
}

func x2(x *Node) *Node {
	if x.DType() == dtypes.Bool {
		return ConvertDType(x, dtypes.Float32)
	}
	return x
}

// pixels are the images that torch_networks.py makes, as [N, S, S, 3].
func pixels(n, side int) *tensors.Tensor {
	flat := make([]float32, n*side*side*3)
	for i := range flat { // of [N, 3, S, S]
		image, c, p := i/(3*side*side), i/(side*side)%3, i%(side*side)
		flat[(image*side*side+p)*3+c] = float32((i*7919+i/251*104729)%1009) / 1009
	}
	return tensors.FromFlatDataAndDimensions(flat, n, side, side, 3)
}

// compare runs a file that torch_networks.py wrote.
func compare(t *testing.T, b compute.Backend, dir, name string, side int) {
	t.Helper()
	m, err := onnx.Read(filepath.Join(dir, name+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(m, m.Graph.Outputs[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	exec, err := model.NewExec(b, model.NewStore(), func(scope *model.Scope, x *Node) *Node { return n.Build(scope, x, false).Plain() })
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(pixels(2, side))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := tensors.CopyFlatData[float32](out[0])
	raw, err := os.ReadFile(filepath.Join(dir, name+".f32"))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, len(raw)/4)
	if _, err := binary.Decode(raw, binary.LittleEndian, want); err != nil || len(want) != len(got) {
		t.Fatalf("%d values, want %d: %v", len(got), len(want), err)
	}
	var difference, length float64
	for i, w := range want {
		difference += math.Pow(float64(got[i])-float64(w), 2)
		length += math.Pow(float64(w), 2)
	}
	relative := math.Sqrt(difference / length)
	t.Logf("%s: the difference is %.2g of the length", name, relative)
	if !(relative < 1e-5) {
		t.Errorf("%s: the difference to PyTorch's is %g of the length", name, relative)
	}
}

// TestTinyNetworks are two small ones that PyTorch exported: testdata/torch_networks.py testdata tiny-cnn tiny-vit.
func TestTinyNetworks(t *testing.T) {
	for _, engine := range []string{"simd", "go"} {
		b := open(t, engine)
		for _, name := range []string{"tiny-cnn", "tiny-vit"} {
			t.Run(engine+"/"+name, func(t *testing.T) { compare(t, b, "testdata", name, 32) })
		}
	}
}

// TestTheInterpreterAgrees runs the small networks by the float64 interpreter.
func TestTheInterpreterAgrees(t *testing.T) {
	for _, name := range []string{"tiny-cnn", "tiny-vit"} {
		m, err := onnx.Read(filepath.Join("testdata", name+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := onnx.Load(m)
		if err != nil {
			t.Fatal(err)
		}
		in, _ := tensors.CopyFlatData[float32](pixels(2, 32))
		out, err := p.Run(onnx.FromFloat32(in, 2, 32, 32, 3).Transpose([]int{0, 3, 1, 2}))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join("testdata", name+".f32"))
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float32, len(raw)/4)
		if _, err := binary.Decode(raw, binary.LittleEndian, want); err != nil || len(want) != len(out[0].Data) {
			t.Fatalf("%s: %d values, want %d: %v", name, len(out[0].Data), len(want), err)
		}
		for i, w := range want {
			if d := out[0].Data[i] - float64(w); !(math.Abs(d) <= 1e-5*(1+math.Abs(float64(w)))) {
				t.Fatalf("%s: value %d is %g, want %g", name, i, out[0].Data[i], w)
			}
		}
	}
}

// networksVariable names the networks of torchvision that TestTorchvision compares.
const networksVariable = "ALIKE_TORCHVISION"

// TestTorchvision exports torchvision's networks with random weights and compares: four, or those that are asked for.
// All these have agreed: resnet18 mobilenet_v3_small efficientnet_b0 regnet_y_400mf densenet121 shufflenet_v2_x1_0
// googlenet convnext_tiny vit_b_16 swin_t; transformers.CLIPVision transformers.ViT transformers.Swin; and timm's
// vit_small_patch14_dinov2 vit_base_patch16_siglip_224 eva02_tiny_patch14_224 deit3_small_patch16_224 beit_base_patch16_224
// xcit_nano_12_p16_224 swinv2_cr_tiny_ns_224 levit_128s mixer_s32_224 coatnet_nano_rw_224 edgenext_xx_small fastvit_t8
// efficientvit_b0 mobileone_s0 convnextv2_atto nfnet_l0 hrnet_w18_small ghostnet_100 resnext50_32x4d seresnext50_32x4d.
// Of timm.resnetv2_50x1_bit PyTorch's own float32 is 1e-5 of the length from its float64, which is what is demanded here.
func TestTorchvision(t *testing.T) {
	if testing.Short() {
		t.Skip("exports and runs large networks")
	}
	python := ""
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import torchvision").Run() == nil {
			python = name
			break
		}
	}
	if python == "" {
		t.Skip("no python3 with torch and torchvision, which this test compares with")
	}
	b, dir := open(t, ""), t.TempDir()
	for _, name := range strings.Fields(cmp.Or(os.Getenv(networksVariable), "resnet18 mobilenet_v3_small shufflenet_v2_x1_0 convnext_tiny")) {
		t.Run(name, func(t *testing.T) {
			if out, err := exec.Command(python, "testdata/torch_networks.py", dir, name).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			compare(t, b, dir, name, 224)
			os.Remove(filepath.Join(dir, name+".onnx"))
		})
	}
}

// TestDocs holds docs/interop.md to the operators that there are.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "interop.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range Operators() {
		if !bytes.Contains(page, []byte("`"+op+"`")) {
			t.Errorf("docs/interop.md lacks %s", op)
		}
	}
}

func TestFaultsAreSentences(t *testing.T) {
	image := onnx.ValueInfo{Name: "x", Type: onnx.Float32, Dims: []onnx.Dim{{Name: "N"}, {Size: 3}, {Size: 8}, {Size: 8}}}
	text := onnx.ValueInfo{Name: "ids", Type: onnx.Int64, Dims: []onnx.Dim{{Name: "N"}, {Size: 7}}}
	node := func(op string, in ...string) onnx.Node {
		return onnx.Node{Name: "node", Op: op, Inputs: in, Outputs: []string{"y"}}
	}
	for _, tc := range []struct {
		name, output, want string
		inputs             []onnx.ValueInfo
		nodes              []onnx.Node
	}{
		{"an operator of a runtime", "y", "node node: the operator com.microsoft.FusedConv is not known; only the standard operators are", []onnx.ValueInfo{image}, []onnx.Node{node("com.microsoft.FusedConv", "x")}},
		{"control flow", "y", "control flow is not read", []onnx.ValueInfo{image}, []onnx.Node{node("If", "x")}},
		{"quantised", "y", "take the file in float32", []onnx.ValueInfo{image}, []onnx.Node{node("QuantizeLinear", "x")}},
		{"no such tensor", "z", `there is no tensor "z"; the outputs are y`, []onnx.ValueInfo{image}, []onnx.Node{node("Relu", "x")}},
		{"two inputs", "y", "depends on x, ids; want one that depends on images alone", []onnx.ValueInfo{image, text}, []onnx.Node{node("Add", "x", "ids")}},
		{"text", "y", "the input ids is [N 7]; want images", []onnx.ValueInfo{text}, []onnx.Node{node("Relu", "ids")}},
		{"made by nothing", "y", `it uses "v", which nothing before it makes`, []onnx.ValueInfo{image}, []onnx.Node{node("Add", "x", "v")}},
		{"shapes that do not fit", "y", "node node (MatMul): ", []onnx.ValueInfo{image}, []onnx.Node{{Name: "c", Op: "Constant", Outputs: []string{"c"}, Attributes: []onnx.Attribute{onnx.Ints("value_ints", 1, 2, 3)}}, node("MatMul", "x", "c")}},
		{"a missing input", "y", "node node (Clip): its inputs do not fit", []onnx.ValueInfo{image}, []onnx.Node{node("Clip")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := &onnx.Model{Opset: 18, Graph: onnx.Graph{Nodes: tc.nodes, Inputs: tc.inputs, Outputs: []onnx.ValueInfo{{Name: "y"}}}}
			if tc.name == "a missing input" {
				m.Graph.Nodes = append([]onnx.Node{{Name: "r", Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"r"}}}, onnx.Node{Name: "node", Op: "Clip", Inputs: []string{"", "r"}, Outputs: []string{"y"}})
			}
			err := try(open(t, "go"), m, tc.output)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// try builds a network for two images of 8 x 8 pixels.
func try(b compute.Backend, m *onnx.Model, output string) error {
	n, err := New(m, output)
	if err != nil {
		return err
	}
	return buildOnly(b, n)
}

func buildOnly(b compute.Backend, n *Network) (err error) {
	g := NewGraph(b, "fuzz")
	defer g.Finalize()
	defer func() {
		if p := recover(); p != nil {
			fault, ok := p.(error)
			if !ok {
				panic(p)
			}
			err = fault
		}
	}()
	n.Build(model.NewStore().RootScope(), Parameter(g, "x", shapes.Make(dtypes.Float32, 2, 8, 8, 3)), false).Plain()
	return nil
}

// tensorsOf are the names that New takes: those of the graph's outputs, then of all else that nodes make.
func tensorsOf(m *onnx.Model) []string {
	names := outputs(m)
	for i := range m.Graph.Nodes {
		for _, name := range m.Graph.Nodes[i].Outputs {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// FuzzBuild builds hostile files: an error or a graph, never a crash, and no more memory than a multiple of what the
// tensors may hold.
func FuzzBuild(f *testing.F) {
	for _, name := range []string{"tiny-cnn", "tiny-vit"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".onnx"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	engine := open(f, "go")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := onnx.Unmarshal(bytes.Clone(b))
		if err != nil {
			return
		}
		for _, name := range tensorsOf(m)[:min(3, len(tensorsOf(m)))] {
			if n, err := New(m, name); err == nil {
				buildOnly(engine, n)
			}
		}
	})
}

// TestConstantsThatAreCast joins constants of several types, which are computed beforehand, with images.
func TestConstantsThatAreCast(t *testing.T) {
	number := func(v float64, typ onnx.ElemType) *onnx.Array {
		return onnx.FromFloat32([]float32{float32(v)}, 1).As(typ)
	}
	mask := onnx.FromFloat32(make([]float32, 3*65*65), 1, 3, 65, 65).As(onnx.Bool) // too large for a constant of the program
	cast := func(in, out string, to onnx.ElemType) onnx.Node {
		return onnx.Node{Name: out, Op: "Cast", Inputs: []string{in}, Outputs: []string{out}, Attributes: []onnx.Attribute{onnx.Int("to", int(to))}}
	}
	for _, tc := range []struct {
		name  string
		nodes []onnx.Node
	}{
		{"a double and a shape", []onnx.Node{cast("double", "a", onnx.Float32), {Name: "s", Op: "Shape", Inputs: []string{"x"}, Outputs: []string{"s"}}, cast("s", "b", onnx.Float32),
			{Name: "m", Op: "Mul", Inputs: []string{"a", "b"}, Outputs: []string{"m"}}, {Name: "r", Op: "ReduceMax", Inputs: []string{"m"}, Outputs: []string{"r"}},
			{Name: "y", Op: "Add", Inputs: []string{"x", "r"}, Outputs: []string{"y"}}}},
		{"halves and floats", []onnx.Node{cast("half", "a", onnx.Float32), {Name: "c", Op: "Concat", Inputs: []string{"a", "float"}, Outputs: []string{"c"}, Attributes: []onnx.Attribute{onnx.Int("axis", 0)}},
			{Name: "r", Op: "ReduceMax", Inputs: []string{"c"}, Outputs: []string{"r"}}, {Name: "y", Op: "Add", Inputs: []string{"x", "r"}, Outputs: []string{"y"}}}},
		{"a large mask", []onnx.Node{{Name: "y", Op: "Where", Inputs: []string{"mask", "x", "float"}, Outputs: []string{"y"}}}},
	} {
		side := 65
		dims := []onnx.Dim{{Name: "N"}, {Size: 3}, {Size: side}, {Size: side}}
		m := &onnx.Model{Opset: 18, Graph: onnx.Graph{
			Nodes: tc.nodes, Inputs: []onnx.ValueInfo{{Name: "x", Type: onnx.Float32, Dims: dims}}, Outputs: []onnx.ValueInfo{{Name: "y", Type: onnx.Float32, Dims: dims}},
			Initializers: []onnx.Tensor{number(2, onnx.Float64).Tensor("double"), number(2, onnx.Float16).Tensor("half"), number(1, onnx.Float32).Tensor("float"), mask.Tensor("mask")},
		}}
		n, err := New(m, "y")
		if err != nil {
			t.Fatal(err)
		}
		b := open(t, "go")
		exec, err := model.NewExec(b, model.NewStore(), func(scope *model.Scope, x *Node) *Node { return n.Build(scope, x, false).Plain() })
		if err != nil {
			t.Fatal(err)
		}
		in := pixels(1, side)
		out, err := exec.Call(in)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		p, err := onnx.Load(m)
		if err != nil {
			t.Fatal(err)
		}
		flat, _ := tensors.CopyFlatData[float32](in)
		want, err := p.Run(onnx.FromFloat32(flat, 1, side, side, 3).Transpose([]int{0, 3, 1, 2}))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := tensors.CopyFlatData[float32](out[0])
		if !slices.Equal(got, want[0].Float32s()) {
			t.Errorf("%s: the values are not the interpreter's", tc.name)
		}
	}
}
