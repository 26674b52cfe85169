// Package alike puts trained image embeddings to use: images in which similar
// things are shown get vectors that are near each other.
//
//	model, err := alike.Open("runs/simclr", alike.Options{})
//	photos, err := dataset.Open(ctx, "photos/", dataset.Options{})
//	all, err := photos.Split(dataset.All)
//	index, err := model.Index(ctx, all)
//	hits, err := index.Search(ctx, img, 5)
//
// Runs are trained by the command alike, or by package train.
package alike

import (
	"context"
	"errors"
	"fmt"
	"image"

	"github.com/gomlx/compute"

	"alike/backend"
	"alike/dataset"
	_ "alike/dataset/builtin" // the generated images, for all who open data
	"alike/eval"
	"alike/index"
	"alike/infer"
	"alike/pretrained"
	"alike/train"
)

// Options choose how a run is opened. The zero value is the last checkpoint, the
// method's layer and the default engine.
type Options struct {
	// Step is the checkpoint to open, by its step; 0 is the last, unless First
	// asks for the untrained network, which needs no checkpoint.
	Step  int
	First bool
	// Layer is the embedding: "h", the representation; "z", the projection that the
	// loss saw; or a block of the encoder, such as "layer2", its output averaged over
	// pixels. Empty is what the method declares.
	Layer string
	// Backend names the engine, as backend.Open does.
	Backend string
	// Preprocess says how images come to the network of a file of ONNX, as KEY=VALUE separated by
	// blanks, where neither the file nor what stands beside it does; see docs/interop.md. A run knows.
	Preprocess string
}

// Model embeds images with the network of a checkpoint, or of a file of ONNX. Goroutines may
// share it; they take turns.
type Model struct {
	name    string
	network network
	engine  compute.Backend
	layer   string

	run     *train.Run   // nil for a file
	trained *train.Model // its network
}

// Open opens a run directory, or by its name a file of ONNX that others trained, of which the layer is
// one of its tensors. The caller closes the model.
func Open(path string, o Options) (*Model, error) {
	engine, err := backend.Open(o.Backend)
	if err != nil {
		return nil, err
	}
	m := &Model{name: path, engine: engine, layer: o.Layer}
	open := m.openRun
	if pretrained.Is(path) {
		open = m.openFile
	}
	if err := open(path, o); err != nil {
		engine.Finalize()
		return nil, err
	}
	return m, nil
}

func (m *Model) openFile(path string, o Options) error {
	if o.Step != 0 || o.First {
		return fmt.Errorf("%s is a file, which has no checkpoints to choose a step of", path)
	}
	p, err := pretrained.Open(path, o.Layer, o.Preprocess, m.engine)
	if err != nil {
		return err
	}
	m.network, m.layer = p, p.Layer()
	return nil
}

func (m *Model) openRun(dir string, o Options) (err error) {
	if m.run, err = train.Open(dir); err != nil {
		return err
	}
	if o.Preprocess != "" {
		return fmt.Errorf("%s is a run, which knows how its images are prepared; that is for files of ONNX", dir)
	}
	switch {
	case o.First:
		m.trained, err = m.run.Untrained(m.engine)
	case o.Step == 0:
		m.trained, err = m.run.Model(m.engine, -1)
	default:
		m.trained, err = m.run.Model(m.engine, o.Step)
	}
	if err != nil {
		return err
	}
	if m.layer == "" {
		m.layer = m.trained.Layer()
	}
	m.network = m.trained
	if base := m.run.Config.Base; base != nil {
		m.network = newStacked(m.trained, *base, o.Backend)
	}
	return m.trained.CheckLayer(m.layer)
}

// Close frees the engine; the model is of no use afterwards.
func (m *Model) Close() {
	if n, ok := m.network.(interface{ Close() }); ok { // of programs and engines of its own
		n.Close()
	}
	m.engine.Finalize()
}

// Dim is the number of values of an embedding.
func (m *Model) Dim() int { return m.network.Dim(m.layer) }

// Subject identifies the model in scores.
func (m *Model) Subject() eval.Subject { return m.network.Subject(m.name) }

// Embed returns an embedding of Dim values for each image, not normalised. An
// image is resized and cropped to the training size as evaluation does; its
// embedding does not depend on the others.
func (m *Model) Embed(ctx context.Context, images []image.Image) ([][]float32, error) {
	set := &dataset.Memory{Title: "images"}
	for i, img := range images {
		if img == nil || img.Bounds().Empty() {
			return nil, fmt.Errorf("alike: image %d is empty", i)
		}
		set.Images = append(set.Images, dataset.FromImage(img))
	}
	flat, err := m.embed(ctx, set, nil)
	if err != nil {
		return nil, err
	}
	return m.rows(flat), nil
}

