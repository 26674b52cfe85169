package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"alike/dataset"
	"alike/eval"
	"alike/index"
)

// colours is a model whose embedding is the mean colour, and its square.
type colours struct {
	mu      sync.Mutex
	batches []int
	gate    chan struct{} // if set, a batch waits for it
	fault   error
}

func (*colours) Dim() int { return 6 }

func (*colours) Prepare(img dataset.Image) []float32 {
	view := make([]float32, 3)
	for i, p := range img.Pix {
		view[i%3] += float32(p) / 255 / float32(img.Width*img.Height)
	}
	return view
}

func (m *colours) EmbedPrepared(_ context.Context, views [][]float32) ([][]float32, error) {
	m.mu.Lock()
	m.batches = append(m.batches, len(views))
	gate, fault := m.gate, m.fault
	m.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if fault != nil {
		return nil, fault
	}
	var all [][]float32
	for _, v := range views {
		all = append(all, []float32{v[0], v[1], v[2], v[0] * v[0], v[1] * v[1], v[2] * v[2]})
	}
	return all, nil
}

// vectorOf is the embedding of an image of one colour.
func vectorOf(r, g, b uint8) []float32 {
	m := &colours{}
	v, _ := m.EmbedPrepared(context.Background(), [][]float32{m.Prepare(dataset.Image{Width: 1, Height: 1, Pix: []uint8{r, g, b}})})
	return v[0]
}

func gallery(t testing.TB) *index.Store {
	t.Helper()
	f := &eval.Features{N: 4, D: 6, IDs: []string{"warm/red", "warm/orange", "cold/blue", "cold/green"}, Labels: []int{0, 0, 1, 1}, Classes: []string{"warm", "cold"}}
	f.Data = slices.Concat(vectorOf(255, 0, 0), vectorOf(255, 128, 0), vectorOf(0, 0, 255), vectorOf(0, 255, 0))
	x, err := index.New(f)
	if err != nil {
		t.Fatal(err)
	}
	return index.NewStore(x)
}

func plain(t testing.TB, r, g, b uint8, side int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		m.SetRGBA(i%side, i/side, color.RGBA{r, g, b, 255})
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, m); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

var about = About{Run: "test", Layer: "h", Dim: 6, WeightsSHA256: "abc"}

// testServer is a server that is ready, with a journal.
func testServer(t testing.TB, change func(*Config)) (*Server, *colours) {
	t.Helper()
	c := DefaultConfig()
	if change != nil {
		change(&c)
	}
	s, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m := &colours{}
	if _, err := s.Open(t.Context(), about, m, gallery(t), Journal{Path: filepath.Join(t.TempDir(), "journal")}); err != nil {
		t.Fatal(err)
	}
	m.batches = nil
	t.Cleanup(func() { s.service.Load().close() })
	return s, m
}

// ask sends a request and checks the answer against openapi.json.
func ask(t testing.TB, s *Server, method, target, kind string, body []byte, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, bytes.NewReader(body))
	r.Host = "localhost:8080"
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	conforms(t, r, w)
	return w
}

// schemas compiles the schema of a place in openapi.json.
var schemas = sync.OnceValues(func() (*jsonschema.Compiler, map[string]any) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("file:///openapi.json", doc); err != nil {
		panic(err)
	}
	return c, doc.(map[string]any)
})

var compiling sync.Mutex // a compiler serves one goroutine at a time

// conforms checks a JSON answer against what openapi.json says of it.
func conforms(t testing.TB, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	c, doc := schemas()
	ref, method := "/components/schemas/Error", strings.ToLower(r.Method)
	if method == "head" {
		method = "get"
	}
	op, _ := at(doc, "paths", r.URL.Path, method).(map[string]any)
	if w.Code < 300 {
		status := fmt.Sprint(w.Code)
		response := at(op, "responses", status)
		if response == nil {
			t.Errorf("%s %s: openapi.json has no status %s", r.Method, r.URL.Path, status)
			return
		}
		ref = "/paths/" + strings.ReplaceAll(r.URL.Path, "/", "~1") + "/" + method + "/responses/" + status
		if link, ok := at(response, "$ref").(string); ok {
			ref = strings.TrimPrefix(link, "#")
		}
		ref += "/content/application~1json/schema"
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			return
		}
	}
	compiling.Lock()
	schema, err := c.Compile("file:///openapi.json#" + ref)
	compiling.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	got, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	if err := schema.Validate(got); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	again, _ := json.Marshal(got)
	w.Body = bytes.NewBuffer(again)
}

