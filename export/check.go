package export

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strings"

	"alike/augment"
	"alike/dataset"
	"alike/internal/onnx"
	"alike/train"
)

// Agreement says how near the embeddings that a runtime computes from a file are to the run's own.
type Agreement struct {
	Runtime       string  `json:"runtime"`
	Images        int     `json:"images"`
	MaxDifference float64 `json:"max_difference"`      // of two values
	Relative      float64 `json:"relative_difference"` // the length of the difference over that of the embeddings, all together
	Neighbours    float64 `json:"neighbour_agreement"` // share of images whose nearest neighbour by the cosine is the same
}

// tolerance is the relative difference that rounding explains: of float32 in another order, of weights and
// activations in float16, of pixels in bytes.
func (o Options) tolerance() float64 {
	if o.Half || o.Uint8 && !o.Preprocess {
		return 0.02
	}
	return 1e-4
}

// Check runs a file of ONNX that Write wrote on the images of data by alike's own interpreter, and by Python's
// onnxruntime if python names a Python that has one, and compares the embeddings with the model's. An
// Agreement that rounding does not explain is an error, with all of them beside it.
func Check(ctx context.Context, path string, m *train.Model, data dataset.Dataset, o Options, python string, progress func(done int)) ([]Agreement, error) {
	file, err := onnx.Read(path)
	if err != nil {
		return nil, err
	}
	program, err := onnx.Load(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	want, err := m.Embed(ctx, data, o.Layer, nil)
	if err != nil {
		return nil, err
	}
	dim := m.Dim(o.Layer)
	if o.Normalize {
		for i := range data.Len() {
			scale(want[i*dim:][:dim])
		}
	}
	var got []float32
	for i := range data.Len() {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		in, err := o.input(data, i, m.Size())
		if err != nil {
			return nil, err
		}
		out, err := program.Run(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		got = append(got, out[0].Float32s()...)
		if progress != nil {
			progress(i + 1)
		}
	}
	all := []Agreement{compare("alike's interpreter", got, want, dim)}
	if python != "" {
		version, got, err := runOnnxruntime(ctx, python, path, data, m.Size(), o)
		if err != nil {
			return all, err
		}
		all = append(all, compare("onnxruntime "+version, got, want, dim))
	}
	for _, a := range all {
		if !(a.Relative <= o.tolerance()) {
			return all, fmt.Errorf("%s: by %s the embeddings differ by %.2g of their length, and rounding explains %.2g: the file is wrong", path, a.Runtime, a.Relative, o.tolerance())
		}
	}
	return all, nil
}

// input is image i as the file takes it, a batch of one.
func (o Options) input(data dataset.Dataset, i, size int) (*onnx.Array, error) {
	if f, i := dataset.FeaturesOf(data, i); f != nil {
		return onnx.FromFloat32(f.Vector(i, 0), 1, f.Dim()), nil
	}
	img, err := data.Image(i)
	if err != nil {
		return nil, fmt.Errorf("%s: image %s: %w", data.Name(), data.ID(i), err)
	}
	height, width := img.Height, img.Width
	var pixels []float64 // 0 to 255
	if o.Preprocess {
		for _, v := range img.Pix[:3*height*width] {
			pixels = append(pixels, float64(v))
		}
	} else {
		view := make([]float32, 3*size*size)
		augment.Evaluate(view, img, size)
		height, width = size, size
		for _, v := range view {
			pixels = append(pixels, 255*float64(v))
		}
	}
	in := &onnx.Array{Type: onnx.Uint8, Dims: []int{1, height, width, 3}, Data: pixels}
	if o.Uint8 {
		for p, v := range pixels {
			pixels[p] = math.Round(v)
		}
		return in, nil
	}
	for p, v := range pixels {
		pixels[p] = v / 255
	}
	in.Type = onnx.Float32
	return in.As(onnx.Float32).Transpose([]int{0, 3, 1, 2}), nil
}

// scale makes x of length 1, as the network's nn.Unit does.
func scale(x []float32) {
	length := 0.0
	for _, v := range x {
		length += float64(v) * float64(v)
	}
	length = math.Sqrt(max(length, 1e-24))
	for i := range x {
		x[i] = float32(float64(x[i]) / length)
	}
}

func compare(runtime string, got, want []float32, dim int) Agreement {
	a := Agreement{Runtime: runtime, Images: len(want) / dim, Relative: math.Inf(1)}
	if len(got) != len(want) {
		return a
	}
	var difference, length float64
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if !(d <= a.MaxDifference) { // NaN too
			a.MaxDifference = d
		}
		difference += d * d
		length += float64(w) * float64(w)
	}
	a.Relative = math.Sqrt(difference / max(length, math.SmallestNonzeroFloat64))
	x, y := nearest(got, dim), nearest(want, dim)
	for i := range x {
		if x[i] == y[i] {
			a.Neighbours += 1 / float64(len(x))
		}
	}
	return a
}

// nearest is for each row the other that has the largest cosine with it.
func nearest(x []float32, dim int) []int {
	rows := append([]float32{}, x...)
	n := len(x) / dim
	for i := range n {
		scale(rows[i*dim:][:dim])
	}
	found := make([]int, n)
	for i := range n {
		most := math.Inf(-1)
		for j := range n {
			if i == j {
				continue
			}
			cosine := 0.0
			for k, v := range rows[i*dim:][:dim] {
				cosine += float64(v) * float64(rows[j*dim+k])
			}
			if cosine > most {
				found[i], most = j, cosine
			}
		}
	}
	return found
}

//go:embed onnxruntime.py
var script string

// HasOnnxruntime says whether a Python is there and has onnxruntime.
func HasOnnxruntime(python string) bool {
	return exec.Command(python, "-c", "import numpy, onnxruntime").Run() == nil
}

// runOnnxruntime embeds the images by Python. They go to it one by one: the lengths of the axes, then the values.
func runOnnxruntime(ctx context.Context, python, path string, data dataset.Dataset, size int, o Options) (version string, embeddings []float32, err error) {
	command := exec.CommandContext(ctx, python, "-c", script, path)
	var faults strings.Builder
	command.Stderr = &faults
	in, err := command.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	sent := make(chan error, 1)
	go func() {
		sent <- errors.Join(o.send(in, data, size), in.Close())
	}()
	out, err := command.Output()
	if fault := <-sent; err == nil {
		err = fault
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(faults.String()), "\n")
		return "", nil, fmt.Errorf("%s with onnxruntime: %w: %s", python, err, lines[len(lines)-1])
	}
	line, values, _ := strings.Cut(string(out), "\n")
	embeddings = make([]float32, len(values)/4)
	_, err = binary.Decode([]byte(values), binary.LittleEndian, embeddings)
	return line, embeddings, err
}

func (o Options) send(w io.Writer, data dataset.Dataset, size int) error {
	for i := range data.Len() {
		a, err := o.input(data, i, size)
		if err != nil {
			return err
		}
		var b []byte
		for _, d := range a.Dims {
			b = binary.LittleEndian.AppendUint32(b, uint32(d))
		}
		if _, err := w.Write(append(b, a.Tensor("").Raw...)); err != nil {
			return err
		}
	}
	return nil
}
