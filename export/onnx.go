package export

import (
	"alike/augment"
	"alike/internal/onnx"
	"alike/internal/onnx/trace"
	"alike/train"
)

// network is the model as a graph of ONNX.
func network(m *train.Model, o Options) (*onnx.Model, error) {
	t := trace.Options{Uint8: o.Uint8, Half: o.Half}
	if o.Preprocess {
		t.Prepare = func(g *trace.Graph, images string) string { return prepare(g, images, m.Size()) }
	}
	return m.ONNX(o.Layer, o.Normalize, t)
}

// prepare makes of images [N, 3, H, W] what augment.Evaluate makes: those of the network's size stay,
// others are resized until their shorter side has EvaluationSide pixels, and their middle is cut out.
func prepare(g *trace.Graph, images string, size int) string {
	number := func(name string, v int) string { return g.Constant(name, onnx.Scalar(onnx.Int64, float64(v))) }
	vector := func(name string, v ...int) string { return g.Constant(name, onnx.IntVector(v...)) }
	sides := g.Node("Shape", []string{images}, onnx.Int("start", 2), onnx.Int("end", 4)) // H, W
	shorter := g.Node("ReduceMin", []string{sides}, onnx.Int("keepdims", 0))
	want, target := number("size", size), number("evaluation_side", augment.EvaluationSide(size))
	if augment.EvaluationSide(size) != size {
		longer := g.Node("ReduceMax", []string{sides}, onnx.Int("keepdims", 0))
		fits := g.Node("And", []string{g.Node("Equal", []string{shorter, want}), g.Node("Equal", []string{longer, want})})
		target = g.Node("Where", []string{fits, want, target})
	}
	// Both sides times target / shorter, rounded down: the shorter one becomes target.
	resized := g.Node("Div", []string{g.Node("Mul", []string{sides, target}), shorter})
	axes := vector("height_width", 2, 3)
	images = g.Node("Resize", []string{images, "", "", resized}, onnx.String("mode", "linear"), onnx.Int("antialias", 1), onnx.Int("exclude_outside", 1),
		onnx.String("coordinate_transformation_mode", "half_pixel"), onnx.Ints("axes", 2, 3))
	start := g.Node("Div", []string{g.Node("Sub", []string{resized, want}), number("two", 2)})
	return g.Node("Slice", []string{images, start, g.Node("Add", []string{start, want}), axes})
}
