package cli

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"alike"
	"alike/dataset"
	"alike/eval"
	"alike/index"
	"alike/index/weaviate"
	"alike/pretrained"
)

// galleryFlags say what is searched, beside the INDEX or RUN.
type galleryFlags struct {
	data  dataFlags
	which modelFlags
	split string
	model string
}

func (f *galleryFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.data.spec, "data", "", "SPEC of the images (default: those of the index, or that the run was trained on)")
	f.data.addOthers(c)
	f.which.add(c)
	c.Flags().StringVar(&f.split, "split", "", "split of a RUN's images to search (default: the only one, or test)")
	c.Flags().StringVar(&f.model, "model", "", "RUN or MODEL.onnx that embeds the query (default: the one that made the index)")
}

// gallery is what is searched. The model and the images of an index are opened only
// when a query or a picture needs them.
type gallery struct {
	index  *index.Index // nil of a collection
	search func(ctx context.Context, queries *eval.Features, k int, f index.Filter) ([][]index.Hit, error)
	find   func(ctx context.Context, id string) (vector []float32, ok bool, err error)
	model  func() (*alike.Model, error)
	images func() (dataset.Dataset, error)
	byID   func() (map[string]int, error) // places in images
	from   index.Data                     // which images, in whose order the index is; the zero value for an index that was opened
	close  func()
}

// present says so if there is neither an index nor a run of that name.
func present(name string) error {
	if _, err := os.Stat(name); err != nil {
		return fmt.Errorf("%s is neither an index nor a run: %w", name, err)
	}
	return nil
}

// gallery opens an index, or embeds the images of a run.
func (a *app) gallery(ctx context.Context, name string, f galleryFlags) (*gallery, error) {
	if index.Is(name) {
		return a.indexGallery(ctx, name, f)
	}
	if err := present(name); err != nil {
		return nil, err
	}
	if f.model != "" {
		return nil, misuse("--model is for an index; %s is a run", name)
	}
	model, err := a.model(name, f.which)
	if err != nil {
		return nil, err
	}
	g, err := a.runGallery(ctx, name, model, f)
	if err != nil {
		model.Close()
	}
	return g, err
}

func (a *app) runGallery(ctx context.Context, run string, model *alike.Model, f galleryFlags) (*gallery, error) {
	source, err := a.openFor(ctx, run, f.data)
	if err != nil {
		return nil, err
	}
	d, split, err := splitOf(source, f.split)
	if err != nil {
		return nil, err
	}
	bar := a.progress("embedding "+d.Name(), d.Len())
	features, err := model.Features(ctx, d, dataset.All, func(done int) { bar.at(done, fmt.Sprintf("of %d", d.Len())) })
	bar.done()
	if err != nil {
		return nil, err
	}
	x, err := index.New(features)
	if err != nil {
		return nil, err
	}
	g := &gallery{
		index:  x,
		search: x.SearchWhere,
		find:   findIn(x),
		model:  func() (*alike.Model, error) { return model, nil },
		images: func() (dataset.Dataset, error) { return d, nil },
		from:   index.Data{Spec: source.Spec, Split: split, Classes: source.Classes},
		close:  model.Close,
	}
	g.findByID()
	return g, nil
}

func (a *app) indexGallery(ctx context.Context, dir string, f galleryFlags) (*gallery, error) {
	if f.which.layer != "" || f.which.step >= 0 || f.which.preprocess != "" || f.split != "" {
		return nil, misuse("--layer, --step, --preprocess and --split are for a run or a file; the index %s says what it was made from", dir)
	}
	x, err := index.Open(dir)
	if err != nil {
		return nil, err
	}
	g := a.galleryOf(ctx, x.About, f)
	g.index, g.search, g.find = x, x.SearchWhere, findIn(x)
	closeModel := g.close
	g.close = func() {
		closeModel()
		x.Close()
	}
	return g, nil
}

// collectionGallery opens a collection of Weaviate.
func (a *app) collectionGallery(ctx context.Context, address string, f galleryFlags) (*gallery, error) {
	if f.which.layer != "" || f.which.step >= 0 || f.split != "" {
		return nil, misuse("--layer, --step and --split are for a run; the collection says what it was made from")
	}
	c, err := openCollection(ctx, address)
	if err != nil {
		return nil, err
	}
	g := a.galleryOf(ctx, c.About, f)
	g.search = c.SearchWhere
	g.find = func(ctx context.Context, id string) ([]float32, bool, error) {
		_, v, err := c.Get(ctx, id)
		if errors.Is(err, weaviate.ErrNoObject) {
			return nil, false, nil
		}
		return v, err == nil, err
	}
	return g, nil
}

