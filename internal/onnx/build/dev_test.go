package build

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/backend"
	"alike/backend/simd"
	"alike/internal/npy"
	"alike/internal/onnx"
)

func TestDev(t *testing.T) {
	for _, name := range strings.Fields(os.Getenv("MODELS")) {
		start := time.Now()
		m, err := onnx.Read("/tmp/onnxin/models/" + name + ".onnx")
		if err != nil {
			t.Error(err)
			continue
		}
		n, err := New(m, m.Graph.Outputs[0].Name)
		if err != nil {
			t.Error(name, err)
			continue
		}
		xd, x, _ := npy.Read("/tmp/onnxin/models/" + name + ".x.npy")
		_, y, _ := npy.Read("/tmp/onnxin/models/" + name + ".y.npy")
		nhwc := make([]float32, len(x))
		c, hw := xd[1], xd[2]*xd[3]
		for i, v := range x {
			nhwc[(i/(c*hw)*hw+i%hw)*c+i/hw%c] = v
		}
		be, err := backend.Open(os.Getenv("BACKEND"))
		if err != nil {
			t.Fatal(err)
		}
		store := model.NewStore()
		e, err := model.NewExec(be, store, func(scope *model.Scope, x *Node) *Node {
			return n.Build(scope, x, false).Plain()
		})
		if err == nil {
			_, err = e.Compile(shapes.Make(dtypes.Float32, xd[0], xd[2], xd[3], c))
		}
		if err != nil {
			t.Error(name, err)
			continue
		}
		built := time.Since(start)
		out, err := e.Call(tensors.FromFlatDataAndDimensions(nhwc, xd[0], xd[2], xd[3], c))
		if err != nil {
			t.Error(name, err)
			continue
		}
		start = time.Now()
		out, err = e.Call(tensors.FromFlatDataAndDimensions(nhwc, xd[0], xd[2], xd[3], c))
		if err != nil {
			t.Error(name, err)
			continue
		}
		took := time.Since(start)
		if os.Getenv("PROFILE") != "" {
			s := be.(*simd.Backend)
			s.StartProfile()
			e.Call(tensors.FromFlatDataAndDimensions(nhwc, xd[0], xd[2], xd[3], c))
			for i, o := range s.Profile() {
				if i < 14 {
					fmt.Printf("%8.1f ms %4d %s %s  %.0f GFLOP/s\n", o.Time.Seconds()*1e3, o.Calls, o.Name, o.Shape, o.Flops/o.Time.Seconds()/1e9)
				}
			}
		}
		got, _ := tensors.CopyFlatData[float32](out[0])
		var d, l float64
		for i := range y {
			d += math.Pow(float64(got[i]-y[i]), 2)
			l += math.Pow(float64(y[i]), 2)
		}
		fmt.Println(name, out[0].Shape(), "relative", math.Sqrt(d/l), "built", built, "took", took)
	}
}
