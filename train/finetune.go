package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"alike/augment"
	"alike/dataset"
	"alike/eval"
	"alike/internal/nn"
	"alike/loss"
	"alike/optimize"
	"alike/sampler"
)

// Finetune trains a linear classifier on a network's embedding, with or without the
// network below it, on random crops and flips, and classifies the fixed views of other
// images. It is SGD with Nesterov momentum on the softmax cross entropy, its rate
// LR B/256 falling to 0 along a cosine without warm-up; the classifier starts at 0.
// With the network it is SimCLR's fine-tuning (appendix B.5): batch norm uses and
// updates the statistics of the batch, nothing is regularised. Without it, it is its
// linear evaluation (B.6): batch norm keeps its running statistics, and the encoder
// computes in float32.
type Finetune struct {
	Frozen      bool    // the network stays as it is
	Epochs      float64 // passes over the labelled images
	Batch       int     // B, images per step, at most all there are
	LR          float64 // rate for a batch of 256
	WeightDecay float64 // of all but biases and batch norm
	Seed        uint64  // of the order and the views

	// Dir is a folder for this training alone, of this network, layer and images: a checkpoint
	// is kept there, from which the next call goes on, bit for bit, if this one is stopped or
	// killed. The last is that of the end, which spares a call all training: whoever has kept
	// the score removes the folder. "" keeps nothing.
	Dir string
}

// DefaultFinetune is fine-tuning on a share of the labels with the rate of the
// authors, and their 60 epochs on 1 %, 30 on more. Their batch is 4096 on ImageNet.
func DefaultFinetune(labels float64) Finetune {
	f := Finetune{Epochs: 30, Batch: 256, LR: 0.05, Seed: 1}
	if labels <= 0.01 {
		f.Epochs = 60
	}
	return f
}

// DefaultLinearSGD is linear evaluation with the rate of the authors and, from their
// readme, the batch and the epochs of CIFAR-10.
func DefaultLinearSGD() Finetune {
	return Finetune{Frozen: true, Epochs: 100, Batch: 512, LR: 0.1, Seed: 1}
}

func (f Finetune) schedule(images int) optimize.Schedule {
	return optimize.Schedule{
		LR: f.LR, Scaling: optimize.ScalingLinear, Epochs: f.Epochs, Decay: optimize.DecayCosine,
		Batch: min(f.Batch, images), Images: images,
	}
}

func (f Finetune) optimizer() *optimize.SGD {
	return &optimize.SGD{Momentum: 0.9, WeightDecay: f.WeightDecay, Nesterov: true}
}

// Validate checks all fields.
func (f Finetune) Validate() error {
	var errs []error
	if f.Batch < 1 {
		errs = append(errs, fmt.Errorf("batch %d: must be at least 1 image", f.Batch))
	}
	if !(f.Epochs > 0) {
		errs = append(errs, fmt.Errorf("epochs %g: must be > 0", f.Epochs))
	}
	return errors.Join(append(errs, f.schedule(max(1, f.Batch)).Validate(), f.optimizer().Validate())...)
}

// Score trains on the images of bank, all of which have labels, and returns the
// accuracy on the queries: finetune_accuracy, or linear_accuracy if the network is
// frozen. The caller adds the subject and what is known of the images. The model stays as
// it is: a copy of its weights is trained. No bit depends on the number of workers.
// When ctx ends nothing is kept, unless in Dir.
func (f Finetune) Score(ctx context.Context, m *Model, layer string, bank, queries dataset.Dataset, progress func(Progress)) (eval.Score, error) {
	if err := f.Validate(); err != nil {
		return eval.Score{}, err
	}
	if !slices.Equal(bank.Classes(), queries.Classes()) {
		return eval.Score{}, fmt.Errorf("%s and %s have other classes: what is learned of one says nothing of the other", bank.Name(), queries.Name())
	}
	c, err := m.classifier(f, layer, len(bank.Classes()))
	if err != nil {
		return eval.Score{}, err
	}
	defer c.close()
	if err := c.train(ctx, f, bank, progress); err != nil {
		return eval.Score{}, err
	}
	predictions, err := c.predict(ctx, queries)
	if err != nil {
		return eval.Score{}, err
	}
	labels := make([]int, queries.Len())
	for i := range labels {
		labels[i] = queries.Label(i)
	}
	s := eval.Score{Metric: "finetune_accuracy", Protocol: eval.Protocol{
		Bank: eval.Set{Images: bank.Len()}, Queries: eval.Set{Images: queries.Len()},
		Classes: len(bank.Classes()), Layer: layer,
		Normalisation: "none", Variant: "the whole network and a linear classifier, SGD with Nesterov momentum, crops and flips",
		Epochs: f.Epochs, Batch: min(f.Batch, bank.Len()), LR: f.LR, WeightDecay: f.WeightDecay, Seed: f.Seed,
	}}
	if f.Frozen {
		s.Metric, s.Protocol.Variant = "linear_accuracy", "a linear classifier on the frozen network, SGD with Nesterov momentum, crops and flips"
	}
	s.Accuracy(predictions, labels)
	return s, nil
}

