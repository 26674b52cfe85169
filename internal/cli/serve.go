package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"alike/explore"
	"alike/index"
	"alike/serve"
)

// serveFlags are the flags of the commands that answer over HTTP.
type serveFlags struct {
	gallery   galleryFlags
	recall    float64
	config    serve.Config
	tokenFile string
	maxBody   string
	journal   string
	readOnly  bool
	page      bool // there is one to look at
}

func (f *serveFlags) add(c *cobra.Command) {
	f.config = serve.DefaultConfig()
	f.gallery.add(c)
	flags := c.Flags()
	flags.Float64Var(&f.recall, "recall", 0, "go by the graph of the INDEX, with the least effort that found this share of the nearest, e.g. 0.99 (default: exact)")
	flags.StringVar(&f.config.Addr, "addr", f.config.Addr, "HOST:PORT to listen on")
	flags.BoolVar(&f.config.Insecure, "insecure", false, "let anyone who reaches the address ask, without a token")
	flags.StringVar(&f.config.TLSCert, "tls-cert", "", "file of the TLS certificate chain, PEM")
	flags.StringVar(&f.config.TLSKey, "tls-key", "", "file of its key, PEM")
	flags.StringVar(&f.maxBody, "max-body", "32MiB", "largest body of a request")
	flags.IntVar(&f.config.MaxPixels, "max-pixels", f.config.MaxPixels, "most pixels of an image")
	flags.IntVar(&f.config.MaxBatch, "max-batch", f.config.MaxBatch, "most images of a request")
	flags.IntVar(&f.config.MaxK, "max-k", f.config.MaxK, "most hits of a search")
	flags.IntVar(&f.config.MaxConcurrent, "max-concurrent", f.config.MaxConcurrent, "most requests at a time; others are told to come again")
	flags.Float64Var(&f.config.Rate, "rate", 0, "most requests a second of one client (default: any number)")
	flags.DurationVar(&f.config.ReadTimeout, "read-timeout", f.config.ReadTimeout, "time for a client to send a request")
	flags.DurationVar(&f.config.Timeout, "timeout", f.config.Timeout, "time to answer a request, beside --read-timeout")
	flags.DurationVar(&f.config.Drain, "drain", f.config.Drain, "time for requests to end when the server stops")
}

// addWrites adds the flags about who may change the gallery.
func (f *serveFlags) addWrites(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.tokenFile, "token-file", "", "file with the token that clients must show (default: the environment's ALIKE_TOKEN, if set)")
	flags.StringVar(&f.journal, "journal", "", "file that added and deleted images are written to (default: serve.journal in the INDEX or RUN, or MODEL.onnx.journal)")
	flags.BoolVar(&f.readOnly, "read-only", false, "let nobody add or delete images")
}

// limits checks the configuration, with what the flags say in words.
func (f *serveFlags) limits() error {
	n, err := humanize.ParseBytes(f.maxBody)
	if err != nil || n > 1<<40 {
		return misuse("--max-body %q: want bytes, e.g. 500kB or 32MiB", f.maxBody)
	}
	f.config.MaxBody = int64(n)
	if !(f.recall >= 0 && f.recall <= 1) {
		return misuse("--recall %g: must be above 0 and at most 1", f.recall)
	}
	if err := f.config.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// writes fills in the token and the journal.
func (f *serveFlags) writes(dir string) error {
	if f.readOnly && f.journal != "" {
		return misuse("--read-only writes no --journal; take one of them")
	}
	if !f.readOnly && f.journal == "" {
		f.journal = journalOf(dir)
	}
	f.config.Token = os.Getenv("ALIKE_TOKEN")
	if f.tokenFile != "" {
		text, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
		if f.config.Token = strings.TrimSpace(string(text)); f.config.Token == "" {
			return fmt.Errorf("--token-file %s is empty; write one, e.g. by 'openssl rand -hex 16'", f.tokenFile)
		}
	}
	return nil
}

func (a *app) serve() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve INDEX | RUN | MODEL.onnx",
		Short: "Answer over HTTP: embed images, search, add and delete them",
		Long: `Answer over HTTP: embed images, search by image or vector, list an image's
neighbours, add and delete images. GET /openapi.json describes all of it. An INDEX
is what 'alike embed' writes; of a RUN, its images are embedded first.

It listens on this machine only; to be reached from others it demands a token, or
--insecure. A write is acknowledged once it is on the disk, in the journal, which
the next start replays. Ctrl-C or SIGTERM answers what was asked, then stops. The
log, one JSON object a line, goes to standard error.`,
		Example: "  alike serve photos.index\n  alike serve runs/simclr-resnet8 --data photos/\n  ALIKE_TOKEN=$(cat token) alike serve photos.index --addr 0.0.0.0:8443 --tls-cert chain.pem --tls-key key.pem\n  curl --data-binary @cat.jpg -H 'Content-Type: image/jpeg' 'localhost:8080/v1/search?k=5'",
		Args:    exactly("an INDEX or a RUN"),
	}
	var f serveFlags
	f.add(c)
	f.addWrites(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := errors.Join(f.writes(args[0]), f.limits()); err != nil {
			return err
		}
		level := slog.LevelInfo
		if a.quiet {
			level = slog.LevelWarn
		}
		log := slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: level}))
		server, err := serve.New(f.config, log)
		if err != nil {
			return err
		}
		return a.serveUntilStopped(c.Context(), log, server, f, func(ctx context.Context) (func(), error) {
			return a.openGallery(ctx, log, server, args[0], f, nil)
		})
	}
	return c
}

