package pretrained

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"alike/augment"
	"alike/backend"
	"alike/dataset"
	"alike/infer"
	"alike/internal/onnx"
	"alike/internal/rng"
)

func engine(tb testing.TB) compute.Backend {
	tb.Helper()
	b, err := backend.Open("")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Finalize)
	return b
}

// photos are images of several sizes.
func photos() *dataset.Memory {
	stream, set := rng.New(rng.Init, 3), &dataset.Memory{Title: "photos"}
	for _, side := range [][2]int{{32, 32}, {64, 48}, {20, 90}, {33, 31}, {40, 40}} {
		img := dataset.Image{Width: side[0], Height: side[1], Pix: make([]uint8, 3*side[0]*side[1])}
		for i := range img.Pix {
			img.Pix[i] = uint8(255 * stream.Float64())
		}
		set.Images = append(set.Images, img)
	}
	return set
}

// copyOf copies a network of package build's tests to a folder of its own.
func copyOf(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "internal", "onnx", "build", "testdata", name+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".onnx")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// byHand runs the file by the interpreter on images that are resized, cut and normalised pixel by pixel.
func byHand(t *testing.T, path string, set *dataset.Memory, p Preprocess) [][]float64 {
	t.Helper()
	m, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	program, err := onnx.Load(m)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]float64
	for _, img := range set.Images {
		view := make([]float32, 3*p.Size*p.Size)
		p.View(view, img)
		x := onnx.NewArray(onnx.Float32, 1, 3, p.Size, p.Size)
		for i := range x.Data {
			c, at := i/(p.Size*p.Size), i%(p.Size*p.Size)
			from := c
			if p.BGR {
				from = 2 - c
			}
			x.Data[i] = (p.Range*float64(view[3*at+from]) - p.Mean[c]) / p.Std[c]
		}
		out, err := program.Run(x.As(onnx.Float32))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, out[0].Data)
	}
	return rows
}

func TestEmbeddingsAgreeWithTheInterpreter(t *testing.T) {
	b, set := engine(t), photos()
	for _, tc := range []struct{ name, layer, preprocess string }{
		{"tiny-cnn", "", "size=32"},
		{"tiny-cnn", "out", "size=32 resize=32 shape=squash interpolation=bicubic range=255 mean=100,110,120 std=50 channels=bgr"},
		{"tiny-cnn", "", "size=64 exact=keep"},
		{"tiny-vit", "", "size=32 mean=0.5 std=0.5"},
		{"tiny-vit", "out:mean", "size=32"},
	} {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			path := copyOf(t, tc.name)
			m, err := Open(path, tc.layer, tc.preprocess, b)
			if err != nil {
				if tc.name == "tiny-cnn" && strings.Contains(tc.preprocess, "size=64") && strings.Contains(err.Error(), "images of 32 pixels, not 64") {
					return // which its file states
				}
				t.Fatal(err)
			}
			defer m.Close()
			each := func(visit func(int, []float32, error) error) error {
				return m.EmbedEach(t.Context(), set, m.Layer(), 0, visit)
			}
			got, err := infer.Collect(each, set.Len(), m.Dim(""), nil)
			if err != nil {
				t.Fatal(err)
			}
			dim := m.Dim("")
			for i, tokens := range byHand(t, path, set, m.preprocess) {
				want := tokens[:dim] // the vector, or the class token
				if m.pool == meanToken {
					want = make([]float64, dim)
					for j, v := range tokens {
						want[j%dim] += v / float64(len(tokens)/dim)
					}
				}
				for j, w := range want {
					if d := float64(got[i*dim+j]) - w; !(math.Abs(d) <= 1e-4*(1+math.Abs(w))) {
						t.Fatalf("image %d, value %d: %g, want %g", i, j, got[i*dim+j], w)
					}
				}
			}
			var prepared [][]float32
			for _, img := range set.Images {
				prepared = append(prepared, m.Prepare(img))
			}
			again, err := m.EmbedPrepared(t.Context(), prepared, "")
			if err != nil || len(again) != len(got) {
				t.Fatalf("%d values prepared, %d not: %v", len(again), len(got), err)
			}
			for i := range got {
				if math.Abs(float64(again[i]-got[i])) > 1e-4*(1+math.Abs(float64(got[i]))) {
					t.Fatalf("value %d is %g, prepared %g", i, got[i], again[i])
				}
			}
		})
	}
}