// classifier is a network with a linear classifier on its embedding.
type classifier struct {
	*Model
	layer   string
	classes int
	frozen  bool
	done    int // steps, of what was resumed
}

// classifierScope is the scope of the classifier's parameters.
const classifierScope = "classifier"

// classifier copies the network. What is frozen is not trainable.
func (m *Model) classifier(f Finetune, layer string, classes int) (*classifier, error) {
	if err := m.CheckLayer(layer); err != nil {
		return nil, err
	}
	if m.config.featureDim() > 0 {
		return nil, errors.New("the network is given features, of which no crops and flips can be made: 'alike eval linear' without --sgd fits a classifier to them")
	}
	if classes < 2 {
		return nil, fmt.Errorf("a classifier of %d classes: need images of at least 2", classes)
	}
	store, done, err := f.resumed(m.config.EngineVariant(m.engine))
	if err != nil {
		return nil, err
	}
	if store == nil {
		weights, err := collect(m.store, "")
		if err != nil {
			return nil, err
		}
		store = model.NewStore()
		if err := restore(store, "", weights); err != nil {
			return nil, err
		}
	}
	for v := range store.IterVariables() {
		inNetwork := !strings.HasPrefix(v.Path(), "/"+classifierScope+"/")
		v.SetTrainable(v.Trainable && !(f.Frozen && inNetwork))
	}
	copied, err := newModel(m.engine, store, m.config, m.State)
	return &classifier{copied, layer, classes, f.Frozen, done}, err
}