// opener makes a server ready. Its caller calls done when the server has ended.
type opener func(ctx context.Context) (done func(), err error)

// serveUntilStopped listens at once, lets open load meanwhile what is served, and returns
// when the context ends and all is answered.
func (a *app) serveUntilStopped(ctx context.Context, log *slog.Logger, server *serve.Server, f serveFlags, open opener) error {
	l, err := net.Listen("tcp", f.config.Addr)
	if err != nil {
		return fmt.Errorf("--addr %s: %w", f.config.Addr, err)
	}
	if f.page {
		a.say("look at http://%s/ in a browser; Ctrl-C stops", l.Addr())
	}
	log.Info("listening", "address", l.Addr().String(), "tls", f.config.TLSCert != "", "token", f.config.Token != "")
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan error, 1)
	go func() {
		err := server.Run(ctx, l)
		stop(err) // the loading, too
		ended <- err
	}()

	done, err := open(ctx)
	defer done()
	if err != nil && ctx.Err() == nil {
		stop(err)
		return errors.Join(err, <-ended)
	}
	return <-ended
}

// openGallery makes the server ready, and shows the gallery on a page, if there is one. The caller
// calls done when the server has ended.
func (a *app) openGallery(ctx context.Context, log *slog.Logger, server *serve.Server, dir string, f serveFlags, shown *explore.Gallery) (done func(), err error) {
	start := time.Now()
	g, err := a.gallery(ctx, dir, f.gallery)
	if err != nil {
		return func() {}, err
	}
	if f.recall != 0 {
		if err := g.index.Approximate(f.recall); err != nil {
			return g.close, fmt.Errorf("--recall: %w", err)
		}
	}
	model, err := g.model()
	if err == nil && model.Size() == 0 {
		err = fmt.Errorf("%s was made from features, not from images: there is no image that could be embedded", dir)
	}
	if err != nil {
		return g.close, err
	}
	pictures, store := picturesOf(cmp.Or(f.journal, journalOf(dir))), index.NewStore(g.index)
	writes := serve.Journal{Path: f.journal, Pictures: pictures}
	// A graph would have to be built anew, and what fewer bytes hold of a vector is not the vector.
	if a := g.index.About; index.Is(dir) && a.Graph == nil && a.Encoding == "" {
		writes.Fold = func(s *index.Snapshot) error { return s.Write(dir) }
	}
	subject := model.Subject()
	found, err := server.Open(ctx, serve.About{
		Run: subject.Name, Method: subject.Method, Encoder: subject.Encoder, Step: subject.Step,
		Layer: model.Layer(), Dim: model.Dim(), WeightsSHA256: subject.WeightsSHA256, Data: dir,
	}, model, store, writes)
	if err != nil {
		return g.close, err
	}
	if shown != nil {
		var scores []explore.Score
		if found.Changes == 0 { // else the images are others
			if scores, err = a.imageScores(dir, g, subject.WeightsSHA256); err != nil {
				return g.close, err
			}
		}
		shown.Open(ctx, log, explore.Images{
			Store: store, Scores: scores,
			Picture: func(id string) (image.Image, error) {
				if m, err := pictures.Open(id); !errors.Is(err, fs.ErrNotExist) {
					return m, err
				}
				return g.image(id)
			},
		})
	}
	if found.Torn > 0 {
		log.Warn("the journal's last write was cut short; it was not acknowledged and is dropped", "bytes", found.Torn)
	}
	log.Info("ready", "images", store.Len(), "replayed", found.Changes, "seconds", time.Since(start).Seconds())
	return g.close, nil
}
