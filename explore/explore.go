// Package explore is a page in the browser on which a gallery is looked at: the
// images most like one, from there to the next, and a map of all embeddings. The
// page is part of the program and loads nothing from elsewhere.
package explore

import (
	"bytes"
	"context"
	"embed"
	"image"
	"image/jpeg"
	"image/png"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/image/draw"

	"alike/eval"
	"alike/index"
	"alike/serve"
)

//go:embed page
var files embed.FS

// policy lets the page load its own files and show images that were dropped on it,
// and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Page is the page and what it shows. The zero value shows that it is loading.
type Page struct {
	gallery atomic.Pointer[gallery]
	maps    [2]atomic.Pointer[placed] // by kind
	groups  atomic.Pointer[[]int]
}

// The kinds of maps.
const (
	kindPCA = iota
	kindNeighbours
)

// gallery is what there is to look at.
type gallery struct {
	shown points
	has   func(id string) bool
	image func(id string) (image.Image, error)
}

// points are the images of the map.
type points struct {
	IDs     []string `json:"ids"`
	Labels  []int    `json:"labels"`  // -1 for none
	Classes []string `json:"classes"` // names of the labels
	// Neighbours says whether a map of neighbours will be there.
	Neighbours bool `json:"neighbours"`
}

// placed is a map: a place of each point, rounded, in [-1, 1].
type placed struct {
	X []float32 `json:"x"`
	Y []float32 `json:"y"`
}

// maxLayout is the most images of a map of neighbours, maxMap of any.
const (
	maxLayout = 60_000
	maxMap    = 200_000
	clusters  = 12
)

// AddTo adds the page's routes to a server.
func (p *Page) AddTo(s *serve.Server) error {
	entries, err := files.ReadDir("page")
	if err != nil {
		return err
	}
	for _, e := range entries {
		body, err := files.ReadFile("page/" + e.Name())
		if err != nil {
			return err
		}
		route := "/" + e.Name()
		if e.Name() == "index.html" {
			route = "/"
		}
		s.Handle("GET", route, asset(mime.TypeByExtension(path.Ext(e.Name())), body))
	}
	s.Handle("GET", "/v1/points", p.points)
	s.Handle("GET", "/v1/map", p.coordinates)
	s.Handle("GET", "/v1/clusters", p.clusters)
	s.Handle("GET", "/v1/image", p.image)
	return nil
}

func asset(kind string, body []byte) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		_, _ = w.Write(body) // the client may have gone
		return nil
	}
}

// Open shows the images of an index, whose pictures picture returns by their IDs. The
// PCA is there when it returns; the map of neighbours and the clusters are computed
// meanwhile, until the context ends.
func (p *Page) Open(ctx context.Context, log *slog.Logger, x *index.Index, picture func(id string) (image.Image, error)) {
	g := &gallery{image: picture, has: func(id string) bool { _, ok := x.Find(id); return ok }}
	shown := featuresOf(x)
	g.shown = points{shown.IDs, shown.Labels, append([]string{}, shown.Classes...), shown.N <= maxLayout && shown.N > 2}
	pca := PCA(shown)
	p.maps[kindPCA].Store(place(pca))
	p.gallery.Store(g)
	go func() {
		if err := p.compute(ctx, shown, pca, g.shown.Neighbours); err != nil && ctx.Err() == nil {
			log.Warn("no map of neighbours", "error", err)
		}
	}()
}

// featuresOf are the vectors of an index, or of maxMap of its images, evenly spread.
// Labels number the classes in the order of their names; -1 is none.
func featuresOf(x *index.Index) *eval.Features {
	n := min(x.Len(), maxMap)
	f := &eval.Features{N: n, D: x.About.Dim, Data: make([]float32, 0, n*x.About.Dim), IDs: make([]string, n), Labels: make([]int, n)}
	classes := make([]string, n)
	for i := range n {
		row := i * x.Len() / n
		f.Data = append(f.Data, x.Vector(row)...)
		f.IDs[i], classes[i] = x.Entry(row).ID, x.Entry(row).Class
	}
	f.Classes = slices.Compact(slices.Sorted(slices.Values(classes)))
	if len(f.Classes) > 0 && f.Classes[0] == "" {
		f.Classes = f.Classes[1:]
	}
	for i, c := range classes {
		if label, ok := slices.BinarySearch(f.Classes, c); ok {
			f.Labels[i] = label
		} else {
			f.Labels[i] = -1
		}
	}
	return f
}