func at(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	s, _ := testServer(t, nil)
	_, doc := schemas()
	described := map[string]bool{}
	for path, methods := range doc["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	served := map[string]bool{}
	for path, methods := range s.routes {
		for method := range methods {
			served[method+" "+path] = true
		}
	}
	if d := cmp.Diff(served, described); d != "" {
		t.Errorf("(-served +described):\n%s", d)
	}
	if body := ask(t, s, "GET", "/openapi.json", "", nil).Body.Bytes(); !json.Valid(body) {
		t.Error("it is no JSON")
	}
}

func hitIDs(t testing.TB, w *httptest.ResponseRecorder) (ids []string) {
	t.Helper()
	var found struct{ Hits []hit }
	if err := json.Unmarshal(w.Body.Bytes(), &found); err != nil {
		t.Fatal(err)
	}
	for _, h := range found.Hits {
		ids = append(ids, h.ID)
	}
	return ids
}

func TestFromPutToSearch(t *testing.T) {
	s, _ := testServer(t, nil)
	red, teal := plain(t, 250, 10, 0, 8), plain(t, 0, 200, 200, 8)
	steps := []struct {
		name, method, target, kind string
		body                       []byte
		status                     int
		want                       []string // ids, or pieces of the body
	}{
		{"health", "GET", "/healthz", "", nil, 200, []string{`"ok"`}},
		{"health of a prober", "HEAD", "/healthz", "", nil, 200, nil},
		{"ready", "GET", "/readyz", "", nil, 200, []string{`"ready"`}},
		{"info", "GET", "/v1/info", "", nil, 200, []string{`"images":4`, `"writable":true`, `"weights_sha256":"abc"`}},
		{"by image", "POST", "/v1/search?k=2", "image/png", red, 200, []string{"warm/red", "warm/orange"}},
		{"in a class", "POST", "/v1/search?k=9&class=cold", "image/png", red, 200, []string{"cold/green", "cold/blue"}},
		{"of a folder", "POST", "/v1/search?k=9&path=col*", "image/png", red, 200, []string{"cold/green", "cold/blue"}},
		{"of a file and a class", "POST", "/v1/search?k=9&path=*/*e*&class=warm", "image/png", red, 200, []string{"warm/red", "warm/orange"}},
		{"in a class that is not there", "POST", "/v1/search?class=none", "image/png", red, 200, nil},
		{"by vector", "POST", "/v1/search?k=1", "application/json", []byte(`{"vector":[0,0,9,0,0,9]}`), 200, []string{"cold/blue"}},
		{"neighbours", "GET", "/v1/neighbours?id=warm/red&k=1", "", nil, 200, []string{"warm/orange"}},
		{"add", "PUT", "/v1/images?id=cold/teal&class=cold", "image/png", teal, 201, []string{`"replaced":false`}},
		{"add again", "PUT", "/v1/images?id=cold/teal&class=cold", "application/octet-stream", teal, 200, []string{`"replaced":true`}},
		{"find what was added", "POST", "/v1/search?k=1", "image/png", teal, 200, []string{"cold/teal"}},
		{"its neighbours", "GET", "/v1/neighbours?id=cold/teal&k=2&class=cold", "", nil, 200, []string{"cold/blue", "cold/green"}},
		{"delete", "DELETE", "/v1/images?id=cold/teal", "", nil, 200, []string{`"deleted":true`}},
		{"delete again", "DELETE", "/v1/images?id=cold/teal", "", nil, 404, []string{"no such image"}},
		{"it is gone", "POST", "/v1/search?k=1", "image/png", teal, 200, []string{"cold/blue"}},
		{"add a vector", "PUT", "/v1/images?id=v", "application/json", []byte(`{"vector":[1,1,1,1,1,1]}`), 201, nil},
		{"metrics", "GET", "/metrics", "", nil, 200, []string{"alike_index_images 5", `alike_requests_total{method="PUT",route="/v1/images",status="201"} 2`, "alike_journal_bytes", "go_goroutines"}},
	}
	for _, tc := range steps {
		w := ask(t, s, tc.method, tc.target, tc.kind, tc.body)
		if w.Code != tc.status {
			t.Errorf("%s: status %d, want %d: %s", tc.name, w.Code, tc.status, w.Body)
			continue
		}
		if strings.HasPrefix(tc.target, "/v1/search") || strings.HasPrefix(tc.target, "/v1/neighbours") {
			if d := cmp.Diff(tc.want, hitIDs(t, w)); d != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, d)
			}
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %q in %s", tc.name, want, w.Body)
			}
		}
	}
}

