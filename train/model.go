package train

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/augment"
	"alike/dataset"
	"alike/encoder"
	"alike/eval"
	"alike/internal/nn"
	"alike/internal/rng"
	"alike/method"
)

// embedBatch is the number of images that pass the network at once. The last
// batch is padded, so that one compiled program serves all.
const embedBatch = 256

// Model is the network of a checkpoint in inference mode: batch norm uses its
// running statistics. Goroutines may share it; they take turns.
type Model struct {
	State  State
	config *Config
	parts  parts
	mu     sync.Mutex
	store  *model.Store
	exec   map[string]*model.Exec // by layer
	engine compute.Backend
}

// Model loads the checkpoint after a step; a negative step is the last.
func (r *Run) Model(b compute.Backend, step int) (*Model, error) {
	step, err := r.resolveStep(step)
	if err != nil {
		return nil, err
	}
	store, state, err := loadCheckpoint(r.checkpointDir(step), false)
	if err != nil {
		return nil, r.offer(step, err)
	}
	return newModel(b, store, &r.Config, state)
}

// Untrained draws the network before its first step: the one of step 0, whose
// checkpoint need not have been kept.
func (r *Run) Untrained(b compute.Backend) (*Model, error) {
	store, err := r.Config.newStore(b, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	store.RootScope().SetParam(nn.SeedParam, r.Config.Seed)
	m, err := newModel(b, store, &r.Config, State{Seed: r.Config.Seed, Total: r.Config.Schedule.Total(), Engine: r.Config.EngineVariant(b)})
	if err != nil {
		return nil, err
	}
	if _, err := m.program(method.LayerZ); err != nil { // which names all weights
		return nil, err
	}
	if err := store.InitializeVariables(b, nil); err != nil {
		return nil, err
	}
	weights, err := collect(store, "")
	m.State.WeightsSHA256 = weightsSHA256(weights)
	return m, err
}

func newModel(b compute.Backend, store *model.Store, c *Config, s State) (*Model, error) {
	p, err := c.build()
	return &Model{State: s, config: c, parts: p, store: store, exec: map[string]*model.Exec{}, engine: b}, err
}

func (m *Model) close() {
	for _, e := range m.exec {
		e.Finalize()
	}
}

// Layer is the method's choice of embedding, method.LayerH or method.LayerZ.
func (m *Model) Layer() string { return m.parts.method.Layer() }

// CheckLayer says what there is if the network has no such layer: h, z, or the output
// of a block of the encoder, averaged over its pixels.
func (m *Model) CheckLayer(layer string) error {
	if layer == method.LayerH || layer == method.LayerZ || encoder.Find(m.parts.encoder, layer) >= 0 {
		return nil
	}
	var names []string
	for _, b := range m.parts.encoder.Blocks() {
		names = append(names, b.Name)
	}
	if names == nil {
		return fmt.Errorf("layer %q: must be %s (the representation) or %s (the projection)", layer, method.LayerH, method.LayerZ)
	}
	return fmt.Errorf("layer %q: must be %s (the representation), %s (the projection), or a block of %s: %s",
		layer, method.LayerH, method.LayerZ, m.config.Encoder.Name, strings.Join(names, ", "))
}

// Size is the side of the images that the network sees, in pixels; 0 where it is given features.
func (m *Model) Size() int { return m.config.Size }

// Dim is the number of values of an embedding from the layer.
func (m *Model) Dim(layer string) int {
	switch i := encoder.Find(m.parts.encoder, layer); {
	case i >= 0:
		return m.parts.encoder.Blocks()[i].Dim
	case layer == method.LayerH:
		return m.parts.encoder.Dim()
	}
	return m.parts.head.Dim(m.parts.encoder.Dim())
}

// program returns the compiled network up to the layer.
func (m *Model) program(layer string) (*model.Exec, error) {
	if e, ok := m.exec[layer]; ok {
		return e, nil
	}
	if err := m.CheckLayer(layer); err != nil {
		return nil, err
	}
	e, err := m.inference(func(scope *model.Scope, x *Node) *Node { return m.embedding(scope, x, layer) })
	if err == nil {
		m.exec[layer] = e
	}
	return e, err
}

// embedding is the network up to the layer.
func (m *Model) embedding(scope *model.Scope, x *Node, layer string) *Node {
	if i := encoder.Find(m.parts.encoder, layer); i >= 0 {
		return encoder.Pooled(m.parts.encoder, scope, x, i)
	}
	h := m.parts.encoder.Graph(scope, x)
	if layer == method.LayerH {
		return h
	}
	return m.parts.head.Graph(scope.In(headScope), h)
}

// inference compiles a function of the views of embedBatch images, in inference mode.
func (m *Model) inference(f func(scope *model.Scope, x *Node) *Node) (*model.Exec, error) {
	e, err := model.NewExec(m.engine, m.store, func(scope *model.Scope, x *Node) *Node {
		scope.Store().SetTraining(x.Graph(), false)
		return f(scope, x)
	})
	if err == nil {
		_, err = e.Compile(m.config.inputShape(PixelsFloat32, embedBatch))
	}
	return e, compileError("embedding", err)
}

// Embed returns the embeddings [N, Dim(layer)] of all images of data, row-major
// and unnormalised. An image's embedding does not depend on its neighbours.
// progress, if set, is told how many images are done.
func (m *Model) Embed(ctx context.Context, data dataset.Dataset, layer string, progress func(done int)) ([]float32, error) {
	out := make([]float32, 0, data.Len()*m.Dim(layer))
	err := m.EmbedEach(ctx, data, layer, func(i int, h []float32, err error) error {
		out = append(out, h...)
		if done := i + 1; err == nil && progress != nil && (done%embedBatch == 0 || done == data.Len()) {
			progress(done)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// EmbedEach calls visit with each image of data, in order: with its embedding, as
// Embed gives it, which visit may change and which is valid until it returns; or with
// the error of one that cannot be read. It ends with the first error of visit.
func (m *Model) EmbedEach(ctx context.Context, data dataset.Dataset, layer string, visit func(i int, h []float32, err error) error) error {
	return m.EmbedViews(ctx, data, layer, 0, func(i, _ int, h []float32, err error) error { return visit(i, h, err) })
}

// EmbedViews calls visit, as EmbedEach does, with 1+views embeddings of each image: of view 0, which
// is the image as evaluation sees it, and of augmented ones, made as the run's first view is.
func (m *Model) EmbedViews(ctx context.Context, data dataset.Dataset, layer string, views int, visit func(i, view int, h []float32, err error) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.program(layer)
	if err != nil {
		return err
	}
	return m.forward(ctx, e, data, m.Dim(layer), views, visit)
}

// forward visits what a compiled function gives, width values, for 1+views views of each image.
func (m *Model) forward(ctx context.Context, e *model.Exec, data dataset.Dataset, width, views int, visit func(i, view int, h []float32, err error) error) error {
	write, err := m.viewer(data, views)
	if err != nil {
		return err
	}
	in := m.config.inputShape(PixelsFloat32, 1).Size()
	input := make([]float32, embedBatch*in)
	out := make([]float32, embedBatch*width)
	faults := make([]error, embedBatch)
	rows := data.Len() * (1 + views)
	for at := 0; at < rows; at += embedBatch {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(embedBatch, rows-at)
		inParallel(n, func(i int) { faults[i] = write(input[i*in:(i+1)*in], at+i) })
		h, err := e.Call(tensors.FromFlatDataAndDimensions(input, m.config.inputDims(embedBatch)...))
		if err != nil {
			return compileError("embedding", err)
		}
		tensors.MustConstFlatData(h[0], func(flat []float32) { copy(out, flat) })
		if err := h[0].FinalizeAll(); err != nil {
			return err
		}
		for i, fault := range faults[:n] {
			h := out[i*width : (i+1)*width]
			if fault != nil {
				h = nil
			}
			if err := visit((at+i)/(1+views), (at+i)%(1+views), h, fault); err != nil {
				return err
			}
		}
	}
	return nil
}

// viewer returns what writes row i, of 1+views rows an image, to dst.
func (m *Model) viewer(data dataset.Dataset, views int) (func(dst []float32, row int) error, error) {
	if err := m.config.checkInput(data); err != nil {
		return nil, err
	}
	if m.config.featureDim() > 0 {
		if views > 0 {
			return nil, fmt.Errorf("%s holds features, of which no views can be made", data.Name())
		}
		return func(dst []float32, row int) error {
			f, i := dataset.FeaturesOf(data, row)
			copy(dst, f.Vector(i, 0))
			return nil
		}, nil
	}
	pipelines, err := augment.Views(m.config.Views, m.config.Size, m.parts.method.Views())
	if err != nil {
		return nil, err
	}
	return func(dst []float32, row int) error {
		i, view := row/(1+views), row%(1+views)
		img, err := data.Image(i)
		if err != nil {
			return fmt.Errorf("%s: image %s: %w", data.Name(), data.ID(i), err)
		}
		if view == 0 {
			augment.Evaluate(dst, img, m.config.Size)
			return nil
		}
		stream := rng.New(rng.View, m.config.Seed, 0, uint64(i), uint64(view))
		pipelines[0].View(dst, img, stream, new(augment.Scratch))
		return nil
	}, nil
}

// inParallel calls f for 0 to n-1.
func inParallel(n int, f func(i int)) {
	var (
		next atomic.Int64
		wg   sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// Subject identifies the model in scores; name is the run's.
func (m *Model) Subject(name string) eval.Subject {
	trainedOn := m.config.Data
	if m.State.Step == 0 {
		trainedOn = ""
	}
	return eval.Subject{
		Name:          name,
		Method:        m.config.Method.Name,
		Data:          trainedOn,
		Classes:       m.config.Classes,
		Encoder:       m.config.Encoder.Name,
		Step:          m.State.Step,
		Seed:          m.State.Seed,
		WeightsSHA256: m.State.WeightsSHA256,
		Engine:        m.State.Engine,
	}
}
