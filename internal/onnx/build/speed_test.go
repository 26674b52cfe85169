package build

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/internal/onnx"
)

var networks = flag.String("networks", "", "folder of networks for images of 224 pixels that BenchmarkNetworks runs, as testdata/torch_networks.py exports them")

// BenchmarkNetworks runs 8 images at a time; testdata/onnxruntime_speed.py does the same by onnxruntime:
//
//	python3 testdata/torch_networks.py /tmp/networks resnet50 vit_b_16
//	go test ./internal/onnx/build -run xxx -bench Networks -args -networks /tmp/networks
//	python3 testdata/onnxruntime_speed.py /tmp/networks/*.onnx
func BenchmarkNetworks(b *testing.B) {
	files, _ := filepath.Glob(filepath.Join(*networks, "*.onnx"))
	if *networks == "" || len(files) == 0 {
		b.Skip("-networks names no folder of networks")
	}
	for _, path := range files {
		b.Run("network="+strings.TrimSuffix(filepath.Base(path), ".onnx"), func(b *testing.B) {
			const images = 8
			m, err := onnx.Read(path)
			if err != nil {
				b.Fatal(err)
			}
			n, err := New(m, m.Graph.Outputs[0].Name)
			if err != nil {
				b.Fatal(err)
			}
			exec, err := model.NewExec(open(b, ""), model.NewStore(), func(scope *model.Scope, x *Node) *Node { return n.Build(scope, x, false).Plain() })
			if err != nil {
				b.Fatal(err)
			}
			x := pixels(images, 224)
			if _, err := exec.Call(x); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := exec.Call(x); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(images*float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}
