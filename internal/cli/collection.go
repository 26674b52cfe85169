package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"alike/index"
	"alike/index/weaviate"
)

// replicasFlag is the number of copies of each object in a new collection.
func replicasFlag(c *cobra.Command) *int {
	return c.Flags().Int("replicas", 0, "nodes of a Weaviate cluster that keep each object of a new collection (default: as the server is configured)")
}

// connect returns the collection of an address, and whether it is there.
func connect(ctx context.Context, address string) (*weaviate.Collection, bool, error) {
	at, err := weaviate.ParseAddress(address)
	if err != nil {
		return nil, false, usageError{err}
	}
	c, err := weaviate.Connect(at, os.Getenv(weaviate.TokenVariable))
	if err != nil {
		return nil, false, err
	}
	found, err := c.Find(ctx)
	return c, found, err
}

// openCollection returns a collection that is there.
func openCollection(ctx context.Context, address string) (*weaviate.Collection, error) {
	c, found, err := connect(ctx, address)
	if err == nil && !found {
		err = fmt.Errorf("%s is not there; 'alike embed RUN --data SPEC --out %s' makes it", address, address)
	}
	return c, err
}

func (a *app) indexPush() *cobra.Command {
	c := &cobra.Command{
		Use:   "push INDEX weaviate://HOST:PORT/Collection",
		Short: "Bring a collection of Weaviate, a distributed vector database, to what an index holds",
		Long: `Bring a collection of a Weaviate server or cluster to what an INDEX holds: it is made if it is
not there, what is new or changed is written, the rest is deleted. HOST:PORT,HOST:PORT are nodes of
one cluster, weaviates:// is TLS, the API key is in the environment's WEAVIATE_API_KEY.

An object is written when most of its replicas say so. Requests that a server is too busy for, or
does not answer, are sent again, to another node if there is one, and fewer at a time. A command
that was stopped or killed is simply called again: nothing is there twice.

--check writes nothing: it reads every object back as most replicas have it, compares it, vector
included, and searches for some of them.`,
		Example: "  alike index push photos.index weaviate://localhost:8080/Photos\n  alike index push photos.index weaviate://db1:8080,db2:8080,db3:8080/Photos --replicas 3\n  alike index push photos.index weaviate://localhost:8080/Photos --check",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 || weaviate.Is(args[0]) || !weaviate.Is(args[1]) {
				return misuse("%s needs an INDEX and weaviate://HOST:PORT/Collection; see '%s --help'", c.CommandPath(), c.CommandPath())
			}
			return nil
		},
	}
	replicas := replicasFlag(c)
	check := c.Flags().Bool("check", false, "write nothing; read every object back and compare it")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *replicas < 0 {
			return misuse("--replicas %d: want at least 1", *replicas)
		}
		x, err := index.Open(args[0])
		if err != nil {
			return err
		}
		defer x.Close()
		if x.About.Encoding != "" {
			return fmt.Errorf("the vectors of %s are %s; push the index that they came from", args[0], x.About.Encoding)
		}
		if *check {
			return a.checkCollection(c.Context(), x, args[1], *asJSON)
		}
		to, found, err := connect(c.Context(), args[1])
		if err != nil {
			return err
		}
		var had []index.Entry
		if err := to.Create(c.Context(), x.About, *replicas); err != nil {
			return err
		}
		if found {
			if had, err = to.Entries(c.Context()); err != nil {
				return err
			}
		}
		bar := a.progress("writing", x.Len())
		vector := func(row int) ([]float32, error) { return x.Vector(row), nil }
		did, err := to.Hold(c.Context(), had, x.Entries(), vector, func(done int) { bar.at(done, fmt.Sprintf("of %d", x.Len())) })
		bar.done()
		if err == nil {
			err = to.CheckCount(c.Context(), x.Len(), true)
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{"index": args[0], "collection": args[1], "images": x.Len(), "changes": did})
		}
		fmt.Fprintf(a.stdout, "%d embeddings of %d values in %s: %d written, %d deleted\n", x.Len(), x.About.Dim, args[1], did.Written, did.Deleted)
		return nil
	}
	return c
}

// checkCollection compares a collection with an index.
func (a *app) checkCollection(ctx context.Context, x *index.Index, address string, asJSON bool) error {
	c, err := openCollection(ctx, address)
	if err != nil {
		return err
	}
	if why := x.About.Unlike(c.About); why != "" {
		return fmt.Errorf("%s holds other vectors: %s", address, why)
	}
	count, err := c.Count(ctx)
	if err != nil {
		return err
	}
	bar := a.progress("reading", x.Len())
	missing, different, err := c.Compare(ctx, x.Entries(), x.Vector, func(done int) { bar.at(done, fmt.Sprintf("of %d", x.Len())) })
	bar.done()
	if err != nil {
		return err
	}
	found, of, err := c.Findable(ctx, x.Entries(), x.Vector)
	if err != nil {
		return err
	}
	if asJSON {
		err = a.printJSON(map[string]any{"images": x.Len(), "objects": count, "missing": list(missing), "different": list(different), "searched": of, "found": found})
	} else {
		fmt.Fprintf(a.stdout, "of %d embeddings %d are missing and %d differ; %d of %d are found by a search; the collection counts %d objects\n", x.Len(), len(missing), len(different), found, of, count)
	}
	wrong := append(missing, different...)
	switch {
	case err != nil:
	case len(wrong) > 0:
		err = fmt.Errorf("%s does not hold what the index does (%s); 'alike index push' without --check mends it", address, strings.Join(wrong[:min(3, len(wrong))], ", "))
	case count > x.Len():
		err = fmt.Errorf("%s holds %d objects beside those of the index; 'alike index push' without --check deletes them", address, count-x.Len())
	case found < of*9/10:
		err = fmt.Errorf("searches in %s miss objects that are there: the graph of a server that was killed may lack them; delete the collection and push again", address)
	}
	if count < x.Len() {
		a.say("the node that counted has not caught up yet; the others have all")
	}
	return err
}

// collectionInfo says what a collection holds.
func (a *app) collectionInfo(ctx context.Context, address string, asJSON bool) error {
	c, err := openCollection(ctx, address)
	if err != nil {
		return err
	}
	if c.About.Count, err = c.Count(ctx); err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(c.About)
	}
	fmt.Fprintf(a.stdout, "%s: %d vectors of %d values\n", address, c.About.Count, c.About.Dim)
	a.printModel(c.About)
	return nil
}
