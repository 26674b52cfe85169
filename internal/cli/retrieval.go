package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike"
	"alike/dataset"
	"alike/eval"
	"alike/train"
)

// retrievalFlags are how retrieval is measured.
type retrievalFlags struct {
	ranking        eval.Retrieval
	clustering     eval.NMI
	nmi            bool
	references     bool
	perClass       *bool
	split, gallery string
}

func (f *retrievalFlags) add(c *cobra.Command) {
	f.ranking, f.clustering = eval.DefaultRetrieval(), eval.DefaultNMI()
	flags := c.Flags()
	flags.IntSliceVar(&f.ranking.K, "k", f.ranking.K, "ranks of recall and precision, rising")
	flags.IntVar(&f.ranking.CMC, "cmc", 0, "last rank of the CMC curve, the shares of the queries with a match by each rank (0: no curve)")
	f.perClass = perClassFlag(c)
	flags.StringVar(&f.split, "split", "", "split of the queries (default: test, or the only one)")
	flags.StringVar(&f.gallery, "gallery", "", "split that is searched (default: that of the queries, without the query itself)")
	flags.BoolVar(&f.nmi, "nmi", true, "cluster the queries too, and measure NMI")
	flags.StringVar(&f.clustering.Norm, "nmi-norm", f.clustering.Norm, "mean of the entropies that normalises NMI: arithmetic or geometric")
	flags.IntVar(&f.clustering.Restarts, "restarts", f.clustering.Restarts, "restarts of k-means")
	flags.IntVar(&f.ranking.Bootstrap.Resamples, "resamples", f.ranking.Bootstrap.Resamples, "resamples of the queries that the intervals come from")
	flags.Uint64Var(&f.clustering.Seed, "seed", f.clustering.Seed, "seed of k-means and of the resamples")
	flags.BoolVar(&f.references, "references", true, "measure raw pixels and the untrained network beside the run")
}

// validate spreads the shared settings and checks all.
func (f *retrievalFlags) validate() error {
	f.ranking.Bootstrap.Seed = f.clustering.Seed
	f.clustering.Bootstrap = f.ranking.Bootstrap
	if err := f.ranking.Validate(); err != nil {
		return usageError{err}
	}
	if err := f.clustering.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// scores measures features of the gallery and of the queries, which may be the same.
func (f *retrievalFlags) scores(ctx context.Context, gallery, queries *eval.Features) ([]eval.Score, error) {
	scores, err := f.ranking.Scores(ctx, gallery, queries)
	if err != nil || !f.nmi {
		return scores, err
	}
	nmi, err := f.clustering.Score(ctx, queries)
	return append(scores, nmi), err
}

func (a *app) evalRetrieval() *cobra.Command {
	c := &cobra.Command{
		Use:   "retrieval RUN | MODEL.onnx",
		Short: "Find images of the same class: Recall@K, R-Precision, MAP@R and NMI",
		Long: `Rank all other images for every query by cosine and ask which have its class:
Recall@K, Precision@K, R-Precision, MAP@R. Cluster the queries by k-means into as
many clusters as there are classes: NMI. --cmc gives the curve of the share of
queries that have a match by each rank, --gallery another split to search than the
queries' own. The intervals are bootstrapped over the
queries. Raw pixels and the untrained network are measured beside the run.

--classes chooses what to search: measure an embedding on classes that it was not
trained on. The scores are printed and appended to the run's scores.jsonl with
their protocols.`,
		Example: "  alike eval retrieval runs/simclr-resnet8 --data cub-200.tar.gz --classes \">100\"\n" +
			"  alike eval retrieval runs/simclr-resnet8 --data cifar-10-binary.tar.gz --classes cat,dog --k 1,10,100 --json\n" +
			"  alike eval retrieval runs/simclr-resnet8 --data builtin:sprites --split test --gallery train --cmc 20 --per-class",
		Args: exactly("a RUN"),
	}
	var data dataFlags
	var which modelFlags
	var flags retrievalFlags
	data.addOptional(c)
	which.add(c)
	flags.add(c)
	asJSON := jsonFlag(c)
	without := excludeFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := flags.validate(); err != nil {
			return err
		}
		from, err := openOrigin(args[0])
		if err != nil {
			return err
		}
		data = from.data(data)
		whole := data
		whole.classes = ""
		all, err := a.open(c.Context(), whole)
		if err != nil {
			return err
		}
		source := all
		if data.classes != "" {
			if source, err = all.OfClasses(data.classes); err != nil {
				return err
			}
		}
		gallery, queries, err := galleryAndQueries(source, flags.gallery, flags.split)
		if err != nil {
			return err
		}
		left, err := exclude(*without, queries)
		if err != nil {
			return err
		}
		seen, err := seenClasses(from.run, all, queries)
		if err != nil {
			return err
		}
		var table [][]eval.Score
		for _, subject := range a.subjects(from, which, flags.references) {
			scores, err := subject(c.Context(), left.around(normalised(perClass(flags.perClass, flags.scores))), gallery, queries)
			if err != nil {
				return err
			}
			table = append(table, scores)
		}
		for _, scores := range table {
			for i := range scores {
				if s := &scores[i]; seen != "" && s.Subject.Step > 0 {
					s.Notes = append(slices.Clip(s.Notes), seen)
				}
			}
		}
		return a.finishTable(from, table, *asJSON)
	}
	return a.memoryFlag(c)
}