// compute finds clusters, then the map of neighbours.
func (p *Page) compute(ctx context.Context, f *eval.Features, pca []Point, neighbours bool) error {
	found, err := eval.KMeans{Clusters: min(clusters, f.N), Restarts: 1, MaxIterations: 50, Seed: layoutSeed}.Run(ctx, f)
	if err != nil {
		return err
	}
	p.groups.Store(&found[0].Of)
	if !neighbours {
		return nil
	}
	layout, err := DefaultLayout().Run(ctx, f, pca)
	if err != nil {
		return err
	}
	p.maps[kindNeighbours].Store(place(layout))
	return nil
}

// place scales a map to [-1, 1], around the middle of its points.
func place(from []Point) *placed {
	low, high := Point{math.Inf(1), math.Inf(1)}, Point{math.Inf(-1), math.Inf(-1)}
	for _, p := range from {
		low, high = Point{min(low.X, p.X), min(low.Y, p.Y)}, Point{max(high.X, p.X), max(high.Y, p.Y)}
	}
	half := max(high.X-low.X, high.Y-low.Y, 1e-12) / 2
	round := func(v float64) float32 { return float32(math.Round(v*1e5) / 1e5) }
	var m placed
	for _, p := range from {
		m.X = append(m.X, round((p.X-(low.X+high.X)/2)/half))
		m.Y = append(m.Y, round((p.Y-(low.Y+high.Y)/2)/half))
	}
	return &m
}

var errLoading = serve.Fail(http.StatusServiceUnavailable, "the gallery is still being loaded; try later")

func (p *Page) points(w http.ResponseWriter, _ *http.Request) error {
	g := p.gallery.Load()
	if g == nil {
		return errLoading
	}
	return serve.Answer(w, http.StatusOK, g.shown)
}

func (p *Page) coordinates(w http.ResponseWriter, r *http.Request) error {
	values, err := serve.Parameters(r, "kind")
	if err != nil {
		return err
	}
	kind := map[string]int{"pca": kindPCA, "neighbours": kindNeighbours}
	k, ok := kind[values.Get("kind")]
	if !ok {
		return serve.Fail(http.StatusBadRequest, "kind %.20q: want pca or neighbours", values.Get("kind"))
	}
	m := p.maps[k].Load()
	if m == nil {
		return serve.Fail(http.StatusServiceUnavailable, "the map is still being computed; try later")
	}
	return serve.Answer(w, http.StatusOK, m)
}

func (p *Page) clusters(w http.ResponseWriter, _ *http.Request) error {
	of := p.groups.Load()
	if of == nil {
		return serve.Fail(http.StatusServiceUnavailable, "the clusters are still being computed; try later")
	}
	return serve.Answer(w, http.StatusOK, map[string][]int{"of": *of})
}

// sizes are the sides of pictures that may be asked for.
var sizes = map[string]int{"": 128, "64": 64, "128": 128, "512": 512}

// image answers with a picture of the gallery, at most that large.
func (p *Page) image(w http.ResponseWriter, r *http.Request) error {
	values, err := serve.Parameters(r, "id", "size")
	if err != nil {
		return err
	}
	side, ok := sizes[values.Get("size")]
	if !ok {
		return serve.Fail(http.StatusBadRequest, "size %.20q: want 64, 128 or 512", values.Get("size"))
	}
	g := p.gallery.Load()
	if g == nil {
		return errLoading
	}
	id := values.Get("id")
	if !g.has(id) {
		return serve.Fail(http.StatusNotFound, "id %.60q: there is no such image", id)
	}
	img, err := g.image(id)
	if err != nil {
		return serve.Fail(http.StatusNotFound, "id %.60q: its file cannot be read any more", id)
	}
	body, kind, err := picture(img, side)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(body) // the client may have gone
	return nil
}

// picture encodes an image: small ones as they are, larger ones scaled down.
func picture(m image.Image, side int) (body []byte, kind string, err error) {
	var b bytes.Buffer
	size := m.Bounds().Size()
	longer := max(size.X, size.Y)
	if longer <= min(side, 64) {
		err = png.Encode(&b, m)
		return b.Bytes(), "image/png", err
	}
	if longer > side {
		small := image.NewRGBA(image.Rect(0, 0, max(1, size.X*side/longer), max(1, size.Y*side/longer)))
		draw.BiLinear.Scale(small, small.Rect, m, m.Bounds(), draw.Src, nil)
		m = small
	}
	err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 88})
	return b.Bytes(), "image/jpeg", err
}
