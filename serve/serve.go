// Package serve answers requests for embeddings and for similar images over HTTP.
//
// A Server listens at once and is ready when it is given a model and a gallery.
// What many clients ask for at the same time runs together: images pass the
// network in batches, searches share one pass over the gallery, and writes share
// one sync of the disk. A write is acknowledged when it is in the journal, on the
// disk: neither kill -9 nor a power cut loses it.
package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"alike/dataset"
	"alike/index"
)

// Model turns images into embeddings, as *alike.Model does. Goroutines share it.
type Model interface {
	Dim() int
	// Prepare is what the network sees of an image.
	Prepare(img dataset.Image) []float32
	// EmbedPrepared embeds what Prepare made.
	EmbedPrepared(ctx context.Context, views [][]float32) ([][]float32, error)
}

// About says to clients what is served.
type About struct {
	Run           string `json:"run,omitempty"`
	Method        string `json:"method,omitempty"`
	Encoder       string `json:"encoder,omitempty"`
	Step          int    `json:"step"`
	Layer         string `json:"layer"`
	Dim           int    `json:"dim"`
	WeightsSHA256 string `json:"weights_sha256"`
	Data          string `json:"data,omitempty"`
}

var (
	errStopping = Fail(http.StatusServiceUnavailable, "the server is stopping; try another, or later")
	errLoading  = Fail(http.StatusServiceUnavailable, "the index is still being loaded; try later")
)

// Server is one HTTP server.
type Server struct {
	config Config
	log    *slog.Logger

	certificate []tls.Certificate // none for plain HTTP

	routes  map[string]map[string]handler // by path and method
	mounted map[string]*Server            // by the beginning of a path
	metrics *metrics
	guard   *guard
	decode  chan struct{} // one token for each image that is decoded at a time
	service atomic.Pointer[service]
	leaving atomic.Bool
}

// service is what a server does once it is ready.
type service struct {
	about   About
	model   Model
	log     *slog.Logger
	store   *index.Store
	most    int        // views that pass the network together
	turn    sync.Mutex // of the cores: two kernels at once would wait for each other's workers
	journal *journal   // nil if nothing may be written
	keep    Pictures   // "" to keep none
	embed   *batcher[[]float32, []float32]
	search  *batcher[query, []hit]
	write   *batcher[edit, bool]
	// replayed are the ids that the journal had changed at the start. The gallery that it is replayed over next
	// may hold them though the store's base does not: they were folded into it, or it is another.
	replayed map[string]bool
}

// edit is a change, with what is kept of the image's looks, if anything is.
type edit struct {
	change
	picture []byte
}

// New returns a server that is not ready yet.
func New(c Config, log *slog.Logger) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var certificate []tls.Certificate
	if c.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("TLS: %w; want a certificate chain and its key, both PEM", err)
		}
		certificate = append(certificate, pair)
	}
	s := &Server{certificate: certificate, config: c, log: log, routes: map[string]map[string]handler{}, mounted: map[string]*Server{}, metrics: newMetrics(), decode: make(chan struct{}, runtime.GOMAXPROCS(0))}
	s.guard = newGuard(c)
	s.addRoutes()
	return s, nil
}

// Journal says where writes are kept. The zero value lets nobody write.
type Journal struct {
	Path string
	// Fold, if set, writes what the store holds to where the gallery came from, so
	// that the journal can begin anew. It is called if there was something to replay.
	Fold func(*index.Snapshot) error
	// Slack is how many bytes the journal may have beside twice what its changes amount to,
	// before it is written anew; 0 for 8 MiB.
	Slack int64
	// Pictures, if set, keeps what images that are added look like.
	Pictures Pictures
}

// Open makes the server ready: it replays the journal, if one is named, over the
// store, and lets the engine compile what requests will need.
func (s *Server) Open(ctx context.Context, about About, model Model, store *index.Store, writes Journal) (Recovery, error) {
	v := &service{about: about, model: model, log: s.log, store: store, most: engineBatch, replayed: map[string]bool{}}
	view := len(model.Prepare(black))
	for v.most > 1 && v.most*view > engineValues {
		v.most /= 4
	}
	var found Recovery
	if model.Dim() != store.Dim() {
		return found, fmt.Errorf("the model's embeddings have %d values, the gallery's %d: another model or layer made it", model.Dim(), store.Dim())
	}
	if writes.Path != "" {
		j, r, err := openJournal(writes.Path, model.Dim(), about.key(), func(c change) error {
			v.replayed[c.id] = true
			_, err := v.apply(c)
			return err
		})
		if err != nil {
			return r, err
		}
		v.journal, v.keep, found = j, writes.Pictures, r
		if r.Changes > 0 && writes.Fold != nil {
			err := writes.Fold(store.Snapshot())
			if err == nil {
				err = j.reset()
			}
			if err != nil {
				return r, errors.Join(err, v.close())
			}
		}
		j.slack = cmp.Or(writes.Slack, j.slack)
		v.shorten()
	}
	if err := v.warmUp(ctx); err != nil {
		v.close()
		return found, fmt.Errorf("embedding: %w", err)
	}
	v.embed = newBatcher(max(s.config.MaxBatch, v.most), v.embedViews, s.metrics.batch("embed"))
	v.search = newBatcher(searchBatch, v.find, s.metrics.batch("search"))
	v.write = newBatcher(writeBatch, v.commit, s.metrics.batch("write"))
	s.metrics.gauges(v)
	s.service.Store(v)
	return found, nil
}