// finishTable keeps the scores of subjects with the run and prints them. The run's
// own come last: they are the latest of their metrics.
func (a *app) finishTable(from origin, table [][]eval.Score, asJSON bool) error {
	for _, s := range slices.Concat(table...) {
		if err := eval.Append(from.scores(), s); err != nil {
			return err
		}
	}
	if asJSON {
		return a.printJSON(map[string]any{"scores": slices.Concat(table...)})
	}
	return a.printTable(table)
}

// galleryAndQueries are the splits that are searched and searched for; the same if
// no gallery is named.
func galleryAndQueries(s *dataset.Source, gallery, split string) (g, q hashed, err error) {
	d, name, err := s.Evaluation()
	if split != "" {
		name = split
		d, err = s.Split(split)
	}
	if err != nil {
		return g, q, err
	}
	if q, err = hash(s, d, name); err != nil || gallery == "" || gallery == name {
		return q, q, err
	}
	if d, err = s.Split(gallery); err != nil {
		return g, q, err
	}
	g, err = hash(s, d, gallery)
	return g, q, err
}

// seenClasses says how many of the queries' classes the run was trained on, if it
// was trained on the same data.
func seenClasses(run *train.Run, all *dataset.Source, queries hashed) (string, error) {
	if run == nil || run.Config.Data != all.Spec {
		return "", nil
	}
	var err error
	if run.Config.Classes != "" {
		if all, err = all.OfClasses(run.Config.Classes); err != nil {
			return "", err
		}
	}
	trained, err := all.Split(run.Config.Split)
	if err != nil {
		return "", err
	}
	seen := 0
	for _, class := range queries.Classes() {
		if slices.Contains(trained.Classes(), class) {
			seen++
		}
	}
	return fmt.Sprintf("the run was trained on images of %d of these %d classes", seen, len(queries.Classes())), nil
}

// scorers measure features.
type scorers func(ctx context.Context, gallery, queries *eval.Features) ([]eval.Score, error)

// around measures with and without what is left out; the scores are those without.
func (x *exclusion) around(measure scorers) scorers {
	if x == nil {
		return measure
	}
	return func(ctx context.Context, gallery, queries *eval.Features) ([]eval.Score, error) {
		all, err := measure(ctx, gallery, queries)
		if err != nil {
			return nil, err
		}
		x.from(queries)
		scores, err := measure(ctx, gallery, queries)
		for i := range scores {
			scores[i].Notes = slices.Clip(scores[i].Notes) // scores may share them
			x.note(&scores[i], all[i])
		}
		return scores, err
	}
}

// subject embeds images and has them measured.
type subject func(ctx context.Context, measure scorers, gallery, queries hashed) ([]eval.Score, error)