func TestViewsAreDrawnOfWhatAnImageShows(t *testing.T) {
	m, err := Open(copyOf(t, "tiny-vit"), "", "size=32", engine(t))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	set := photos()
	set.Images = append(set.Images, set.Images[0])
	var rows [][]float32
	if err := m.EmbedEach(t.Context(), set, "", 2, func(_ int, h []float32, err error) error {
		rows = append(rows, append([]float32{}, h...))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	d := m.Dim("")
	if len(rows) != 6 || len(rows[0]) != 3*d || fmt.Sprint(rows[0]) != fmt.Sprint(rows[5]) || fmt.Sprint(rows[0][:d]) == fmt.Sprint(rows[0][d:2*d]) || fmt.Sprint(rows[0][d:2*d]) == fmt.Sprint(rows[0][2*d:]) {
		t.Errorf("%d images of %d values", len(rows), len(rows[0]))
	}
}

func TestLayers(t *testing.T) {
	b := engine(t)
	cnn := copyOf(t, "tiny-cnn")
	m, err := Open(cnn, Penultimate, "", b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Dim("") != 20 || m.Size() != 32 { // which the last layer makes 16 of
		t.Errorf("%s has %d values of images of %d pixels", m.Layer(), m.Dim(""), m.Size())
	}
	if s := m.Subject("x"); len(s.WeightsSHA256) != 64 || s.Preprocessing != m.preprocess.String() || s.Encoder != "onnx" {
		t.Errorf("%+v", s)
	}
	if _, err := Open(cnn, "nothing", "", b); err == nil || !strings.Contains(err.Error(), `there is no tensor "nothing"; the outputs are out`) {
		t.Errorf("a tensor that is not there: %v", err)
	}
	if _, err := Open(cnn, "", "size=40", b); err == nil || !strings.Contains(err.Error(), "images of 32 pixels, not 40") {
		t.Errorf("another size than the file's: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no.onnx"), "", "", b); err == nil {
		t.Error("a file that is not there is opened")
	}
}

// TestPenultimateOfHostileGraphs walks graphs that lead nowhere: an error, no crash and no end.
func TestPenultimateOfHostileGraphs(t *testing.T) {
	node := func(op string, inputs, outputs []string) onnx.Node {
		return onnx.Node{Op: op, Inputs: inputs, Outputs: outputs}
	}
	for _, tc := range []struct {
		name  string
		nodes []onnx.Node
		want  string // the tensor, or empty for an error
	}{
		{"a classifier", []onnx.Node{node("Relu", []string{"x"}, []string{"h"}), node("Gemm", []string{"h", "w"}, []string{"y"}), node("Add", []string{"b", "y"}, []string{"out"})}, "h"},
		{"an operator without inputs", []onnx.Node{node("Identity", nil, []string{"a"}), node("Relu", []string{"a"}, []string{"out"})}, ""},
		{"an Identity without inputs stands first", []onnx.Node{node("Identity", nil, []string{"a"}), node("Add", []string{"a", "x"}, []string{"out"})}, ""},
		{"a product without inputs", []onnx.Node{node("MatMul", nil, []string{"out"})}, ""},
		{"outputs and inputs without names", []onnx.Node{node("Relu", []string{""}, []string{"out", ""})}, ""},
		{"a circle", []onnx.Node{node("Relu", []string{"b"}, []string{"out"}), node("Relu", []string{"out"}, []string{"b"})}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := beforeLastProduct(&onnx.Model{Graph: onnx.Graph{Nodes: tc.nodes}}, "out")
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("%q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestSettingsBeside(t *testing.T) {
	b := engine(t)
	for _, tc := range []struct{ file, content, want, err string }{
		{file: "tiny-vit.onnx.json", content: `{"size": 32, "mean": [0.1, 0.2, 0.3], "std": 0.5, "channels": "bgr"}`,
			want: "size=32 resize=32 shape=crop exact=resize interpolation=bilinear range=1 mean=0.1,0.2,0.3 std=0.5,0.5,0.5 channels=bgr layout=nchw"},
		{file: "tiny-vit.onnx.json", content: `{"sizes": 32}`, err: "want KEY=VALUE; the keys are size, resize"},
		// DINOv2's, but for the sizes
		{file: "preprocessor_config.json", content: `{"crop_size": {"height": 32, "width": 32}, "do_center_crop": true, "do_normalize": true, "do_rescale": true, "do_resize": true, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": {"shortest_edge": 36}}`,
			want: "size=32 resize=36 shape=crop exact=resize interpolation=bicubic range=1 mean=0.485,0.456,0.406 std=0.229,0.224,0.225 channels=rgb layout=nchw"},
		// ViT's
		{file: "preprocessor_config.json", content: `{"do_normalize": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 2, "size": 32}`,
			want: "size=32 resize=32 shape=squash exact=resize interpolation=bilinear range=1 mean=0.5,0.5,0.5 std=0.5,0.5,0.5 channels=rgb layout=nchw"},
		// CLIP's, as it was at first
		{file: "preprocessor_config.json", content: `{"crop_size": 32, "do_center_crop": true, "size": 32, "resample": 3}`,
			want: "size=32 resize=32 shape=crop exact=resize interpolation=bicubic range=1 mean=0.485,0.456,0.406 std=0.229,0.224,0.225 channels=rgb layout=nchw"},
		{file: "preprocessor_config.json", content: `{"size": 32, "resample": 1}`, err: "resample 1 is not known"},
		// timm's
		{file: "config.json", content: `{"architecture": "vit", "pretrained_cfg": {"input_size": [3, 32, 32], "interpolation": "bicubic", "crop_pct": 0.9, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}`,
			want: "size=32 resize=35 shape=crop exact=resize interpolation=bicubic range=1 mean=0.5,0.5,0.5 std=0.5,0.5,0.5 channels=rgb layout=nchw"},
		{file: "config.json", content: `{"model_type": "dinov2"}`,
			want: "size=32 resize=32 shape=crop exact=resize interpolation=bilinear range=1 mean=0.485,0.456,0.406 std=0.229,0.224,0.225 channels=rgb layout=nchw"},
	} {
		path := copyOf(t, "tiny-vit")
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), tc.file), []byte(tc.content), 0o644); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path, "", "", b)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) || !strings.Contains(err.Error(), tc.file) {
				t.Errorf("%s: %v, want %q", tc.content, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.content, err)
			continue
		}
		if got := m.Preprocess().String(); got != tc.want {
			t.Errorf("%s: %s\nwant %s", tc.content, got, tc.want)
		}
		again := Preprocess{Still: augment.Evaluation(1)}
		if err := again.Overlay(m.Preprocess().String()); err != nil || again != m.Preprocess() {
			t.Errorf("%s is read as %s: %v", m.Preprocess(), again, err)
		}
	}
}

func TestConvNeXtCropsOnlyBelow384(t *testing.T) {
	for text, want := range map[string]string{
		`{"size": {"shortest_edge": 224}, "crop_pct": 0.875, "resample": 3}`: "size=224 resize=256 shape=crop interpolation=bicubic",
		`{"size": {"shortest_edge": 383}, "crop_pct": 0.875, "resample": 3}`: "size=383 resize=437 shape=crop interpolation=bicubic",
		`{"size": {"shortest_edge": 384}, "crop_pct": 0.875, "resample": 3}`: "size=384 resize=384 shape=squash interpolation=bicubic",
		`{"size": 224, "crop_pct": 0.875}`:                                   "size=224 resize=256 shape=crop", // as its first files had it
		`{"size": 384, "crop_pct": 1.0}`:                                     "size=384 resize=384 shape=squash",
		`{"size": {"height": 224, "width": 224}, "crop_pct": 0.875}`:         "size=224 resize=224 shape=squash",
	} {
		if got, err := readHuggingFace([]byte(text)); err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%s is %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestFaultyTextsAreSentences(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"size", "want KEY=VALUE; the keys are size, resize"},
		{"side=3", "want KEY=VALUE"},
		{"size=0", "must be a number of pixels"},
		{"size=64 resize=32", "resize 32: must be at least the size, 64"},
		{"mean=1,2", "must be a number, or one for each of three channels"},
		{"std=0", "std 0: must be above 0"},
		{"layout=chw", "must be nchw or nhwc"},
		{"interpolation=lanczos", "have bicubic, bilinear"},
		{"range=2", "must be 1 or 255"},
	} {
		p := Preprocess{Still: augment.Evaluation(32), Range: 1, Mean: imageNetMean, Std: imageNetStd}
		if err := p.Overlay(tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.text, err, tc.want)
		}
	}
}