// Prepare is what the network sees of an image, resized and cropped as evaluation
// does: a server keeps it instead of the image, which may be large. It is nil where the network sees
// features, whose Size is 0.
func (m *Model) Prepare(img dataset.Image) []float32 {
	if m.Size() == 0 {
		return nil
	}
	return m.network.Prepare(img)
}

// EmbedPrepared returns an embedding for each image that Prepare made ready. It is
// faster for a few than Embed, from which it differs by rounding alone.
func (m *Model) EmbedPrepared(ctx context.Context, prepared [][]float32) ([][]float32, error) {
	flat, err := m.network.EmbedPrepared(ctx, prepared, m.layer)
	return m.rows(flat), err
}

// rows are the rows of flat [N, Dim].
func (m *Model) rows(flat []float32) [][]float32 {
	rows := make([][]float32, len(flat)/m.Dim())
	for i := range rows {
		rows[i] = flat[i*m.Dim():][:m.Dim():m.Dim()]
	}
	return rows
}

// Size is the side of the images that the network sees, in pixels; 0 where it is given features.
func (m *Model) Size() int { return m.network.Size() }

// EmbedEach calls visit with each image of a data set, in order: with its embeddings
// [1+views, Dim()], of it as evaluation sees it, then of augmented views made as the run's, not
// normalised, which visit may change and which are valid until it returns; or with the
// error of an image that cannot be read. It ends with the first error of visit.
func (m *Model) EmbedEach(ctx context.Context, data dataset.Dataset, views int, visit func(i int, h []float32, err error) error) error {
	return m.network.EmbedEach(ctx, data, m.layer, views, visit)
}

// embed returns the embeddings [N, Dim()] of a data set; progress may be nil.
func (m *Model) embed(ctx context.Context, data dataset.Dataset, progress func(done int)) ([]float32, error) {
	each := func(visit func(i int, h []float32, err error) error) error { return m.EmbedEach(ctx, data, 0, visit) }
	return infer.Collect(each, data.Len(), m.Dim(), progress)
}

// Layer is the embedding: "h" or "z".
func (m *Model) Layer() string { return m.layer }

// Features embeds a data set for evaluation or an index. split is its name in
// the protocols of scores; progress, if set, is told how many images are done.
func (m *Model) Features(ctx context.Context, data dataset.Dataset, split string, progress func(done int)) (*eval.Features, error) {
	flat, err := m.embed(ctx, data, progress)
	if err != nil {
		return nil, err
	}
	f := eval.NewFeatures(data, m.Dim())
	f.Data, f.Layer, f.Set.Split = flat, m.layer, split
	return f, nil
}

// About says what the model's embeddings are, for an index.
func (m *Model) About() index.About {
	return index.About{Dim: m.Dim(), Layer: m.layer, Size: m.network.Size(), Model: m.Subject()}
}

// Finetune trains a classifier on the model's layer, with or without the network below
// it, and measures its accuracy. The model stays as it is. progress
// may be nil.
func (m *Model) Finetune(ctx context.Context, f train.Finetune, bank, queries dataset.Dataset, progress func(train.Progress)) (eval.Score, error) {
	if m.trained == nil {
		return eval.Score{}, fmt.Errorf("%s is a file of ONNX, whose network stays as it is: train a head on its embeddings ('alike train ice --from-features'), or measure it by 'alike eval knn' and 'linear'", m.name)
	}
	return f.Score(ctx, m.trained, m.layer, bank, queries, progress)
}

// Index embeds the images of a data set, to be searched.
func (m *Model) Index(ctx context.Context, gallery dataset.Dataset) (*Index, error) {
	f, err := m.Features(ctx, gallery, dataset.All, nil)
	if err != nil {
		return nil, err
	}
	x, err := index.New(f)
	if err != nil {
		return nil, err
	}
	return &Index{m, x}, nil
}

// Index searches a gallery of images for similar ones. Goroutines may share it.
type Index struct {
	model *Model
	index *index.Index
}

// Hit is an image of the gallery that was found.
type Hit = index.Hit

// Len is the number of images in the gallery.
func (x *Index) Len() int { return x.index.Len() }

// Search returns the k images of the gallery that are most like the query by
// the cosine of their embeddings, the most alike first.
func (x *Index) Search(ctx context.Context, query image.Image, k int) ([]Hit, error) {
	if k < 1 {
		return nil, errors.New("alike: k must be at least 1")
	}
	v, err := x.model.Embed(ctx, []image.Image{query})
	if err != nil {
		return nil, err
	}
	hits, err := x.index.Search(ctx, &eval.Features{N: 1, D: len(v[0]), Data: v[0]}, k)
	if err != nil {
		return nil, err
	}
	return hits[0], nil
}
