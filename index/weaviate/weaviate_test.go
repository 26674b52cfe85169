package weaviate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alike/eval"
	"alike/index"
	"alike/index/weaviate/weaviatetest"
	"alike/internal/rng"
)

// about is what the tests' vectors are.
func about(dim int) index.About {
	return index.About{Dim: dim, Layer: "h", Normalized: true, Size: 32, Model: eval.Subject{WeightsSHA256: "w"}, Data: index.Data{Spec: "photos/"}}
}

// rows are n entries with random vectors of length 1.
func rows(n, dim int) ([]index.Entry, func(int) ([]float32, error)) {
	entries, vectors := make([]index.Entry, n), make([][]float32, n)
	for i := range n {
		entries[i] = index.Entry{ID: fmt.Sprintf("cats/%05d \"x\".jpg", i), Hash: fmt.Sprintf("%064x", i)}
		if i%3 > 0 {
			entries[i].Class = []string{"", "cat", `a "dog"`}[i%3]
		}
		r := rng.New(rng.Split, 7, uint64(i))
		v := make([]float32, dim)
		for k := range v {
			v[k] = float32(r.Float64() - 0.5)
		}
		if err := index.Normalize(v); err != nil {
			panic(err)
		}
		vectors[i] = v
	}
	return entries, func(i int) ([]float32, error) { return vectors[i], nil }
}

// connected returns a collection with little patience.
func connected(t *testing.T, token string, hosts ...string) *Collection {
	t.Helper()
	c, err := Connect(Address{Hosts: hosts, Collection: "Photos"}, token)
	if err != nil {
		t.Fatal(err)
	}
	c.transport.wait, c.transport.timeout, c.transport.patience = time.Millisecond, time.Second, 10*time.Second
	return c
}

// create makes the collection.
func create(t *testing.T, c *Collection, dim int) {
	t.Helper()
	if err := c.Create(t.Context(), about(dim), 0); err != nil {
		t.Fatal(err)
	}
}

// holds checks that a fake holds exactly these.
func holds(t *testing.T, f *weaviatetest.Fake, want []index.Entry, vector func(int) ([]float32, error)) {
	t.Helper()
	got := f.Vectors("Photos")
	if len(got) != len(want) {
		t.Errorf("%d objects, want %d", len(got), len(want))
	}
	for i, e := range want {
		if v, err := vector(i); err != nil || !slices.Equal(got[e.ID], v) {
			t.Fatalf("%s has the vector %v, want %v, %v", e.ID, got[e.ID], v, err)
		}
	}
}

func TestHoldSendsOnlyWhatDiffers(t *testing.T) {
	f := weaviatetest.NewFake(t)
	c := connected(t, "", f.Host())
	create(t, c, 8)
	want, vector := rows(2500, 8)
	if did, err := c.Hold(t.Context(), nil, want, vector, nil); err != nil || did != (Changes{2500, 0}) {
		t.Fatalf("%+v, %v", did, err)
	}
	holds(t, f, want, vector)
	had, err := c.Entries(t.Context()) // three pages
	if err != nil || len(had) != 2500 {
		t.Fatalf("%d entries, %v", len(had), err)
	}
	changed := slices.Clone(want[:2000])
	changed[7].Hash, changed[9].Class = "other", "bird"
	var last atomic.Int64
	did, err := c.Hold(t.Context(), had, changed, vector, func(done int) { last.Store(int64(done)) })
	if err != nil || did != (Changes{2, 500}) || last.Load() != 2000 {
		t.Errorf("%+v, progress %d, %v", did, last.Load(), err)
	}
	holds(t, f, changed, vector)
	if err := c.CheckCount(t.Context(), 2000, true); err != nil {
		t.Error(err)
	}
	if err := c.CheckCount(t.Context(), 1990, false); err != nil {
		t.Error(err)
	}
	c.transport.patience = 100 * time.Millisecond
	if err := c.CheckCount(t.Context(), 1990, true); err == nil || !strings.Contains(err.Error(), "holds 2000 objects, want 1990") {
		t.Errorf("got %v", err)
	}
	again, err := Connect(c.Address, "")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := again.Find(t.Context()); !found || err != nil || again.About.Model.WeightsSHA256 != "w" || again.About.Data.Spec != "photos/" {
		t.Errorf("found %v as %+v, %v", found, again.About, err)
	}
}

