package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"alike/eval"
	"alike/explore"
	"alike/index"
	"alike/pretrained"
	"alike/serve"
	"alike/train"
)

func (a *app) explore() *cobra.Command {
	c := &cobra.Command{
		Use:   "explore INDEX | RUN | MODEL.onnx [INDEX | RUN | MODEL.onnx]",
		Short: "Look at a gallery in the browser: search by image, walk, a map of all; watch a training; compare two",
		Long: `Look at a gallery in the browser: drop or paste an image and see what is most
like it, press any picture to walk on, and find all of them on a map of the
embeddings, coloured by class, by cluster or by a score of each image; draw around
points to see their images.

Of a RUN it shows how the training goes, too: its curves and what the doctor says,
while it trains and after; the images as soon as there is a checkpoint. Two INDEXes or
RUNs are compared: the neighbours of a query by both, side by side, and their curves.

The page is part of this program and loads nothing from elsewhere. It listens on
this machine only, unless --insecure lets others in. With --edit images can be added
and deleted on the page; they are kept as 'alike serve' keeps them.`,
		Example: "  alike explore photos.index\n  alike explore runs/simclr-resnet8 --data photos/ --addr 127.0.0.1:9000\n  alike explore runs/simclr-resnet8 runs/isif-resnet8",
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 2 {
			return misuse("alike explore compares two INDEXes or RUNs, not %d", len(args))
		}
		return exactly("an INDEX or a RUN")(c, args[:min(1, len(args))])
	}
	var f serveFlags
	f.add(c)
	edit := c.Flags().Bool("edit", false, "let images be added and deleted on the page")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *edit && len(args) > 1 {
			return misuse("--edit is for one gallery, not for two that are compared")
		}
		if *edit {
			f.journal = journalOf(args[0])
		}
		if err := f.limits(); err != nil {
			return err
		}
		f.page = true
		log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		server, open, err := a.pageOf(args, f, log)
		if err != nil {
			return err
		}
		return a.serveUntilStopped(c.Context(), log, server, f, open)
	}
	return c
}

// pageOf is a server with a page of one gallery or two, and what opens those.
func (a *app) pageOf(names []string, f serveFlags, log *slog.Logger) (*serve.Server, opener, error) {
	page := &explore.Page{}
	var servers []*serve.Server
	for _, name := range names {
		s, err := serve.New(f.config, log)
		if err != nil {
			return nil, nil, err
		}
		g := &explore.Gallery{Name: filepath.Base(name)}
		g.AddTo(s)
		page.Galleries, servers = append(page.Galleries, g), append(servers, s)
		look, err := watch(name)
		if err != nil {
			return nil, nil, err
		}
		if look != nil {
			page.Trainings = append(page.Trainings, look)
		}
	}
	if len(names) == 2 {
		servers[0].Mount(explore.Second, servers[1])
	}
	open := func(ctx context.Context) (done func(), err error) {
		var all []func()
		for i, name := range names {
			one, oneErr := a.openForPage(ctx, log, servers[i], name, f, page.Galleries[i])
			all = append(all, one)
			if err = oneErr; err != nil {
				break
			}
		}
		return func() {
			for _, one := range all {
				one()
			}
		}, err
	}
	return servers[0], open, page.AddTo(servers[0])
}

// openForPage makes a server ready, and the gallery on the page, as soon as there is something to show.
func (a *app) openForPage(ctx context.Context, log *slog.Logger, s *serve.Server, name string, f serveFlags, g *explore.Gallery) (done func(), err error) {
	nothing := func() {}
	if !index.Is(name) {
		run, err := train.Open(name)
		if err != nil {
			return nothing, err
		}
		if run.Config.Size == 0 {
			g.Wait("This run was made from features: there are no images to look at.")
			return nothing, nil
		}
		g.Wait("The images are shown as soon as the run has its first checkpoint.")
		if err := untilCheckpoint(ctx, run); err != nil {
			return nothing, err
		}
		g.Wait("The images are being embedded …")
	}
	return a.openGallery(ctx, log, s, name, f, g)
}

// untilCheckpoint returns when a run has one.
func untilCheckpoint(ctx context.Context, run *train.Run) error {
	for {
		_, err := run.Steps()
		if !errors.Is(err, train.ErrNoCheckpoint) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second / 2):
		}
	}
}

// journalOf is where writes to a gallery are kept, and picturesOf what those of a journal look like.
func journalOf(source string) string {
	if pretrained.Is(source) {
		return source + ".journal"
	}
	return filepath.Join(source, "serve.journal")
}

func picturesOf(journal string) serve.Pictures {
	return serve.Pictures(strings.TrimSuffix(journal, ".journal") + ".pictures")
}

// imageScores are what the queries of a run's scores came to, where those are the images of the gallery,
// measured with its network.
func (a *app) imageScores(dir string, g *gallery, weights string) (list []explore.Score, err error) {
	if g.from.Spec == "" {
		return nil, nil // of an index, whose order need not be that of the data
	}
	run, err := train.Open(dir)
	if err != nil {
		return nil, err
	}
	latest, err := latestScores(run)
	for _, s := range latest {
		q := s.Protocol.Queries
		if s.Subject.WeightsSHA256 != weights || q.Data != g.from.Spec || q.Split != g.from.Split || q.Classes != g.from.Classes || q.Excluded > 0 || q.Images != g.index.Len() {
			continue
		}
		outcomes, err := eval.ReadOutcomes(run.ScoresPath(), s)
		if errors.Is(err, eval.ErrNoOutcomes) {
			continue
		}
		if err != nil {
			return nil, err
		}
		score := explore.Score{Name: s.Metric, About: fmt.Sprintf("what each image adds to %s, %.2f %%, on layer %s", s.Metric, 100*s.Value, s.Protocol.Layer), High: 1}
		for _, v := range outcomes {
			score.Values = append(score.Values, float32(v))
		}
		list = append(list, score)
	}
	return list, err
}
