package weaviate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alike/eval"
	"alike/index"
	"alike/index/weaviate/weaviatetest"
)

// real connects to a real server, which may take its time.
func real(t *testing.T, s *weaviatetest.Server) *Collection {
	t.Helper()
	c := connected(t, s.Token, s.Host)
	c.transport.wait, c.transport.timeout, c.transport.patience = 100*time.Millisecond, 30*time.Second, 2*time.Minute
	return c
}

// TestRealServer fills a server and searches in it; then it is killed in the middle of a load and started
// again: the load goes on, and no object is lost or there twice.
func TestRealServer(t *testing.T) {
	const n, dim, k = 8000, 16, 10
	s := weaviatetest.NewServer(t)
	s.Start(t)
	c := real(t, s)
	create(t, c, dim)
	want, vector := rows(n, dim)
	read := func(row int) []float32 { v, _ := vector(row); return v }
	if _, err := c.Hold(t.Context(), nil, want[:n/2], vector, nil); err != nil {
		t.Fatal(err)
	}
	searches(t, c, want[:n/2], read, k)

	var acknowledged atomic.Int64
	ended := make(chan error, 1)
	go func() {
		_, err := c.Hold(t.Context(), want[:n/2], want, vector, func(done int) { acknowledged.Store(int64(done)) })
		ended <- err
	}()
	for acknowledged.Load() < n*5/8 {
		select {
		case err := <-ended:
			t.Fatalf("the load ended early: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	s.Kill()
	t.Logf("killed after %d objects", acknowledged.Load())
	s.Start(t)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := c.CheckCount(t.Context(), n, true); err != nil {
		t.Fatal(err)
	}
	if missing, different, err := c.Compare(t.Context(), want, read, nil); err != nil || len(missing)+len(different) > 0 {
		t.Fatalf("%d missing, %d different, %v", len(missing), len(different), err)
	}
	found, of, err := c.Findable(t.Context(), want, read)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("after the kill %d of %d are found by a search: what the server's graph lost is not in alike's hands", found, of)

	// A load that ends in the middle is called again.
	ctx, stop := context.WithCancel(t.Context())
	changed := slices.Clone(want[:n-100])
	for i := range changed {
		changed[i].Hash += "0"
	}
	if _, err := c.Hold(ctx, want, changed, vector, func(done int) { stop() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	had, err := c.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	did, err := c.Hold(t.Context(), had, changed, vector, nil)
	if err != nil || did.Deleted != 100 || did.Written == 0 || did.Written == len(changed) {
		t.Errorf("again: %+v, %v", did, err)
	}
	if err := c.CheckCount(t.Context(), len(changed), true); err != nil {
		t.Fatal(err)
	}
	if missing, different, err := c.Compare(t.Context(), changed, read, nil); err != nil || len(missing)+len(different) > 0 {
		t.Errorf("%d missing, %d different, %v", len(missing), len(different), err)
	}
}

// searches compares the server's searches with exact ones.
func searches(t *testing.T, c *Collection, entries []index.Entry, vector func(int) []float32, k int) {
	t.Helper()
	gallery := &eval.Features{N: len(entries), D: c.About.Dim}
	for i, e := range entries {
		gallery.Data, gallery.IDs = append(gallery.Data, vector(i)...), append(gallery.IDs, e.ID)
	}
	x, err := index.New(gallery)
	if err != nil {
		t.Fatal(err)
	}
	queries := &eval.Features{N: 50, D: gallery.D, Data: gallery.Data[:50*gallery.D]}
	exact, err := x.Search(t.Context(), queries, k)
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.SearchWhere(t.Context(), queries, k, index.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for q := range exact {
		if found[q][0].ID != exact[q][0].ID || found[q][0].Similarity < 0.9999 {
			t.Errorf("the nearest of %s is %+v", exact[q][0].ID, found[q][0])
		}
		for _, h := range exact[q] {
			if slices.ContainsFunc(found[q], func(f index.Hit) bool { return f.ID == h.ID }) {
				right++
			}
		}
	}
	if recall := float64(right) / float64(k*queries.N); recall < 0.95 {
		t.Errorf("recall@%d is %.3f", k, recall)
	} else {
		t.Logf("recall@%d %.3f", k, recall)
	}
	dogs, err := c.SearchWhere(t.Context(), queries, k, index.Filter{Classes: []string{`a "dog"`}})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range dogs[0] {
		if h.Class != `a "dog"` {
			t.Errorf("a search for dogs finds %+v", h)
		}
	}
	if len(dogs[0]) != k {
		t.Errorf("%d dogs, want %d", len(dogs[0]), k)
	}
}

func TestRealServerWithToken(t *testing.T) {
	s := weaviatetest.NewServer(t)
	s.Token = "a-key-for-tests"
	s.Start(t)
	c := real(t, s)
	create(t, c, 8)
	for token, want := range map[string]string{"": "demands a token", "guess": "refuses the token"} {
		if err := connected(t, token, s.Host).Create(t.Context(), about(8), 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("token %q: %v", token, err)
		}
	}
	if err := c.Create(t.Context(), about(9), 0); err == nil || !strings.Contains(err.Error(), "number of values 9, not 8") {
		t.Errorf("another dimension: %v", err)
	}
	other := real(t, s)
	other.Address.Collection = "Copies"
	if err := other.Create(t.Context(), about(8), 3); err == nil || !strings.Contains(err.Error(), "could not find enough weaviate nodes") {
		t.Errorf("three replicas on one node: %v", err)
	}
}
