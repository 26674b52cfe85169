package augment

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"alike/dataset"
)

// peerOp is an operation that torchvision is asked to do.
type peerOp struct {
	Name   string     `json:"name"`
	X      float64    `json:"x"`
	Rect   [4]int     `json:"rect"` // x, y, width, height
	Size   int        `json:"size"`
	Filter string     `json:"filter"`
	Taps   int        `json:"taps"`
	Order  []int      `json:"order"` // of jitter: properties
	Amount [4]float64 `json:"amount"`
}

// pythonWithTorchvision is the first python3 of the path that has torchvision.
func pythonWithTorchvision(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("asks torchvision: takes seconds")
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		python := filepath.Join(dir, "python3")
		if exec.Command(python, "-c", "import torchvision, PIL").Run() == nil {
			return python
		}
	}
	t.Skip("no python3 of the path has torchvision: its values are not compared")
	return ""
}

// askTorchvision has the operations done to one image.
func askTorchvision(t *testing.T, python string, img dataset.Image, ops []peerOp) [][]float64 {
	t.Helper()
	job, err := json.Marshal(map[string]any{"width": img.Width, "height": img.Height, "pix": img.Pix, "ops": ops})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, filepath.Join("testdata", "peer.py"))
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(job), &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var answer struct {
		Version string
		Results [][]float64
	}
	if err := json.Unmarshal(out, &answer); err != nil || len(answer.Results) != len(ops) {
		t.Fatalf("%v: %d results of %d", err, len(answer.Results), len(ops))
	}
	t.Logf("torchvision %s", answer.Version)
	return answer.Results
}

// scene is an image with flat parts, slopes and edges in all colours, as photographs
// have; independent noise would hide what happens along edges.
func scene(w, h int) dataset.Image {
	img := dataset.Image{Width: w, Height: h, Pix: make([]uint8, 3*w*h)}
	for i := range w * h {
		x, y := float64(i%w)/float64(w), float64(i/w)/float64(h)
		p := img.Pix[3*i:][:3]
		p[0] = uint8(255 * x)
		p[1] = uint8(127 + 127*math.Sin(9*x*y+4*y))
		p[2] = uint8(255 * (1 - y))
		if math.Hypot(x-0.6, y-0.4) < 0.2 {
			p[0], p[1], p[2] = 250, 60, 20
		}
		if i/w%17 == 3 {
			p[0], p[1], p[2] = 128, 128, 128
		}
	}
	return img
}

func planesOfImage(img dataset.Image) (p Planes) {
	for i, v := range img.Pix {
		p[i%3] = append(p[i%3], float32(v)/255)
	}
	return p
}

