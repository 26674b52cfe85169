package train

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"alike/encoder"
	"alike/eval"
	"alike/internal/nn"
	"alike/method"
)

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
	if _, err := m.program(method.LayerZ, 1); err != nil { // which names all weights
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

// program returns the network up to the layer, compiled for so many images at first.
func (m *Model) program(layer string, rows int) (*model.Exec, error) {
	if e, ok := m.exec[layer]; ok {
		return e, nil
	}
	if err := m.CheckLayer(layer); err != nil {
		return nil, err
	}
	e, err := m.inference(rows, func(scope *model.Scope, x *Node) *Node { return m.embedding(scope, x, layer) })
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

// inference compiles a function of the views of so many images, in inference mode. It
// is compiled anew when it is called with another number.
func (m *Model) inference(rows int, f func(scope *model.Scope, x *Node) *Node) (*model.Exec, error) {
	e, err := model.NewExec(m.engine, m.store, func(scope *model.Scope, x *Node) *Node {
		scope.Store().SetTraining(x.Graph(), false)
		return f(scope, x)
	})
	if err == nil {
		_, err = e.Compile(m.config.inputShape(PixelsFloat32, rows))
	}
	return e, compileError("embedding", err)
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
