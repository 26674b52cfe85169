// Package weaviatetest has servers to test with: a small one that keeps objects in memory and
// fails as it is told to, and Weaviate's own.
package weaviatetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Fake answers what alike asks of Weaviate: schema, batches, objects, counts, and searches, which are exact
// and filter nothing.
type Fake struct {
	*httptest.Server
	// Fail, if set, is asked before each request, and answers it if it returns true. It
	// is called by several goroutines.
	Fail func(w http.ResponseWriter, r *http.Request) bool
	// Refuse, if set, says which objects of a batch are not written.
	Refuse func(id string) bool
	// Token, if set, is demanded.
	Token string

	mu       sync.Mutex
	classes  map[string]json.RawMessage
	objects  map[string]object // by collection and UUID
	Batches  int               // that were taken
	Written  int               // objects of them
	AtOnce   int               // most requests that were under way together
	underWay int
}

type object struct {
	Class      string         `json:"class"`
	ID         string         `json:"id"`
	Properties map[string]any `json:"properties"`
	Vector     []float32      `json:"vector,omitempty"`
}

// NewFake starts a server that ends with the test. What other processes are to find is set
// before it listens.
func NewFake(t testing.TB, set ...func(*Fake)) *Fake {
	f := &Fake{classes: map[string]json.RawMessage{}, objects: map[string]object{}}
	for _, s := range set {
		s(f)
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// Host is where it listens.
func (f *Fake) Host() string { return strings.TrimPrefix(f.URL, "http://") }

// Vectors are what a collection holds, by the image's ID.
func (f *Fake) Vectors(collection string) map[string][]float32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	vectors := map[string][]float32{}
	for _, o := range f.objects {
		if o.Class == collection {
			vectors[o.Properties["imageId"].(string)] = o.Vector
		}
	}
	return vectors
}

// UUID is that of an image's object in a collection.
func (f *Fake) UUID(collection, id string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.objects {
		if o.Class == collection && o.Properties["imageId"] == id {
			return o.ID
		}
	}
	return ""
}

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.underWay++
	f.AtOnce = max(f.AtOnce, f.underWay)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.underWay--
		f.mu.Unlock()
	}()
	if f.Fail != nil && f.Fail(w, r) {
		return
	}
	if f.Token != "" && r.Header.Get("Authorization") != "Bearer "+f.Token {
		Answer(w, http.StatusUnauthorized, "anonymous access not enabled, please provide an auth scheme")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	rest := strings.TrimPrefix(r.URL.Path, "/v1/")
	switch {
	case rest == "meta":
		reply(w, map[string]string{"version": "1.35.2"})
	case rest == "schema" && r.Method == http.MethodPost:
		f.create(w, r)
	case strings.HasPrefix(rest, "schema/"):
		if class, ok := f.classes[path.Base(rest)]; ok {
			reply(w, class)
		} else {
			w.WriteHeader(http.StatusNotFound)
		}
	case rest == "batch/objects" && r.Method == http.MethodPost:
		f.batch(w, r)
	case rest == "objects":
		f.list(w, r)
	case strings.HasPrefix(rest, "objects/"):
		f.one(w, r, strings.TrimPrefix(rest, "objects/"))
	case rest == "graphql":
		f.graphQL(w, r)
	default:
		Answer(w, http.StatusNotFound, "the fake does not know "+r.URL.Path)
	}
}

// Answer answers with a status and the server's form of a sentence.
func Answer(w http.ResponseWriter, status int, sentence string) {
	w.WriteHeader(status)
	reply(w, map[string]any{"error": []any{map[string]string{"message": sentence}}})
}

func reply(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
}

func (f *Fake) create(w http.ResponseWriter, r *http.Request) {
	var class json.RawMessage
	var named struct{ Class string }
	err := json.NewDecoder(r.Body).Decode(&class)
	if err == nil {
		err = json.Unmarshal(class, &named)
	}
	switch _, there := f.classes[named.Class]; {
	case err != nil:
		Answer(w, http.StatusBadRequest, err.Error())
	case there:
		Answer(w, http.StatusUnprocessableEntity, fmt.Sprintf("class name %s already exists", named.Class))
	default:
		f.classes[named.Class] = class
		reply(w, class)
	}
}

func (f *Fake) batch(w http.ResponseWriter, r *http.Request) {
	var body struct{ Objects []object }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		Answer(w, http.StatusBadRequest, err.Error())
		return
	}
	f.Batches++
	var results []any
	for _, o := range body.Objects {
		result := map[string]any{"status": "SUCCESS"}
		if f.Refuse != nil && f.Refuse(o.Properties["imageId"].(string)) {
			result = map[string]any{"status": "FAILED", "errors": map[string]any{"error": []any{map[string]string{"message": "a replica is away"}}}}
		} else {
			f.objects[o.Class+"/"+o.ID] = o
			f.Written++
		}
		results = append(results, map[string]any{"class": o.Class, "id": o.ID, "result": result})
	}
	reply(w, results)
}

func (f *Fake) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		Answer(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	list := []object{}
	for o := range maps.Values(f.objects) {
		if o.Class == q.Get("class") && o.ID > q.Get("after") {
			o.Vector = nil
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b object) int { return cmp.Compare(a.ID, b.ID) })
	reply(w, map[string]any{"objects": list[:min(limit, len(list))]})
}

func (f *Fake) one(w http.ResponseWriter, r *http.Request, key string) {
	o, ok := f.objects[key]
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		reply(w, o)
	}
}

// near is what alike asks for in a search.
var near = regexp.MustCompile(`^\{Get \{(\w+) ?\(nearVector:\{vector: ?(\[[^\]]*\])\}, limit: (\d+)\)`)

func (f *Fake) graphQL(w http.ResponseWriter, r *http.Request) {
	var body struct{ Query string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		Answer(w, http.StatusBadRequest, err.Error())
		return
	}
	if strings.HasPrefix(body.Query, "{Aggregate") {
		f.count(w)
		return
	}
	parts := near.FindStringSubmatch(body.Query)
	if parts == nil {
		Answer(w, http.StatusUnprocessableEntity, "the fake does not know the query "+body.Query)
		return
	}
	var query []float32
	if err := json.Unmarshal([]byte(parts[2]), &query); err != nil {
		Answer(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	limit, _ := strconv.Atoi(parts[3])
	type hit struct {
		ImageID    any `json:"imageId"`
		Label      any `json:"label"`
		Path       any `json:"path"`
		Additional struct {
			Distance float64 `json:"distance"`
		} `json:"_additional"`
	}
	var hits []hit
	for _, o := range f.objects {
		if o.Class == parts[1] {
			h := hit{ImageID: o.Properties["imageId"], Label: o.Properties["label"], Path: o.Properties["path"]}
			h.Additional.Distance = 1
			for k, v := range o.Vector {
				h.Additional.Distance -= float64(v) * float64(query[k])
			}
			hits = append(hits, h)
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.Additional.Distance, b.Additional.Distance) })
	reply(w, map[string]any{"data": map[string]any{"Get": map[string]any{parts[1]: hits[:min(limit, len(hits))]}}})
}

func (f *Fake) count(w http.ResponseWriter) {
	groups := map[string]any{}
	for class := range f.classes {
		n := 0
		for _, o := range f.objects {
			if o.Class == class {
				n++
			}
		}
		groups[class] = []any{map[string]any{"meta": map[string]int{"count": n}}}
	}
	reply(w, map[string]any{"data": map[string]any{"Aggregate": groups}})
}