func TestCompareFindsWhatDiffers(t *testing.T) {
	f := weaviatetest.NewFake(t)
	c := connected(t, "", f.Host())
	create(t, c, 4)
	want, vector := rows(50, 4)
	if _, err := c.Hold(t.Context(), nil, want[:49], vector, nil); err != nil {
		t.Fatal(err)
	}
	want[3].Hash = "other"
	missing, different, err := c.Compare(t.Context(), want, func(row int) []float32 {
		v, _ := vector(row)
		if row == 5 {
			v = slices.Clone(v)
			v[0] += 1e-7
		}
		return v
	}, nil)
	if err != nil || !slices.Equal(missing, []string{want[49].ID}) || !slices.Equal(different, []string{want[3].ID, want[5].ID}) {
		t.Errorf("missing %q, different %q, %v", missing, different, err)
	}
}

// TestALoadOutlivesFailures lets requests fail in every way that passes.
func TestALoadOutlivesFailures(t *testing.T) {
	var requests atomic.Int64
	tests := map[string]func(w http.ResponseWriter, r *http.Request, n int64) bool{
		"too many requests": func(w http.ResponseWriter, _ *http.Request, n int64) bool {
			if n%3 == 0 {
				weaviatetest.Answer(w, http.StatusTooManyRequests, "slow down")
			}
			return n%3 == 0
		},
		"not available": func(w http.ResponseWriter, _ *http.Request, n int64) bool {
			if n%2 == 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n%2 == 0
		},
		"cut connections": func(w http.ResponseWriter, _ *http.Request, n int64) bool {
			if n%2 == 0 {
				panic(http.ErrAbortHandler)
			}
			return false
		},
		"no answer": func(_ http.ResponseWriter, _ *http.Request, n int64) bool {
			if n%6 == 0 {
				time.Sleep(1200 * time.Millisecond) // longer than a try may take
				panic(http.ErrAbortHandler)
			}
			return false
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			f := weaviatetest.NewFake(t)
			c := connected(t, "", f.Host())
			create(t, c, 64) // the server has answered
			f.Fail = func(w http.ResponseWriter, r *http.Request) bool { return fail(w, r, requests.Add(1)) }
			want, vector := rows(6000, 64)
			if did, err := c.Hold(t.Context(), nil, want, vector, nil); err != nil || did.Written != 6000 {
				t.Fatalf("%+v, %v", did, err)
			}
			f.Fail = nil
			holds(t, f, want, vector)
			if c.transport.window.limit >= mostAtOnce {
				t.Errorf("%g requests at once are still allowed: failures did not slow it down", c.transport.window.limit)
			}
		})
	}
}

func TestObjectsThatWereNotTakenAreSentAgain(t *testing.T) {
	f := weaviatetest.NewFake(t)
	c := connected(t, "", f.Host())
	create(t, c, 8)
	tries := map[string]int{} // the fake calls Refuse one at a time
	f.Refuse = func(id string) bool { tries[id]++; return tries[id] < 3 && strings.Contains(id, "7") }
	want, vector := rows(700, 8)
	if _, err := c.Hold(t.Context(), nil, want, vector, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, f, want, vector)
	if f.Written != 700 {
		t.Errorf("%d objects were written, want each once", f.Written)
	}
	c.transport.patience = 50 * time.Millisecond
	f.Refuse = func(id string) bool { return id == want[3].ID }
	_, err := c.Hold(t.Context(), nil, want, vector, nil)
	if err == nil || !strings.Contains(err.Error(), "did not take 1 of ") || !strings.Contains(err.Error(), want[3].ID+": a replica is away") {
		t.Errorf("got %v", err)
	}
}