// Most items of one call: of images that pass the network together, unless they
// have more values than engineValues (images of 224 pixels: 16), of searches and of
// writes.
const (
	engineBatch  = 64
	engineValues = 3 << 20
	searchBatch  = 256
	writeBatch   = 256
)

// black is the smallest image.
var black = dataset.Image{Width: 1, Height: 1, Pix: make([]uint8, 3)}

// warmUp embeds batches of all sizes once, so that no request waits for the engine
// to compile.
func (v *service) warmUp(ctx context.Context) error {
	for n := 1; n <= v.most; n *= 2 {
		if _, err := v.model.EmbedPrepared(ctx, slices.Repeat([][]float32{v.model.Prepare(black)}, n)); err != nil {
			return err
		}
	}
	return nil
}

// embedViews embeds views, as many at a time as the engine was warmed up for.
func (v *service) embedViews(ctx context.Context, views [][]float32) ([][]float32, error) {
	v.turn.Lock()
	defer v.turn.Unlock()
	all := make([][]float32, 0, len(views))
	for part := range slices.Chunk(views, v.most) {
		vectors, err := v.model.EmbedPrepared(ctx, part)
		if err != nil {
			return nil, err
		}
		all = append(all, vectors...)
	}
	return all, nil
}

// commit writes changes to the journal, then to the store and the pictures. No other goroutine
// writes.
func (v *service) commit(_ context.Context, edits []edit) ([]bool, error) {
	changes := make([]change, len(edits))
	for i, e := range edits {
		changes[i] = e.change
	}
	if err := v.journal.append(changes); err != nil {
		return nil, &failure{http.StatusServiceUnavailable, err.Error()}
	}
	existed := make([]bool, len(edits))
	for i, e := range edits {
		var err error
		if existed[i], err = v.apply(e.change); err != nil {
			return nil, err
		}
		if v.keep != "" {
			if err := v.keep.save(e.id, e.picture); err != nil {
				v.log.Warn("an image is without its picture", "error", err.Error())
			}
		}
	}
	v.shorten()
	return existed, nil
}

// shorten makes the journal shorter if it is long for what it says. If that fails, it stays long.
func (v *service) shorten() {
	if err := v.journal.compact(v.changes); err != nil {
		v.log.Warn("the journal stays as long as it is", "error", err.Error())
	}
}

// changes are what the journal amounts to.
func (v *service) changes(visit func(change) error) error {
	for _, id := range slices.Sorted(maps.Keys(v.replayed)) {
		if _, _, there := v.store.Get(id); !there {
			if err := visit(change{id: id}); err != nil {
				return err
			}
		}
	}
	return v.store.Changes(func(id, class string, vector []float32) error { return visit(change{id, class, vector}) })
}

// apply makes a change to the store, and says whether the image was there before.
func (v *service) apply(c change) (existed bool, err error) {
	if c.vector == nil {
		return v.store.Delete(c.id), nil
	}
	_, _, existed = v.store.Get(c.id)
	return existed, v.store.Add(c.id, c.class, c.vector)
}

// close answers what is queued and closes the journal.
func (v *service) close() error {
	if v.embed != nil {
		v.embed.close()
		v.search.close()
		v.write.close()
	}
	if v.journal != nil {
		return v.journal.close()
	}
	return nil
}

// Run serves until the context ends. Then it takes no new connections, answers
// what was asked, for at most Config.Drain, and closes the journal. Servers that are
// mounted end with it.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	c := s.config
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: c.ReadTimeout,
		ReadTimeout:       c.ReadTimeout,
		WriteTimeout:      c.ReadTimeout + c.Timeout + 10*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		if s.certificate != nil {
			server.TLSConfig = &tls.Config{Certificates: s.certificate}
			ended <- server.ServeTLS(l, "", "")
		} else {
			ended <- server.Serve(l)
		}
	}()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		s.leave()
		drain, stop := context.WithTimeout(context.WithoutCancel(ctx), c.Drain)
		defer stop()
		if err = server.Shutdown(drain); errors.Is(err, context.DeadlineExceeded) {
			s.log.Warn("requests were cut off", slog.Duration("after", c.Drain))
			err = server.Close()
		}
	}
	return errors.Join(err, s.close())
}

// leave answers from now on that the server stops.
func (s *Server) leave() {
	s.leaving.Store(true)
	for _, other := range s.mounted {
		other.leave()
	}
}

// close ends what was opened.
func (s *Server) close() (err error) {
	for _, other := range s.mounted {
		err = errors.Join(err, other.close())
	}
	if v := s.service.Load(); v != nil {
		err = errors.Join(err, v.close())
	}
	return err
}

// ready returns the service, or why there is none.
func (s *Server) ready() (*service, error) {
	if s.leaving.Load() {
		return nil, errStopping
	}
	if v := s.service.Load(); v != nil {
		return v, nil
	}
	return nil, errLoading
}
