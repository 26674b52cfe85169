package serve

import (
	_ "embed"
	"math"
	"net/http"

	"alike/dataset"
)

//go:embed openapi.json
var openAPI []byte

// addRoutes lists what there is. openapi.json describes each; a test compares them.
func (s *Server) addRoutes() {
	s.handle("GET", "/healthz", handler{s.health, true})
	s.handle("GET", "/readyz", handler{s.readiness, true})
	s.handle("GET", "/openapi.json", handler{s.describe, true})
	s.Handle("GET", "/metrics", s.metrics.serve)
	s.Handle("GET", "/v1/info", s.info)
	s.Handle("POST", "/v1/embed", s.embed)
	s.Handle("POST", "/v1/search", s.search)
	s.Handle("GET", "/v1/neighbours", s.neighbours)
	s.Handle("PUT", "/v1/images", s.put)
	s.Handle("DELETE", "/v1/images", s.delete)
}

// health says that the process answers.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	return Answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness says whether requests should be sent here.
func (s *Server) readiness(w http.ResponseWriter, _ *http.Request) error {
	if _, err := s.ready(); err != nil {
		return err
	}
	return Answer(w, http.StatusOK, map[string]string{"status": "ready"})
}

func (s *Server) describe(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI)
	return nil
}

func (s *Server) info(w http.ResponseWriter, r *http.Request) error {
	v, err := s.ready()
	if err != nil {
		return err
	}
	return Answer(w, http.StatusOK, struct {
		About
		Images   int  `json:"images"`
		Writable bool `json:"writable"`
	}{v.about, v.store.Len(), v.journal != nil})
}

func (s *Server) embed(w http.ResponseWriter, r *http.Request) error {
	v, err := s.ready()
	if err != nil {
		return err
	}
	q, err := Parameters(r, "normalize")
	if err != nil {
		return err
	}
	normalize := q.Get("normalize")
	if normalize != "" && normalize != "true" && normalize != "false" {
		return Fail(http.StatusBadRequest, "normalize %.20q: want true or false", normalize)
	}
	views, err := s.views(r, v, s.config.MaxBatch, nil)
	if err != nil {
		return err
	}
	vectors, err := v.embed.do(r.Context(), views...)
	if err != nil {
		return err
	}
	if err := finite(vectors); err != nil {
		return err
	}
	if normalize == "true" {
		for _, x := range vectors {
			scaleToUnit(x)
		}
	}
	return Answer(w, http.StatusOK, struct {
		Layer         string      `json:"layer"`
		Dim           int         `json:"dim"`
		Normalized    bool        `json:"normalized"`
		WeightsSHA256 string      `json:"weights_sha256"`
		Embeddings    [][]float32 `json:"embeddings"`
	}{v.about.Layer, v.model.Dim(), normalize == "true", v.about.WeightsSHA256, vectors})
}

// vectorOf is the vector that a request holds as JSON, or that of the image that it holds, which look,
// unless it is nil, is shown.
func (s *Server) vectorOf(r *http.Request, v *service, look func(dataset.Image) error) ([]float32, error) {
	asJSON, err := isJSON(r)
	if err != nil {
		return nil, err
	}
	if !asJSON {
		return s.embedOne(r, v, look)
	}
	var body struct {
		Vector []float32 `json:"vector"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	return body.Vector, v.vector(body.Vector)
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) error {
	v, err := s.ready()
	if err != nil {
		return err
	}
	values, err := Parameters(r, "k", "class", "path")
	if err != nil {
		return err
	}
	q, err := s.query(values)
	if err != nil {
		return err
	}
	if q.vector, err = s.vectorOf(r, v, nil); err != nil {
		return err
	}
	hits, err := v.search.do(r.Context(), q)
	if err != nil {
		return err
	}
	return answerHits(w, hits[0])
}

// embedOne embeds the one image of the body.
func (s *Server) embedOne(r *http.Request, v *service, look func(dataset.Image) error) ([]float32, error) {
	views, err := s.views(r, v, 1, look)
	if err != nil {
		return nil, err
	}
	vectors, err := v.embed.do(r.Context(), views...)
	if err != nil {
		return nil, err
	}
	return vectors[0], finite(vectors)
}

// finite refuses what JSON cannot hold and what no search can compare.
func finite(vectors [][]float32) error {
	for _, v := range vectors {
		for _, x := range v {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return Fail(http.StatusInternalServerError, "the embedding holds %g: the network has diverged", x)
			}
		}
	}
	return nil
}

func answerHits(w http.ResponseWriter, hits []hit) error {
	if hits == nil {
		hits = []hit{}
	}
	return Answer(w, http.StatusOK, map[string][]hit{"hits": hits})
}

func (s *Server) neighbours(w http.ResponseWriter, r *http.Request) error {
	v, err := s.ready()
	if err != nil {
		return err
	}
	values, err := Parameters(r, "id", "k", "class", "path")
	if err != nil {
		return err
	}
	q, err := s.query(values)
	if err != nil {
		return err
	}
	id, k, ok := values.Get("id"), q.k, false
	if _, q.vector, ok = v.store.Get(id); !ok {
		return Fail(http.StatusNotFound, "id %.60q: there is no such image", id)
	}
	q.k++ // itself is the nearest
	found, err := v.search.do(r.Context(), q)
	if err != nil {
		return err
	}
	var hits []hit
	for _, h := range found[0] {
		if h.ID != id && len(hits) < k {
			hits = append(hits, h)
		}
	}
	return answerHits(w, hits)
}

var errReadOnly = Fail(http.StatusForbidden, "the server is read-only; start it with --journal FILE to let images be added and deleted")

func (s *Server) put(w http.ResponseWriter, r *http.Request) error {
	v, err := s.ready()
	if err != nil {
		return err
	}
	values, err := Parameters(r, "id", "class")
	if err != nil {
		return err
	}
	c := change{id: values.Get("id"), class: values.Get("class")}
	if v.journal == nil {
		return errReadOnly
	}
	if err := newID(c.id); err != nil {
		return err
	}
	if err := name("class", c.class); err != nil {
		return err
	}
	var looks []byte
	if c.vector, err = s.vectorOf(r, v, func(img dataset.Image) (err error) {
		if v.keep != "" {
			looks, err = picture(img)
		}
		return err
	}); err != nil {
		return err
	}
	replaced, err := v.write.do(r.Context(), edit{c, looks})
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if replaced[0] {
		status = http.StatusOK
	}
	return Answer(w, status, map[string]any{"id": c.id, "replaced": replaced[0]})
}

func (s *Server) delete(w http.ResponseWriter, r *http.Request) error {
	v, err := s.ready()
	if err != nil {
		return err
	}
	values, err := Parameters(r, "id")
	if err != nil {
		return err
	}
	if v.journal == nil {
		return errReadOnly
	}
	id := values.Get("id")
	missing := Fail(http.StatusNotFound, "id %.60q: there is no such image", id)
	if _, _, ok := v.store.Get(id); !ok {
		return missing
	}
	existed, err := v.write.do(r.Context(), edit{change: change{id: id}})
	if err != nil {
		return err
	}
	if !existed[0] {
		return missing
	}
	return Answer(w, http.StatusOK, map[string]any{"id": id, "deleted": true})
}