// TestPressureIsBounded counts what is on its way.
func TestPressureIsBounded(t *testing.T) {
	f := weaviatetest.NewFake(t)
	c := connected(t, "", f.Host())
	create(t, c, 64)
	want, vector := rows(20*256, 64)
	f.Fail = func(http.ResponseWriter, *http.Request) bool { time.Sleep(5 * time.Millisecond); return false }
	if _, err := c.Hold(t.Context(), nil, want, vector, nil); err != nil {
		t.Fatal(err)
	}
	if f.AtOnce < 2 || f.AtOnce > mostAtOnce {
		t.Errorf("%d requests at once, want 2 to %d", f.AtOnce, mostAtOnce)
	}
	// A server that takes one at a time and refuses others soon gets few others.
	var busy, refused, taken atomic.Int64
	f.Fail = func(w http.ResponseWriter, _ *http.Request) bool {
		defer busy.Add(-1)
		if busy.Add(1) > 1 {
			refused.Add(1)
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		taken.Add(1)
		time.Sleep(2 * time.Millisecond)
		return false
	}
	c.transport.window = newWindow(mostAtOnce)
	if _, err := c.Hold(t.Context(), nil, want, vector, nil); err != nil {
		t.Fatal(err)
	}
	if refused.Load() > 2*taken.Load() {
		t.Errorf("%d requests were refused and %d taken", refused.Load(), taken.Load())
	}
}

func TestWindow(t *testing.T) {
	w := newWindow(4)
	for range 4 {
		if err := w.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	full, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if err := w.enter(full); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fifth of four enters: %v", err)
	}
	for _, want := range []float64{2, 1, 1} {
		if w.leave(false); w.limit != want {
			t.Errorf("limit %g, want %g", w.limit, want)
		}
	}
	entered := make(chan error)
	go func() { entered <- w.enter(t.Context()) }()
	w.leave(true)
	if err := <-entered; err != nil || w.limit != 2 {
		t.Errorf("limit %g, %v", w.limit, err)
	}
	for range 100 {
		w.leave(true)
		w.busy++
	}
	if w.limit != 4 {
		t.Errorf("limit %g after successes, want 4", w.limit)
	}
}

// TestTheNextNodeIsAsked ends one of two nodes in the middle of a load.
func TestTheNextNodeIsAsked(t *testing.T) {
	f := weaviatetest.NewFake(t)
	gate := weaviatetest.NewFake(t) // a node of the same cluster, until it dies
	var n atomic.Int64
	gate.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) > 12 {
			panic(http.ErrAbortHandler)
		}
		f.ServeHTTP(w, r)
	})
	c := connected(t, "", gate.Host(), f.Host())
	create(t, c, 64)
	want, vector := rows(6000, 64)
	if _, err := c.Hold(t.Context(), nil, want, vector, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, f, want, vector)
	if n.Load() <= 12 {
		t.Error("the first node never died")
	}
	gate.Close()
	c = connected(t, "", gate.Host(), f.Host())
	if found, err := c.Find(t.Context()); !found || err != nil {
		t.Errorf("with the first node away: %v, %v", found, err)
	}
}

// TestFailuresAreSentences checks what users read.
func TestFailuresAreSentences(t *testing.T) {
	locked := weaviatetest.NewFake(t)
	locked.Token = "secret"
	broken := weaviatetest.NewFake(t)
	broken.Fail = func(w http.ResponseWriter, _ *http.Request) bool {
		weaviatetest.Answer(w, http.StatusServiceUnavailable, "no leader")
		return true
	}
	foreign := weaviatetest.NewFake(t)
	if resp, err := http.Post(foreign.URL+"/v1/schema", "application/json", strings.NewReader(`{"class":"Photos","description":"dogs"}`)); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	full := weaviatetest.NewFake(t)
	create(t, connected(t, "", full.Host()), 8)
	gone := weaviatetest.NewFake(t) // the last, so that no other gets its port
	gone.Close()
	tests := []struct {
		name, token string
		server      *weaviatetest.Fake
		dim         int
		want        string
	}{
		{"server not there", "", gone, 8, "no Weaviate server answers at " + gone.Host() + " (connect: connection refused); start it"},
		{"token missing", "", locked, 8, "demands a token; put it in the environment's WEAVIATE_API_KEY"},
		{"token wrong", "guess", locked, 8, "refuses the token in WEAVIATE_API_KEY: anonymous access not enabled"},
		{"server broken", "", broken, 8, "does not take a request for 100ms (no leader); what it has acknowledged is there"},
		{"collection of others", "", foreign, 8, "was not made by alike"},
		{"collection of another dimension", "", full, 9, "holds other vectors: number of values 9, not 8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := connected(t, test.token, test.server.Host())
			c.transport.patience = 100 * time.Millisecond
			err := c.Create(t.Context(), about(test.dim), 0)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "status code") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want ... %s", err, test.want)
			}
		})
	}
	c := connected(t, "secret", locked.Host())
	create(t, c, 8)
	twice, vector := rows(2, 8)
	twice[1].ID = twice[0].ID
	if _, err := c.Hold(t.Context(), nil, twice, vector, nil); err == nil || !strings.Contains(err.Error(), "want each once") {
		t.Errorf("an ID twice: %v", err)
	}
	short := func(int) ([]float32, error) { return make([]float32, 7), nil }
	if _, err := c.Hold(t.Context(), nil, twice[:1], short, nil); err == nil || !strings.Contains(err.Error(), "has 7 values, want 8") {
		t.Errorf("a short vector: %v", err)
	}
	if _, _, err := c.Get(t.Context(), "nobody"); !errors.Is(err, ErrNoObject) {
		t.Errorf("nobody: %v", err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("ctrl-c"))
	if _, err := c.Hold(ctx, nil, twice[:1], vector, nil); err == nil || !strings.Contains(err.Error(), "ctrl-c") {
		t.Errorf("stopped: %v", err)
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]Address{
		"weaviate://localhost:8080/Photos":     {[]string{"localhost:8080"}, false, "Photos"},
		"weaviates://a:1,b:2/C_1":              {[]string{"a:1", "b:2"}, true, "C_1"},
		"weaviate://[::1]:8080/Photos":         {[]string{"[::1]:8080"}, false, "Photos"},
		"weaviate://localhost/Photos":          {},
		"weaviate://localhost:8080":            {},
		"weaviate://localhost:8080/photos":     {},
		"weaviate://localhost:8080/P{x}":       {},
		"weaviate://me:secret@host:8080/P":     {},
		"weaviate://:8080/Photos":              {},
		"weaviate://a:1,,b:2/Photos":           {},
		"weaviate:///Photos":                   {},
		"weaviate://localhost:8080/Photos/all": {},
	} {
		got, err := ParseAddress(text)
		if (err == nil) != (want.Hosts != nil) || err == nil && (!slices.Equal(got.Hosts, want.Hosts) || got.TLS != want.TLS || got.Collection != want.Collection || got.String() != text) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if !Is(text) {
			t.Errorf("%s is none", text)
		}
	}
	if Is("photos.index") || Is("weaviate.index") {
		t.Error("a path is an address")
	}
}

