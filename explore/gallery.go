package explore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"alike/eval"
	"alike/index"
	"alike/internal/thumbnail"
	"alike/serve"
)

// Gallery is what is looked at: images, and maps of their embeddings. It is empty until Open.
type Gallery struct {
	Name string // for people

	waiting atomic.Pointer[string]
	shown   atomic.Pointer[shown]
	maps    [2]atomic.Pointer[placed] // by kind
	groups  atomic.Pointer[[]int]
	scores  atomic.Pointer[[]Score]
}

// The kinds of maps.
const (
	kindPCA = iota
	kindNeighbours
)

// Images are those of a gallery.
type Images struct {
	Store   *index.Store // which may change: the map is of what it holds now
	Picture func(id string) (image.Image, error)
	Scores  []Score // of the entries, in their order, if they were measured
}

// shown is what there is to look at.
type shown struct {
	points points
	Images
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

// AddTo adds the gallery's routes to its server.
func (g *Gallery) AddTo(s *serve.Server) {
	s.Handle("GET", "/v1/points", g.points)
	s.Handle("GET", "/v1/map", g.coordinates)
	s.Handle("GET", "/v1/clusters", g.clusters)
	s.Handle("GET", "/v1/scores", g.measured)
	s.Handle("GET", "/v1/image", g.image)
}

// Wait says to people for what the gallery waits before it is opened.
func (g *Gallery) Wait(reason string) { g.waiting.Store(&reason) }

// Open shows images. The PCA is there when it returns; the map of neighbours, the clusters and the
// scores are computed meanwhile, until the context ends.
func (g *Gallery) Open(ctx context.Context, log *slog.Logger, images Images) {
	f, rows := featuresOf(images.Store.Snapshot())
	s := &shown{points{f.IDs, f.Labels, append([]string{}, f.Classes...), f.N <= maxLayout && f.N > 2}, images}
	given := make([]Score, 0, len(images.Scores)+2)
	for _, score := range images.Scores {
		given = append(given, score.of(rows))
	}
	pca := PCA(f)
	g.maps[kindPCA].Store(place(pca))
	g.shown.Store(s)
	go func() {
		if err := g.compute(ctx, f, pca, given, s.points.Neighbours); err != nil && ctx.Err() == nil {
			log.Warn("no map of neighbours", "error", err)
		}
	}()
}

// featuresOf are the vectors of a gallery, or of maxMap of its images, evenly spread, and their rows.
// Labels number the classes in the order of their names; -1 is none.
func featuresOf(all *index.Snapshot) (f *eval.Features, rows []int) {
	n := min(all.Len(), maxMap)
	f = &eval.Features{N: n, IDs: make([]string, 0, n), Labels: make([]int, n)}
	var classes []string
	row := 0
	_ = all.Rows(func(e index.Entry, vector []float32) error { // has no error but the visitor's
		if len(rows) < n && row == len(rows)*all.Len()/n {
			f.D, f.Data = len(vector), append(f.Data, vector...)
			f.IDs, classes, rows = append(f.IDs, e.ID), append(classes, e.Class), append(rows, row)
		}
		row++
		return nil
	})
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
	return f, rows
}

// compute finds clusters, then the neighbours: scores of each image by them, and their map.
func (g *Gallery) compute(ctx context.Context, f *eval.Features, pca []Point, scores []Score, neighbours bool) error {
	if f.N == 0 {
		g.groups.Store(&[]int{})
		g.scores.Store(&scores)
		return nil
	}
	found, err := eval.KMeans{Clusters: min(clusters, f.N), Restarts: 1, MaxIterations: 50, Seed: layoutSeed}.Run(ctx, f)
	if err != nil {
		return err
	}
	g.groups.Store(&found[0].Of)
	if !neighbours {
		g.scores.Store(&scores)
		return nil
	}
	layout := DefaultLayout()
	near, err := layout.neighbours(ctx, f)
	if err != nil {
		return err
	}
	scores = append(scores, byNeighbours(f, near)...)
	g.scores.Store(&scores)
	points, err := layout.place(ctx, near, pca)
	if err != nil {
		return err
	}
	g.maps[kindNeighbours].Store(place(points))
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
	m := placed{X: make([]float32, 0, len(from)), Y: make([]float32, 0, len(from))} // no places are an empty list in JSON
	for _, p := range from {
		m.X = append(m.X, round((p.X-(low.X+high.X)/2)/half))
		m.Y = append(m.Y, round((p.Y-(low.Y+high.Y)/2)/half))
	}
	return &m
}

var errLoading = serve.Fail(http.StatusServiceUnavailable, "the gallery is still being loaded; try later")

func (g *Gallery) points(w http.ResponseWriter, _ *http.Request) error {
	s := g.shown.Load()
	if s == nil {
		return errLoading
	}
	return serve.Answer(w, http.StatusOK, s.points)
}

func (g *Gallery) coordinates(w http.ResponseWriter, r *http.Request) error {
	values, err := serve.Parameters(r, "kind")
	if err != nil {
		return err
	}
	kind := map[string]int{"pca": kindPCA, "neighbours": kindNeighbours}
	k, ok := kind[values.Get("kind")]
	if !ok {
		return serve.Fail(http.StatusBadRequest, "kind %.20q: want pca or neighbours", values.Get("kind"))
	}
	return answerWhenDone(w, &g.maps[k], "the map is")
}

func (g *Gallery) clusters(w http.ResponseWriter, _ *http.Request) error {
	return answerWhenDone(w, &g.groups, "the clusters are")
}

func (g *Gallery) measured(w http.ResponseWriter, _ *http.Request) error {
	return answerWhenDone(w, &g.scores, "the scores are")
}

// answerWhenDone answers with what is computed in the background, or that it is not done.
func answerWhenDone[T any](w http.ResponseWriter, what *atomic.Pointer[T], name string) error {
	v := what.Load()
	if v == nil {
		return serve.Fail(http.StatusServiceUnavailable, "%s still being computed; try later", name)
	}
	return serve.Answer(w, http.StatusOK, v)
}

// sizes are the sides of pictures that may be asked for.
var sizes = map[string]int{"": 128, "64": 64, "128": 128, "512": 512}

// image answers with a picture of the gallery, at most that large.
func (g *Gallery) image(w http.ResponseWriter, r *http.Request) error {
	values, err := serve.Parameters(r, "id", "size", "again") // the last makes another address of a picture that was replaced
	if err != nil {
		return err
	}
	side, ok := sizes[values.Get("size")]
	if !ok {
		return serve.Fail(http.StatusBadRequest, "size %.20q: want 64, 128 or 512", values.Get("size"))
	}
	s := g.shown.Load()
	if s == nil {
		return errLoading
	}
	id := values.Get("id")
	if _, _, ok := s.Store.Get(id); !ok {
		return serve.Fail(http.StatusNotFound, "id %.60q: there is no such image", id)
	}
	img, err := s.Picture(id)
	if err != nil {
		return serve.Fail(http.StatusNotFound, "id %.60q: its file cannot be read any more", id)
	}
	body, kind, err := thumbnail.Encode(img, side)
	if err != nil {
		return err
	}
	// The address says nothing of the data, which change under it: a browser asks each time whether what it has is right.
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(body)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return nil
}