// form is a multipart body of files.
func form(t testing.TB, files ...[]byte) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i, f := range files {
		part, err := m.CreateFormFile("image", fmt.Sprintf("../../%d.png", i))
		if err != nil {
			t.Fatal(err)
		}
		part.Write(f)
	}
	m.Close()
	return m.FormDataContentType(), b.Bytes()
}

func TestEmbed(t *testing.T) {
	s, m := testServer(t, nil)
	kind, body := form(t, plain(t, 255, 0, 0, 4), plain(t, 0, 0, 255, 8))
	w := ask(t, s, "POST", "/v1/embed?normalize=true", kind, body)
	var got struct{ Embeddings [][]float32 }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatal(w.Code, w.Body, err)
	}
	want := [][]float32{vectorOf(255, 0, 0), vectorOf(0, 0, 255)}
	scaleToUnit(want[0])
	scaleToUnit(want[1])
	if d := cmp.Diff(want, got.Embeddings); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !slices.Equal(m.batches, []int{2}) {
		t.Errorf("batches %v, want one of 2", m.batches)
	}
	m.fault = errors.New("a secret of the engine")
	if w := ask(t, s, "POST", "/v1/embed", "image/png", plain(t, 1, 2, 3, 2)); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a fault of the engine is answered by %d %s", w.Code, w.Body)
	}
}

func TestManyAskAtOnceAndPassTogether(t *testing.T) {
	s, m := testServer(t, nil)
	m.gate = make(chan struct{})
	one := plain(t, 9, 9, 9, 2)
	var wg sync.WaitGroup
	request := func() { ask(t, s, "POST", "/v1/embed", "image/png", one) }
	running := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.batches)
	}
	wg.Go(request)
	for running() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		wg.Go(request)
	}
	for len(s.service.Load().embed.queue) < 20 { // behind the first
		time.Sleep(time.Millisecond)
	}
	close(m.gate)
	wg.Wait()
	if !slices.Equal(m.batches, []int{1, 20}) {
		t.Errorf("batches of %v images, want the first alone and 20 together", m.batches)
	}
}

func TestOneWhoLeavesDisturbsNobody(t *testing.T) {
	var ran [][]int
	started, gate := make(chan struct{}, 9), make(chan struct{})
	b := newBatcher(4, func(_ context.Context, in []int) ([]int, error) {
		ran = append(ran, in)
		started <- struct{}{}
		<-gate
		return in, nil
	}, func(int, time.Duration) {})
	queued := func(n int) {
		for len(b.queue) < n {
			time.Sleep(time.Millisecond)
		}
	}
	gone, leave := context.WithCancelCause(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { b.do(t.Context(), 0) })
	<-started
	wg.Go(func() {
		if _, err := b.do(gone, 1); err == nil || err.Error() != "left" {
			t.Errorf("who left is told %v", err)
		}
	})
	queued(1)
	for i := 2; i < 5; i++ {
		wg.Go(func() {
			if out, err := b.do(t.Context(), i, -i); err != nil || !slices.Equal(out, []int{i, -i}) {
				t.Errorf("%d: %v, %v", i, out, err)
			}
		})
	}
	queued(4)
	leave(errors.New("left"))
	close(gate)
	wg.Wait()
	b.close()
	for _, in := range ran {
		if len(in) > 4 || slices.Contains(in, 1) {
			t.Errorf("batches %v", ran)
		}
	}
	if _, err := b.do(t.Context(), 9); !errors.Is(err, errStopping) {
		t.Errorf("after close: %v", err)
	}
}

func TestNotReadyAndReadOnly(t *testing.T) {
	s, err := New(DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/readyz", "/v1/info", "/v1/neighbours?id=a"} {
		if w := ask(t, s, "GET", target, "", nil); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d while loading", target, w.Code)
		}
	}
	if w := ask(t, s, "GET", "/healthz", "", nil); w.Code != 200 {
		t.Errorf("health: %d while loading", w.Code)
	}
	if _, err := s.Open(t.Context(), about, &colours{}, gallery(t), Journal{}); err != nil {
		t.Fatal(err)
	}
	defer s.service.Load().close()
	if w := ask(t, s, "PUT", "/v1/images?id=a", "application/json", []byte(`{"vector":[1,1,1,1,1,1]}`)); w.Code != 403 || !strings.Contains(w.Body.String(), "read-only") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.leaving.Store(true)
	if w := ask(t, s, "GET", "/readyz", "", nil); w.Code != 503 {
		t.Errorf("ready while it stops: %d", w.Code)
	}
}

func TestWritesOutliveTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	open := func() (*Server, Recovery) {
		s, err := New(DefaultConfig(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.Open(t.Context(), about, &colours{}, gallery(t), Journal{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		return s, found
	}
	s, _ := open()
	ask(t, s, "PUT", "/v1/images?id=new&class=x", "application/json", []byte(`{"vector":[1,1,1,1,1,1]}`))
	ask(t, s, "DELETE", "/v1/images?id=warm/red", "", nil)
	other, err := New(DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(t.Context(), about, &colours{}, gallery(t), Journal{Path: path}); err == nil || !strings.Contains(err.Error(), "another server writes to it") {
		t.Errorf("a second server: %v", err)
	}
	if err := Idle(path); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("a journal that is open is idle: %v", err)
	}
	if err := Idle(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Errorf("a journal that is not there: %v", err)
	}
	s.service.Load().close()
	s, found := open()
	defer s.service.Load().close()
	store := s.service.Load().store
	entry, _, ok := store.Get("new")
	class := entry.Class
	if _, _, red := store.Get("warm/red"); !ok || class != "x" || red || store.Len() != 4 || found.Changes != 2 {
		t.Errorf("after a restart: new %v of class %q, red %v, %d images, %d changes", ok, class, red, store.Len(), found.Changes)
	}
}

func TestTheJournalIsFoldedIntoTheIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	ask1 := func(fold func(*index.Snapshot) error) (Recovery, error) {
		s, err := New(DefaultConfig(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.Open(t.Context(), about, &colours{}, gallery(t), Journal{Path: path, Fold: fold})
		if err == nil {
			ask(t, s, "PUT", "/v1/images?id=new", "application/json", []byte(`{"vector":[1,1,1,1,1,1]}`))
			s.service.Load().close()
		}
		return found, err
	}
	var folded []int
	fold := func(s *index.Snapshot) error {
		folded = append(folded, s.Len())
		return nil
	}
	for i, want := range []int{0, 1, 1} { // each server adds one, which the next folds
		if found, err := ask1(fold); err != nil || found.Changes != want {
			t.Errorf("server %d finds %+v, %v", i, found, err)
		}
	}
	if !slices.Equal(folded, []int{5, 5}) {
		t.Errorf("folded %v images, want 5 twice", folded)
	}
	full := errors.New("the disk is full")
	if _, err := ask1(func(*index.Snapshot) error { return full }); !errors.Is(err, full) {
		t.Errorf("a fold that fails: %v", err)
	}
}

func TestLogHoldsNoContents(t *testing.T) {
	var log bytes.Buffer
	s, err := New(DefaultConfig(), slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), about, &colours{}, gallery(t), Journal{}); err != nil {
		t.Fatal(err)
	}
	defer s.service.Load().close()
	w := ask(t, s, "POST", "/v1/embed?normalize=maybe", "image/png", plain(t, 1, 2, 3, 4), "X-Request-Id", "my-request.1")
	if w.Header().Get("X-Request-Id") != "my-request.1" || !strings.Contains(w.Body.String(), `"request_id":"my-request.1"`) {
		t.Errorf("the request's id is lost: %v %s", w.Header(), w.Body)
	}
	ask(t, s, "GET", "/v1/neighbours?id=a-secret-name", "", nil, "X-Request-Id", "two\nlines")
	var line struct {
		Msg, Route, Method, Error string
		Status                    int
		RequestID                 string `json:"request_id"`
	}
	d := json.NewDecoder(&log)
	if err := d.Decode(&line); err != nil || line.Status != 400 || line.RequestID != "my-request.1" || line.Route != "/v1/embed" || line.Error == "" {
		t.Errorf("%+v, %v", line, err)
	}
	if err := d.Decode(&line); err != nil || line.Status != 404 || strings.Contains(line.RequestID, "two") || len(line.RequestID) != 16 {
		t.Errorf("%+v, %v", line, err)
	}
	rest, _ := io.ReadAll(d.Buffered())
	if strings.Contains(string(rest), "PNG") {
		t.Error("the log holds an image")
	}
}