func TestSearch(t *testing.T) {
	f := weaviatetest.NewFake(t)
	c := connected(t, "", f.Host())
	create(t, c, 8)
	want, vector := rows(300, 8)
	if _, err := c.Hold(t.Context(), nil, want[:150], vector, nil); err != nil {
		t.Fatal(err)
	}
	read := func(row int) []float32 { v, _ := vector(row); return v }
	queries := &eval.Features{N: 2, D: 8, Data: slices.Concat(read(7), read(8))}
	hits, err := c.SearchWhere(t.Context(), queries, 3, index.Filter{})
	if err != nil || len(hits) != 2 || len(hits[0]) != 3 {
		t.Fatalf("%+v, %v", hits, err)
	}
	for q, row := range []int{7, 8} {
		if h := hits[q][0]; h.ID != want[row].ID || h.Class != want[row].Class || h.Index != -1 || h.Similarity < 0.99999 {
			t.Errorf("query %d finds %+v", q, h)
		}
	}
	if found, of, err := c.Findable(t.Context(), want, read); err != nil || of != 200 || found < 70 || found > 130 {
		t.Errorf("%d of %d are found, want about half; %v", found, of, err)
	}
	if _, err := c.SearchWhere(t.Context(), &eval.Features{N: 1, D: 2, Data: []float32{1, 0}}, 3, index.Filter{}); err == nil || !strings.Contains(err.Error(), "have 2 values") {
		t.Errorf("another dimension: %v", err)
	}
	if _, err := c.SearchWhere(t.Context(), queries, 3, index.Filter{Path: "a/*"}); err == nil || !strings.Contains(err.Error(), "by classes") {
		t.Errorf("a pattern: %v", err)
	}
}

func TestUUIDsAreOfIDs(t *testing.T) {
	seen := map[string]string{}
	entries, _ := rows(1000, 1)
	for _, e := range entries {
		seen[uuidOf(e.ID)] = e.ID
	}
	if len(seen) != 1000 || len(slices.Collect(maps.Keys(seen))[0]) != 36 {
		t.Errorf("%d UUIDs of 1000 IDs", len(seen))
	}
	if got, want := uuidOf("cat.jpg"), "bdeebf4a-06f9-5aa5-bec7-9db9d45de859"; got != want {
		t.Errorf("the UUID of cat.jpg is %s, not %s: objects that are there would be there twice", got, want)
	}
}