// TestTorchvision compares each operation that both have. The tolerances are the
// differences that docs/augmentations.md states: floats differ by roundings, 8-bit
// Pillow images by theirs, up to what is written at each.
func TestTorchvision(t *testing.T) {
	const side = 96
	python, img := pythonWithTorchvision(t), scene(side, side)
	change := func(step change, d draw) func() []float64 {
		return func() []float64 {
			view := planesOfImage(img)
			step.apply(view, side, &d, &Scratch{})
			return view.interleaved()
		}
	}
	jitter := func(order [4]property, amount [4]float64) func() []float64 {
		return change(defaultJitter(1), draw{jitter: jitterDraw{order: order, amount: amount}})
	}
	crop := func(r Rect, size int, interpolation string) func() []float64 {
		return func() []float64 {
			p := mustNew(t, Config{&Whole{Filter{interpolation, true}}}, size)
			dst := make([]float32, 3*size*size)
			p.apply(dst, img, []draw{{happens: true, rect: r}}, &Scratch{})
			out := make([]float64, len(dst))
			for i, v := range dst {
				out[i] = float64(v)
			}
			return out
		}
	}
	natural := [4]property{brightness, contrast, saturation, hue}
	backwards := [4]property{hue, saturation, contrast, brightness}
	strong := [4]float64{1.5, 0.4, 1.7, -0.15}
	rect, tall := Rect{13, 7, 61, 70}, Rect{20, 1, 17, 90}
	cases := []struct {
		what        string
		op          peerOp
		ours        func() []float64
		border      int // pixels that are not compared
		worst, mean float64
	}{
		{"crop, smaller", peerOp{Name: "crop", Rect: rectOf(rect), Size: 32, Filter: "bilinear"}, crop(rect, 32, "bilinear"), 0, 2e-6, 1e-6},
		{"crop, larger", peerOp{Name: "crop", Rect: rectOf(tall), Size: 128, Filter: "bilinear"}, crop(tall, 128, "bilinear"), 0, 2e-6, 1e-6},
		{"crop, bicubic", peerOp{Name: "crop", Rect: rectOf(rect), Size: 32, Filter: "bicubic"}, crop(rect, 32, "bicubic"), 0, 2e-6, 1e-6},
		{"crop of 8 bit", peerOp{Name: "crop_pil", Rect: rectOf(rect), Size: 32, Filter: "bilinear"}, crop(rect, 32, "bilinear"), 0, 1.0 / 255, 0.5 / 255},
		{"brightness", peerOp{Name: "jitter", Order: []int{int(brightness)}, Amount: strong}, jitterOne(img, Brightness, strong[brightness]), 0, 2e-6, 1e-6},
		{"contrast", peerOp{Name: "jitter", Order: []int{int(contrast)}, Amount: strong}, jitterOne(img, Contrast, strong[contrast]), 0, 2e-6, 1e-6},
		{"saturation", peerOp{Name: "jitter", Order: []int{int(saturation)}, Amount: strong}, jitterOne(img, Saturation, strong[saturation]), 0, 2e-6, 1e-6},
		{"hue", peerOp{Name: "jitter", Order: []int{int(hue)}, Amount: strong}, jitterOne(img, HueShift, strong[hue]), 0, 2e-6, 1e-6},
		{"hue of 8 bit", peerOp{Name: "jitter_pil", Order: []int{int(hue)}, Amount: strong}, jitterOne(img, HueShift, strong[hue]), 0, 0.03, 0.003},
		{"jitter, all four", peerOp{Name: "jitter", Order: numbersOf(natural), Amount: strong}, jitter(natural, strong), 0, 4e-6, 2e-6},
		{"jitter, backwards", peerOp{Name: "jitter", Order: numbersOf(backwards), Amount: strong}, jitter(backwards, strong), 0, 4e-6, 2e-6},
		{"jitter of 8 bit", peerOp{Name: "jitter_pil", Order: numbersOf(natural), Amount: strong}, jitter(natural, strong), 0, 0.03, 0.005},
		{"gray", peerOp{Name: "gray"}, change(&Gray{}, draw{}), 0, 2e-6, 1e-6},
		{"gray of 8 bit", peerOp{Name: "gray_pil"}, change(&Gray{}, draw{}), 0, 1.0 / 255, 1.0 / 255},
		{"flip", peerOp{Name: "flip"}, change(&Flip{}, draw{}), 0, 0, 0},
		{"blur within the border", peerOp{Name: "blur", X: 1.3, Taps: 2*blurRadius(side) + 1}, change(&Blur{}, draw{amount: 1.3}), blurRadius(side), 2e-6, 1e-6},
		{"blur with the border", peerOp{Name: "blur", X: 1.3, Taps: 2*blurRadius(side) + 1}, change(&Blur{}, draw{amount: 1.3}), 0, 0.6, 0.012},
		{"solarise", peerOp{Name: "solarise", X: 0.5}, change(&Solarise{Threshold: 0.5}, draw{}), 0, 1e-6, 1e-6},
		{"rotate", peerOp{Name: "rotate", X: 33}, change(&Rotate{Degrees: 180}, draw{amount: 33}), 0, 2e-5, 1e-6},
	}
	var ops []peerOp
	for _, tc := range cases {
		ops = append(ops, tc.op)
	}
	for i, want := range askTorchvision(t, python, img, ops) {
		tc := cases[i]
		got := tc.ours()
		if len(got) != len(want) {
			t.Fatalf("%s: %d values, torchvision has %d", tc.what, len(got), len(want))
		}
		width := int(math.Sqrt(float64(len(got) / 3)))
		var worst, sum float64
		n := 0
		for k := range got {
			x, y := k/3%width, k/3/width
			if min(x, y, width-1-x, width-1-y) < tc.border {
				continue
			}
			d := math.Abs(max(0, min(1, got[k])) - max(0, min(1, want[k])))
			worst, sum, n = max(worst, d), sum+d, n+1
		}
		t.Logf("%-24s largest difference %.2g, mean %.2g", tc.what, worst, sum/float64(n))
		if !(worst <= tc.worst && sum/float64(n) <= tc.mean) {
			t.Errorf("%s: largest difference %g, mean %g; want at most %g and %g", tc.what, worst, sum/float64(n), tc.worst, tc.mean)
		}
	}
}

func numbersOf(order [4]property) (out []int) {
	for _, o := range order {
		out = append(out, int(o))
	}
	return out
}

func rectOf(r Rect) [4]int { return [4]int{r.X, r.Y, r.W, r.H} }

func jitterOne(img dataset.Image, f func(Planes, float64), amount float64) func() []float64 {
	return func() []float64 {
		view := planesOfImage(img)
		f(view, amount)
		return view.interleaved()
	}
}
