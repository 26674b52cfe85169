package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"alike/explore"
)

func (a *app) explore() *cobra.Command {
	c := &cobra.Command{
		Use:   "explore INDEX | RUN | MODEL.onnx",
		Short: "Look at a gallery in the browser: search by image, walk, a map of all",
		Long: `Look at a gallery in the browser: drop or paste an image and see what is most
like it, press any picture to walk on, and find all of them on a map of the
embeddings, coloured by class or cluster; draw around points to see their images.

The page is part of this program and loads nothing from elsewhere. It listens on
this machine only, unless --insecure lets others in.`,
		Example: "  alike explore photos.index\n  alike explore runs/simclr-resnet8 --data photos/ --addr 127.0.0.1:9000",
		Args:    exactly("an INDEX or a RUN"),
	}
	var f serveFlags
	f.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := f.limits(); err != nil {
			return err
		}
		log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		return a.serveUntilStopped(c.Context(), log, args[0], f, &explore.Page{})
	}
	return c
}
