package onnx_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"alike/internal/onnx"
	"alike/internal/onnx/onnxtest"
)

// model computes one node of constants.
func model(c onnxtest.Case, out *onnx.Array) *onnx.Model {
	n := onnx.Node{Name: "node", Op: c.Op, Outputs: []string{"y"}, Attributes: c.Attributes}
	m := &onnx.Model{IRVersion: 8, Opset: 18}
	for i, a := range c.In {
		if a == nil {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		n.Inputs = append(n.Inputs, fmt.Sprint("x", i))
		m.Graph.Initializers = append(m.Graph.Initializers, a.Tensor(n.Inputs[i]))
	}
	info := onnx.ValueInfo{Name: "y", Type: out.Type}
	for _, d := range out.Dims {
		info.Dims = append(info.Dims, onnx.Dim{Size: d})
	}
	m.Graph.Name, m.Graph.Nodes, m.Graph.Outputs = "g", []onnx.Node{n}, []onnx.ValueInfo{info}
	return m
}

// TestOperatorsAgreeWithOnnxruntime runs every operator there too.
func TestOperatorsAgreeWithOnnxruntime(t *testing.T) {
	dir := t.TempDir()
	all, want := onnxtest.Cases(), []*onnx.Array{}
	tried := map[string]bool{}
	for i, c := range all {
		tried[c.Op] = true
		out, err := onnx.Apply(&onnx.Node{Op: c.Op, Attributes: c.Attributes}, c.In)
		if err != nil {
			t.Fatalf("%s: %v", c.Op, err)
		}
		want = append(want, out[0])
		b, err := model(c, out[0]).Marshal()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".onnx")), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, op := range onnx.Operators() {
		if !tried[op] && op != "Upsample" && op != "Gelu" { // which Resize took the place of, and which version 20 adds
			t.Errorf("%s is not tried", op)
		}
	}
	if exec.Command("python3", "-c", "import numpy, onnxruntime").Run() != nil {
		t.Skip("no python3 with onnxruntime, which this test compares with")
	}
	if out, err := exec.Command("python3", "testdata/operators.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, w := range want {
		raw, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i, ".out")))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float64, len(raw)/8)
		if _, err := binary.Decode(raw, binary.LittleEndian, got); err != nil {
			t.Fatal(err)
		}
		near := func(x, y float64) bool { return math.Abs(x-y) <= 1e-5*(1+math.Abs(y)) }
		if !slices.EqualFunc(got, w.Data, near) {
			t.Errorf("%s of %v, %+v: got %.4g, onnxruntime has %.4g", all[i].Op, w.Dims, all[i].Attributes, w.Data[:min(9, len(w.Data))], got[:min(9, len(got))])
		}
	}
}

// TestBatchNormInTrainingTakesItsOwnStatistics: the same as with those of its input given.
func TestBatchNormInTrainingTakesItsOwnStatistics(t *testing.T) {
	x := onnx.NewArray(onnx.Float32, 2, 3, 4, 5)
	for i := range x.Data {
		x.Data[i] = float64(i*i%37) / 7
	}
	perChannel := func(values ...float64) *onnx.Array {
		return &onnx.Array{Type: onnx.Float32, Dims: []int{3}, Data: values}
	}
	mean, variance := perChannel(0, 0, 0), perChannel(0, 0, 0)
	for c := range 3 {
		var list []float64
		for n := range 2 {
			list = append(list, x.Data[(n*3+c)*20:][:20]...)
		}
		for _, v := range list {
			mean.Data[c] += v / 40
		}
		for _, v := range list {
			variance.Data[c] += math.Pow(v-mean.Data[c], 2) / 40
		}
	}
	scale, shift, none := perChannel(1, 2, -1), perChannel(0, 0.5, 3), perChannel(0, 0, 0)
	training, err := onnx.Apply(&onnx.Node{Op: "BatchNormalization", Attributes: []onnx.Attribute{onnx.Int("training_mode", 1)}}, []*onnx.Array{x, scale, shift, none, none})
	if err != nil {
		t.Fatal(err)
	}
	given, err := onnx.Apply(&onnx.Node{Op: "BatchNormalization"}, []*onnx.Array{x, scale, shift, mean, variance})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range given[0].Data {
		if got := training[0].Data[i]; math.Abs(got-want) > 1e-12*(1+math.Abs(want)) {
			t.Fatalf("value %d is %g, want %g", i, got, want)
		}
	}
}

// TestSoftmaxOfOldVersionsIsOverAllAxesFromOne: before version 13 its axis was where what is summed begins.
func TestSoftmaxOfOldVersionsIsOverAllAxesFromOne(t *testing.T) {
	x := onnx.NewArray(onnx.Float32, 2, 3, 4)
	for i := range x.Data {
		x.Data[i] = float64(i%5) / 3
	}
	for _, op := range []string{"Softmax", "LogSoftmax"} {
		m := model(onnxtest.Case{Op: op, In: []*onnx.Array{x}}, x)
		m.Opset = 11
		b, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if m, err = onnx.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		p, err := onnx.Load(m)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Run()
		if err != nil {
			t.Fatal(err)
		}
		for row := range 2 {
			sum := 0.0
			for _, y := range out[0].Data[row*12:][:12] {
				if op == "LogSoftmax" {
					y = math.Exp(y)
				}
				sum += y
			}
			if math.Abs(sum-1) > 1e-6 {
				t.Errorf("%s: row %d sums to %g, want 1", op, row, sum)
			}
		}
	}
}
