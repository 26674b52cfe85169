// Package pretrained makes of a file of ONNX, as PyTorch, timm or Hugging Face export encoders of images, a model that
// embeds: frozen, on any engine.
package pretrained

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/augment"
	"alike/backend"
	"alike/dataset"
	"alike/eval"
	"alike/infer"
	"alike/internal/onnx"
	"alike/internal/onnx/build"
	"alike/internal/rng"
)

// Suffix is what the names of such files end in.
const Suffix = ".onnx"

// Is says whether path names such a file, there or not.
func Is(path string) bool { return strings.EqualFold(filepath.Ext(path), Suffix) }

// Model embeds images by the network of a file. Goroutines may share it; they take turns.
type Model struct {
	preprocess Preprocess
	sha256     string // of the file
	engine     compute.Backend
	network    *build.Network
	layer      string
	pool       string
	batch      int // images that pass at once
	fixed      bool
	dim        int

	mu    sync.Mutex
	exec  *model.Exec
	fault error // of building the graph
}

// Open reads a file. layer names the tensor that is the embedding, as FindLayer does; preprocess, KEY=VALUE separated by
// blanks, goes before what the file and what stands beside it say.
func Open(path, layer, preprocess string, engine compute.Backend) (*Model, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := load(b, path, layer, preprocess, engine)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func load(b []byte, path, layer, preprocess string, engine compute.Backend) (*Model, error) {
	file, err := onnx.Unmarshal(b)
	if err != nil {
		return nil, fmt.Errorf("not a file of ONNX: %w", err)
	}
	sum := sha256.Sum256(b)
	m := &Model{sha256: hex.EncodeToString(sum[:]), engine: engine}
	if m.network, m.pool, err = findLayer(file, layer); err != nil {
		return nil, err
	}
	m.layer = m.network.Output + m.pool
	if m.preprocess, err = fromFile(file, m.network.Input); err != nil {
		return nil, err
	}
	text, from, err := beside(path)
	if err != nil && preprocess == "" {
		return nil, err
	}
	if err == nil {
		if err := m.preprocess.Overlay(text); err != nil {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
	}
	if err := m.preprocess.Overlay(preprocess); err != nil {
		return nil, fmt.Errorf("--preprocess: %w", err)
	}
	if err := m.checkSize(); err != nil {
		return nil, err
	}
	return m, m.compile()
}

// checkSize compares the size of images with what the file states, if it states one.
func (m *Model) checkSize() error {
	in := m.network.Input
	side := in.Dims[2].Size
	if side > 0 && side != m.preprocess.Size {
		return fmt.Errorf("the input %s is %v: images of %d pixels, not %d", in.Name, in.Dims, side, m.preprocess.Size)
	}
	m.batch = batchOf(m.preprocess.Size)
	if n := in.Dims[0].Size; n > 0 {
		if n > 1024 {
			return fmt.Errorf("the input %s is %v: at most 1024 images at once are known", in.Name, in.Dims)
		}
		m.batch, m.fixed = n, true
	}
	return nil
}

// batchOf is the number of images of a side that pass at once: 8 of 224 pixels, at most 256.
func batchOf(side int) int {
	batch := 1
	for batch < 256 && 2*batch*side*side <= 8*224*224 {
		batch *= 2
	}
	return batch
}

// compile builds the network for the fewest images, which says how many values it gives, and finds what is wrong.
func (m *Model) compile() error {
	store := model.NewStore()
	var err error
	m.exec, err = model.NewExec(m.engine, store, func(scope *model.Scope, x *Node) *Node {
		defer func() {
			if p := recover(); p != nil {
				m.fault, _ = p.(error)
				panic(p)
			}
		}()
		h := pooled(m.network.Build(scope, m.prepared(x), m.preprocess.Last), m.pool, m.preprocess.Last)
		if h.Shape().Dim(0) != x.Shape().Dim(0) || h.DType() != dtypes.Float32 {
			panic(fmt.Errorf("the tensor %s is %s for %d images; want a vector of each", m.network.Output, h.Shape(), x.Shape().Dim(0)))
		}
		m.dim = h.Shape().Dim(1)
		return h
	})
	if err == nil {
		_, err = m.exec.Compile(m.input(m.rows(1)))
	}
	if err != nil && m.fault != nil {
		return m.fault
	}
	return err
}

// rows is the number of rows of the program that n images pass.
func (m *Model) rows(n int) int {
	if m.fixed {
		return m.batch
	}
	return infer.BatchFor(n, m.batch)
}

func (m *Model) input(rows int) shapes.Shape {
	return shapes.Make(dtypes.Float32, rows, m.preprocess.Size, m.preprocess.Size, 3)
}

// prepared gives images with values in [0, 1] the form that the network wants.
func (m *Model) prepared(x *Node) *Node {
	p := m.preprocess
	if p.BGR {
		x = Reverse(x, 3)
	}
	if p.Range != 1 {
		x = MulScalar(x, p.Range)
	}
	if m.network.Input.Type == onnx.Uint8 {
		return Floor(AddScalar(x, 0.5))
	}
	if p.Mean != [3]float64{} || p.Std != [3]float64{1, 1, 1} {
		var a, b [3]float32
		for i := range a {
			a[i], b[i] = float32(1/p.Std[i]), float32(-p.Mean[i]/p.Std[i])
		}
		x = Add(Mul(x, Reshape(Const(x.Graph(), a[:]), 1, 1, 1, 3)), Reshape(Const(x.Graph(), b[:]), 1, 1, 1, 3))
	}
	return x
}

// Layer is the name of the tensor, and how it is pooled where that was asked for.
func (m *Model) Layer() string { return m.layer }

// Size is the side of the images that the network sees, in pixels.
func (m *Model) Size() int { return m.preprocess.Size }

// Dim is the number of values of an embedding.
func (m *Model) Dim(string) int { return m.dim }

// Preprocess is what is done to images.
func (m *Model) Preprocess() Preprocess { return m.preprocess }

// Subject identifies the model in scores, by the hash of its file.
func (m *Model) Subject(name string) eval.Subject {
	return eval.Subject{Name: name, Encoder: "onnx", WeightsSHA256: m.sha256, Engine: backend.Variant(m.engine), Preprocessing: m.preprocess.String()}
}

// Close frees what was compiled; the engine is its owner's.
func (m *Model) Close() { m.exec.Finalize() }

// Prepare returns what the network is shown of an image, [Size, Size, 3] in [0, 1].
func (m *Model) Prepare(img dataset.Image) []float32 {
	view := make([]float32, 3*m.Size()*m.Size())
	m.preprocess.View(view, img)
	return view
}

// EmbedPrepared returns the embeddings [N, Dim] of what Prepare made.
func (m *Model) EmbedPrepared(ctx context.Context, views [][]float32, _ string) ([]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.passes(m.rows(len(views))).Rows(ctx, views)
}

func (m *Model) passes(batch int) infer.Network {
	return infer.Network{In: m.input(1).Size(), Out: m.dim, Batch: batch, Pass: m.pass}
}

// pass writes what the network gives for a batch.
func (m *Model) pass(out, in []float32) error {
	h, err := m.exec.Call(tensors.FromFlatDataAndDimensions(in, m.input(len(in)/m.input(1).Size()).Dimensions...))
	if err != nil {
		return errors.Join(m.fault, err)
	}
	finite := true
	tensors.MustConstFlatData(h[0], func(flat []float32) {
		copy(out, flat)
		for _, v := range flat {
			finite = finite && !math.IsNaN(float64(v))
		}
	})
	if err := h[0].FinalizeAll(); err != nil {
		return err
	}
	if !finite {
		return fmt.Errorf("the network gives NaN in %s", m.layer)
	}
	return nil
}

// EmbedEach calls visit with each image of data, in order: with its embeddings [1+views, Dim], of the image as it is
// prepared and of augmented views, crops and flips as metric learning makes them; or with the error of an image that
// cannot be read. It ends with the first error of visit.
func (m *Model) EmbedEach(ctx context.Context, data dataset.Dataset, _ string, views int, visit func(i int, h []float32, err error) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f, _ := dataset.FeaturesOf(data, 0); f != nil {
		return fmt.Errorf("%s holds features; the network wants images", data.Name())
	}
	pipeline, err := augment.New(augment.MetricLearning(m.Size()), m.Size())
	if err != nil {
		return err
	}
	return m.passes(m.rows(m.batch)).Each(ctx, data.Len(), 1+views, func(dst []float32, row int) error {
		i, view := row/(1+views), row%(1+views)
		img, err := data.Image(i)
		if err != nil {
			return fmt.Errorf("%s: image %s: %w", data.Name(), data.ID(i), err)
		}
		if view == 0 {
			m.preprocess.View(dst, img)
			return nil
		}
		pipeline.View(dst, img, rng.New(rng.View, 1, 0, img.PixelsHash(), uint64(view)), new(augment.Scratch))
		return nil
	}, visit)
}