// subjects are a model and, before that of a run, what it is to be compared with.
func (a *app) subjects(from origin, which modelFlags, references bool) (list []subject) {
	if run := from.run; references && run != nil {
		list = append(list, func(ctx context.Context, measure scorers, gallery, queries hashed) ([]eval.Score, error) {
			name, of := "raw pixels", func(d hashed) (*eval.Features, error) {
				return eval.Room(a.memory.room).Pixels(ctx, d, run.Config.Size)
			}
			if run.Config.Size == 0 {
				name, of = "the features", func(d hashed) (*eval.Features, error) { return eval.Room(a.memory.room).Given(d) }
			}
			return a.subjectScores(ctx, eval.Subject{Name: name}, measure, gallery, queries, func(d hashed) (*eval.Features, error) {
				f, err := of(d)
				if err == nil {
					d.sign(&f.Set)
				}
				return f, err
			})
		})
		list = append(list, a.network(run.Dir, alike.Options{First: true, Layer: which.layer, Backend: a.backend}))
	}
	return append(list, a.network(from.path, which.options(a.backend)))
}

// network is the network of a run.
func (a *app) network(dir string, o alike.Options) subject {
	return func(ctx context.Context, measure scorers, gallery, queries hashed) ([]eval.Score, error) {
		m, err := alike.Open(dir, o)
		if err != nil {
			return nil, err
		}
		defer m.Close()
		return a.subjectScores(ctx, m.Subject(), measure, gallery, queries, func(d hashed) (*eval.Features, error) { return a.features(ctx, m, d) })
	}
}

// subjectScores measures a subject.
func (a *app) subjectScores(ctx context.Context, s eval.Subject, measure scorers, gallery, queries hashed, embed func(hashed) (*eval.Features, error)) (scores []eval.Score, err error) {
	defer func() { err = errors.Join(err, a.memory.release()) }()
	q, err := embed(queries)
	if err != nil {
		return nil, err
	}
	g := q
	if gallery.Dataset != queries.Dataset {
		if g, err = embed(gallery); err != nil {
			return nil, err
		}
	}
	scores, err = measure(ctx, g, q)
	for i := range scores {
		scores[i].Subject = s
	}
	return scores, err
}

// printTable prints a table with a column for each subject.
func (a *app) printTable(table [][]eval.Score) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "%, with 95 % interval")
	for _, scores := range table {
		s := scores[0].Subject
		name := fmt.Sprintf("%s, step %d", s.Name, s.Step)
		switch {
		case s.Method == "":
			name = s.Name
		case s.Step == 0:
			name = "untrained"
		}
		fmt.Fprintf(w, "\t%s", name)
	}
	fmt.Fprintln(w)
	own := table[len(table)-1]
	for i := range own {
		fmt.Fprint(w, own[i].Metric)
		for _, scores := range table {
			s := scores[i]
			fmt.Fprintf(w, "\t%.2f (%s)", 100*s.Value, s.Interval())
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	p := own[0].Protocol
	against := "each against all others"
	switch {
	case strings.HasPrefix(p.Variant, "all pairs"):
		against = "all pairs"
	case p.Clusters > 0:
		against = fmt.Sprintf("in %d clusters", p.Clusters)
	case !p.LeaveOneOut:
		against = fmt.Sprintf("against %d of %s", p.Bank.Images, p.Bank.Split)
	}
	fmt.Fprintf(a.stdout, "  layer %s, %d images of %d classes of %s (%s, %.12s), %s\n", p.Layer, p.Queries.Images, p.Classes, p.Queries.Data, p.Queries.Split, p.Queries.SHA256, against)
	for _, s := range own {
		if s.Curve != nil {
			fmt.Fprintf(a.stdout, "  CMC, %% by rank:%s\n", curveText(s.Curve))
		}
	}
	if err := a.printClasses(own); err != nil {
		return err
	}
	var said []string
	for _, s := range own {
		for _, note := range s.Notes {
			if !slices.Contains(said, note) {
				said = append(said, note)
				fmt.Fprintf(a.stdout, "  %s\n", note)
			}
		}
	}
	return nil
}

// curveText writes the points of a curve over ranks: all to 10, then every tenth, and
// the last.
func curveText(curve []float64) (text string) {
	for i, v := range curve {
		if rank := i + 1; rank <= 10 || rank%10 == 0 || rank == len(curve) {
			text += fmt.Sprintf(" %d: %.2f", rank, 100*v)
		}
	}
	return text
}