// resumed is what a training that was stopped has kept, and its step; nil if there is nothing
// that gives the same bits as beginning anew.
func (f Finetune) resumed(engine string) (*model.Store, int, error) {
	steps, err := checkpointSteps(f.Dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(steps) == 0 {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	store, state, err := loadCheckpoint(checkpointPath(f.Dir, slices.Max(steps)), true)
	if errors.Is(err, ErrDamaged) || err == nil && state.Engine != engine {
		return nil, 0, nil
	}
	return store, state.Step, err
}

// save keeps what is trained.
func (c *classifier) save(f Finetune, step, total int) error {
	_, err := writeCheckpoint(f.Dir, c.store, State{Step: step, Total: total, Seed: f.Seed, Engine: c.config.EngineVariant(c.engine)})
	return errors.Join(err, prune(f.Dir, 1))
}

// saveEvery is how much of fine-tuning a kill may cost.
const saveEvery = time.Minute

// parameters are W [C, D] and b [C].
func (c *classifier) parameters(scope *model.Scope, h *Node) (weight, bias *Node) {
	scope = scope.In(classifierScope)
	w := nn.Param(scope, "weight", shapes.Make(h.DType(), c.classes, h.Shape().Dim(-1)), nn.Constant(0))
	b := nn.Param(scope, "bias", shapes.Make(h.DType(), c.classes), nn.Constant(0))
	return w.NodeValue(h), b.NodeValue(h)
}

// compile returns a training step of so many images: of views, labels and the rate it
// gives the loss.
func (c *classifier) compile(o *optimize.SGD, images int) (*model.Exec, error) {
	c.store.RootScope().SetParam(nn.CheckpointParam, c.config.CheckpointBlocks)
	step := func(scope *model.Scope, x, label, lr *Node) *Node {
		scope.Store().SetTraining(x.Graph(), !c.frozen)
		if !c.frozen {
			x = inDType(x, c.config.DType)
		}
		h := c.embedding(scope, x, c.layer)
		if c.frozen {
			h = StopGradient(h)
		}
		weight, bias := c.parameters(scope, h)
		l := (&loss.CrossEntropy{}).Graph(loss.Batch{Z: h, Label: label, Proxies: weight, Bias: bias})
		o.Update(scope, lr, optimize.Gradients(scope, l))
		return l
	}
	exec, err := model.NewExec(c.engine, c.store, step)
	if err == nil {
		_, err = exec.Compile(c.config.inputShape(PixelsFloat32, images), shapes.Make(dtypes.Int32, images), shapes.Make(dtypes.Float32))
	}
	return exec, compileError("fine-tuning", err)
}

// train makes all steps of the schedule.
func (c *classifier) train(ctx context.Context, f Finetune, bank dataset.Dataset, progress func(Progress)) error {
	if err := c.config.checkInput(bank); err != nil {
		return err
	}
	schedule := f.schedule(bank.Len())
	if c.done == schedule.Total() {
		return nil
	}
	views, err := augment.Views(augment.CropFlip(), c.config.Size, 1)
	if err != nil {
		return err
	}
	draws, err := sampler.NewShuffled(bank.Len(), schedule.Batch, f.Seed)
	if err != nil {
		return err
	}
	l := &loader{
		data: bank, draws: draws, views: views, images: schedule.Batch, row: c.config.inputShape(PixelsFloat32, 1).Size(), seed: f.Seed, pixels: PixelsFloat32,
		place: placer(c.engine, c.config), loading: defaultLoading(),
		unusable: func(_ int, err error) error { return err },
	}
	exec, err := c.compile(f.optimizer(), schedule.Batch)
	if err != nil {
		return err
	}
	defer exec.Finalize()
	start, saved, total := time.Now(), time.Now(), schedule.Total()
	stop := l.start(ctx, c.done, total)
	defer stop()
	for step := c.done; step < total; step++ {
		var b batch
		ok := ctx.Err() == nil // whatever is ready
		if ok {
			b, ok = l.next()
		}
		if !ok {
			if f.Dir == "" {
				return fmt.Errorf("fine-tuning: stopped at step %d of %d; nothing is kept: %w", step, total, context.Cause(ctx))
			}
			return fmt.Errorf("fine-tuning: stopped at step %d of %d, which the same command goes on from: %w", step, total, errors.Join(context.Cause(ctx), c.save(f, step, total)))
		}
		if b.err != nil {
			return b.err
		}
		value, err := c.step(exec, b, schedule.At(step))
		if err != nil {
			return err
		}
		l.recycle(b)
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return fmt.Errorf("fine-tuning: the loss is %g at step %d of %d: it has %w; try a smaller --lr", value, step, total, ErrDiverged)
		}
		if f.Dir != "" && time.Since(saved) > saveEvery {
			if err := c.save(f, step+1, total); err != nil {
				return err
			}
			saved = time.Now()
		}
		if progress != nil {
			done, now, took := step+1, step+1-c.done, time.Since(start)
			progress(Progress{done, total, Metric{
				Step: done, Epoch: float64(done*schedule.Batch) / float64(bank.Len()), Loss: value,
				ImagesPerS: float64(now*schedule.Batch) / took.Seconds(),
			}, took / time.Duration(now) * time.Duration(total-done)})
		}
	}
	if f.Dir == "" {
		return nil
	}
	return c.save(f, total, total)
}

// step makes one update and returns the loss before it.
func (c *classifier) step(exec *model.Exec, b batch, lr float64) (float64, error) {
	out, err := exec.Call(b.inputs.views, b.inputs.labels, float32(lr))
	if err = errors.Join(err, b.inputs.finalize()); err != nil {
		return 0, compileError("fine-tuning", err)
	}
	value := float64(tensors.ToScalar[float32](out[0]))
	return value, out[0].FinalizeAll()
}

// predict returns the class with the largest logit for the fixed view of each image,
// the lower one of equals.
func (c *classifier) predict(ctx context.Context, queries dataset.Dataset) ([]int, error) {
	exec, err := c.inference(embedBatch, func(scope *model.Scope, x *Node) *Node {
		h := c.embedding(scope, x, c.layer)
		weight, bias := c.parameters(scope, h)
		return Add(MatMul(h, Transpose(weight, 0, 1)), ExpandDims(bias, 0))
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	predictions := make([]int, queries.Len())
	err = c.forward(ctx, exec, queries, c.classes, 0, func(i int, logits []float32, err error) error {
		for class, v := range logits {
			if v > logits[predictions[i]] {
				predictions[i] = class
			}
		}
		return err
	})
	return predictions, err
}