// galleryOf has the model and the images of vectors that were made before.
func (a *app) galleryOf(ctx context.Context, about index.About, f galleryFlags) *gallery {
	var opened *alike.Model
	g := &gallery{
		model: sync.OnceValues(func() (m *alike.Model, err error) {
			opened, err = a.modelOf(about, f.model)
			return opened, err
		}),
		images: sync.OnceValues(func() (dataset.Dataset, error) { return a.imagesOf(ctx, about.Data, f.data) }),
		close: func() {
			if opened != nil {
				opened.Close()
			}
		},
	}
	g.findByID()
	return g
}

// findIn finds vectors of an index.
func findIn(x *index.Index) func(context.Context, string) ([]float32, bool, error) {
	return func(_ context.Context, id string) ([]float32, bool, error) {
		row, ok := x.Find(id)
		if !ok {
			return nil, false, nil
		}
		return x.Vector(row), true, nil
	}
}

// modelOf opens the model that made an index, from the run that it names or another
// that has the same weights.
func (a *app) modelOf(about index.About, run string) (*alike.Model, error) {
	if run == "" {
		run = about.Model.Name
		if _, err := os.Stat(run); err != nil {
			return nil, fmt.Errorf("the run that made the index, %s, is not there; --model RUN says where it is now", run)
		}
	}
	which := modelFlags{layer: about.Layer, step: about.Model.Step}
	if pretrained.Is(run) {
		which.step, which.preprocess = -1, about.Model.Preprocessing
	}
	m, err := a.model(run, which)
	if err != nil {
		return nil, err
	}
	if got := m.Subject().WeightsSHA256; got != about.Model.WeightsSHA256 {
		m.Close()
		return nil, fmt.Errorf("the run %s has the weights %.12s at step %d, the index was made with %.12s: their embeddings cannot be compared; embed the images again", run, got, about.Model.Step, about.Model.WeightsSHA256)
	}
	return m, nil
}

// imagesOf opens the images of an index, none of which is decoded before it is asked for.
func (a *app) imagesOf(ctx context.Context, from index.Data, f dataFlags) (dataset.Dataset, error) {
	if f.spec == "" {
		f.spec, f.classes = from.Spec, from.Classes
	}
	f.unchecked = true
	source, err := a.open(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("the images of the index: %w; --data SPEC says where they are now", err)
	}
	return source.Split(from.Split)
}

func (g *gallery) findByID() {
	g.byID = sync.OnceValues(func() (map[string]int, error) {
		d, err := g.images()
		if err != nil {
			return nil, err
		}
		places := make(map[string]int, d.Len())
		for i := range d.Len() {
			places[d.ID(i)] = i
		}
		return places, nil
	})
}

// image is the image of that ID.
func (g *gallery) image(id string) (image.Image, error) {
	places, err := g.byID()
	if err != nil {
		return nil, err
	}
	d, err := g.images()
	if err != nil {
		return nil, err
	}
	i, ok := places[id]
	if !ok {
		return nil, fmt.Errorf("%s has no image %s any more", d.Name(), id)
	}
	img, err := d.Image(i)
	if err != nil {
		return nil, fmt.Errorf("%s: image %s: %w", d.Name(), id, err)
	}
	return img.RGBA(), nil
}

// query is what is searched for: a vector that is there already, or an image to embed.
type query struct {
	gallery *gallery
	vector  []float32 // nil for an image
	image   func() (image.Image, error)
}

// query is a file's image, or the entry of that id.
func (g *gallery) query(ctx context.Context, name string) (*query, error) {
	file, err := os.ReadFile(name)
	if err == nil {
		img, err := dataset.Decode(file, 64_000_000)
		if err != nil {
			return nil, fmt.Errorf("--query %s: %w", name, err)
		}
		return &query{g, nil, func() (image.Image, error) { return img.RGBA(), nil }}, nil
	}
	vector, ok, notFound := g.find(ctx, name)
	if notFound != nil {
		return nil, notFound
	}
	if ok {
		return &query{g, vector, func() (image.Image, error) { return g.image(name) }}, nil
	}
	return nil, fmt.Errorf("--query %s: %w, and there is no image of that id", name, err)
}

// crop makes the query a part of its image.
func (q *query) crop(part image.Rectangle) error {
	img, err := q.image()
	if err != nil {
		return err
	}
	img, err = cropped(img, part)
	q.vector, q.image = nil, func() (image.Image, error) { return img, nil }
	return err
}

// features are the query's embedding.
func (q *query) features(ctx context.Context) (*eval.Features, error) {
	if q.vector != nil {
		return &eval.Features{N: 1, D: len(q.vector), Data: q.vector}, nil
	}
	img, err := q.image()
	if err != nil {
		return nil, err
	}
	m, err := q.gallery.model()
	if err != nil {
		return nil, err
	}
	v, err := m.Embed(ctx, []image.Image{img})
	if err != nil {
		return nil, err
	}
	return &eval.Features{N: 1, D: len(v[0]), Data: v[0]}, nil
}
