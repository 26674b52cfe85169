package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/color"
	"os"
	"slices"
	"time"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"alike"
	"alike/backend"
	"alike/dataset"
	"alike/eval"
	"alike/index"
	"alike/internal/atomicfile"
	"alike/internal/rng"
	"alike/internal/sheet"
	"alike/method"
	"alike/report"
	"alike/train"
)

// Frames of pictures.
var (
	queryFrame = color.RGBA{R: 37, G: 99, B: 201, A: 255}
	rightFrame = color.RGBA{R: 40, G: 160, B: 80, A: 255}
	wrongFrame = color.RGBA{R: 205, G: 70, B: 50, A: 255}
)

// reportNeighbours are shown of each query.
const reportNeighbours = 6

// Sizes of what the monitor measures with: small, so that it costs little.
const (
	monitorBank    = 5000
	monitorQueries = 1000
	monitorK       = 200
)

func (a *app) report() *cobra.Command {
	c := &cobra.Command{
		Use:     "report RUN",
		Short:   "Write a run's report: one HTML file that needs nothing beside it",
		Example: "  alike report runs/simclr-resnet8",
		Args:    exactly("a RUN"),
	}
	var data dataFlags
	data.addOptional(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		run, err := train.Open(args[0])
		if err != nil {
			return err
		}
		source, err := a.open(c.Context(), data.ofRun(run))
		if err != nil {
			return err
		}
		engine, err := backend.Open(a.backend)
		if err != nil {
			return usageError{err}
		}
		defer engine.Finalize()
		if err := a.writeReport(c.Context(), run, source, engine); err != nil {
			return err
		}
		fmt.Fprintln(a.stdout, run.ReportPath())
		return nil
	}
	return c
}

// sample is up to n images of a data set, the same for the same set.
func sample(d dataset.Dataset, n int) dataset.Dataset {
	if d.Len() <= n {
		return d
	}
	index := rng.New(rng.Split, 0).Perm(d.Len())[:n]
	slices.Sort(index)
	return dataset.Subset(d, d.Name(), index)
}

// monitorKNN is the classifier that watches a run.
func monitorKNN() eval.KNN {
	return eval.KNN{K: monitorK, Temperature: eval.DefaultKNN().Temperature}
}

// monitor measures kNN on a fixed subset of labelled images; nil without labels.
func (a *app) monitor(source *dataset.Source, images dataset.Dataset) func(context.Context, *train.Model) (map[string]float64, error) {
	if len(images.Classes()) < 2 {
		return nil
	}
	bank := sample(images, monitorBank)
	queries := bank // each image against the others
	if test, _, err := source.Evaluation(); err == nil && test != images {
		queries = sample(test, monitorQueries)
	}
	return func(ctx context.Context, m *train.Model) (map[string]float64, error) {
		b, err := monitorFeatures(ctx, m, bank)
		if err != nil {
			return nil, err
		}
		q := b
		if queries != bank {
			if q, err = monitorFeatures(ctx, m, queries); err != nil {
				return nil, err
			}
		}
		score, err := monitorKNN().Score(ctx, b, q)
		if err != nil {
			return nil, err
		}
		chance, err := eval.Chance(b, q)
		return map[string]float64{"knn_accuracy": score.Value, "knn_chance": chance, "knn_queries": float64(queries.Len())}, err
	}
}

func monitorFeatures(ctx context.Context, m *train.Model, d dataset.Dataset) (*eval.Features, error) {
	flat, err := m.Embed(ctx, d, m.Layer(), nil)
	f := eval.NewFeatures(d, m.Dim(m.Layer()))
	f.Data, f.Layer = flat, m.Layer()
	return f, err
}

// writeReport writes RUN/report.html.
func (a *app) writeReport(ctx context.Context, run *train.Run, source *dataset.Source, engine compute.Backend) error {
	r := report.Report{Title: fmt.Sprintf("%s with %s", run.Config.Method.Name, run.Config.Encoder.Name), Data: run.Config.Data}
	steps := []func() error{
		func() error { return addFacts(&r, run) },
		func() error { return addScores(&r, run) },
		func() error { return addCurves(&r, run) },
		func() error { return addHealth(&r, run) },
	}
	if run.Config.Size > 0 { // which features have not
		steps = append(steps,
			func() error { return addViews(&r, run, source) },
			func() error { return a.addNeighbours(ctx, &r, run, source, engine) })
	}
	for _, add := range steps {
		if err := add(); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	var page bytes.Buffer
	if err := r.Write(&page); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := atomicfile.Write(run.ReportPath(), page.Bytes()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	a.say("the report is %s", run.ReportPath())
	return nil
}

func addFacts(r *report.Report, run *train.Run) error {
	state, err := run.State(-1)
	if err != nil {
		return err
	}
	m, err := method.Methods.New(run.Config.Method)
	if err != nil {
		return err
	}
	config, err := run.Config.YAML()
	if err != nil {
		return err
	}
	r.Config = string(config)
	if state.Step < state.Total {
		r.Verdict = append(r.Verdict, fmt.Sprintf("Training is at step %d of %d: the result is not that of the whole run.", state.Step, state.Total))
	}
	r.Facts = []report.Fact{
		{Name: "step", Value: fmt.Sprintf("%d of %d", state.Step, state.Total)},
		{Name: "images seen", Value: fmt.Sprintf("%d (views of each: %d)", state.Step*run.Config.Batch, m.Views())},
		{Name: "training time", Value: time.Duration(state.Seconds * float64(time.Second)).Round(time.Second).String()},
		{Name: "engine", Value: state.Engine},
		{Name: "seed", Value: fmt.Sprint(state.Seed)},
		{Name: "weights_sha256", Value: state.WeightsSHA256},
	}
	return nil
}

func addCurves(r *report.Report, run *train.Run) error {
	metrics, err := run.Metrics()
	if err != nil {
		return err
	}
	r.Curves = curvesOf(metrics)
	for _, c := range r.Curves {
		if c.Name == "knn" {
			first, last := c.Points[0].Y, c.Points[len(c.Points)-1].Y
			r.Verdict = append(r.Verdict, fmt.Sprintf("During training, kNN accuracy on a fixed subset (at most %d images against %d) went from %.1f %% to %.1f %%.", monitorQueries, monitorBank, 100*first, 100*last))
		}
	}
	return nil
}

func addScores(r *report.Report, run *train.Run) error {
	latest, err := latestScores(run)
	if err != nil {
		return err
	}
	for _, s := range latest {
		if s.Metric == "knn_accuracy" {
			r.Verdict = append(r.Verdict, fmt.Sprintf("Measured whole, kNN accuracy is %.1f %% at step %d: %s.", 100*s.Value, s.Subject.Step, measuredOn(s.Protocol)))
		}
	}
	scores, err := eval.Scores(run.ScoresPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, s := range scores {
		r.Scores = append(r.Scores, report.Score{
			Name: s.Metric, Subject: fmt.Sprintf("%s, step %d", s.Subject.Name, s.Subject.Step),
			Value: s.Value, CI95: s.CI95, Protocol: protocolFacts(s.Protocol),
		})
	}
	return err
}

func protocolFacts(p eval.Protocol) []report.Fact {
	facts := []report.Fact{
		{Name: "labels from", Value: fmt.Sprintf("%d images, %s of %s (%.12s)", p.Bank.Images, p.Bank.Split, p.Bank.Data, p.Bank.SHA256)},
		{Name: "queries", Value: fmt.Sprintf("%d images, %s of %s (%.12s)", p.Queries.Images, p.Queries.Split, p.Queries.Data, p.Queries.SHA256)},
		{Name: "layer", Value: p.Layer},
		{Name: "normalisation", Value: p.Normalisation},
		{Name: "variant", Value: p.Variant},
	}
	if p.Queries.Classes != "" {
		facts = append(facts, report.Fact{Name: "classes", Value: p.Queries.Classes})
	}
	if p.K > 0 {
		facts = append(facts, report.Fact{Name: "k", Value: fmt.Sprint(p.K)})
	}
	if p.Temperature > 0 {
		facts = append(facts, report.Fact{Name: "temperature", Value: fmt.Sprint(p.Temperature)})
	}
	return facts
}

func addViews(r *report.Report, run *train.Run, source *dataset.Source) error {
	d, err := source.Split(run.Config.Split)
	if err != nil {
		return err
	}
	png, err := viewSheet(d, run.Config.Views, run.Config.Size, 6, run.Config.Seed)
	r.Pictures = append(r.Pictures, report.Picture{Title: "Views", Caption: "An image of the data on the left, then what the network is shown of it: views of one image are to have similar embeddings.", PNG: png})
	return err
}

// addNeighbours draws queries with the images that are most like them.
func (a *app) addNeighbours(ctx context.Context, r *report.Report, run *train.Run, source *dataset.Source, engine compute.Backend) error {
	const queries = 8
	d, _, err := source.Evaluation()
	if err != nil {
		d, err = source.Split(run.Config.Split)
	}
	if err != nil {
		return err
	}
	d = sample(d, monitorBank)
	m, err := run.Model(engine, -1)
	if err != nil {
		return err
	}
	f, err := monitorFeatures(ctx, m, d)
	if err != nil {
		return err
	}
	if err := writeProjector(run, d, f); err != nil {
		return err
	}
	x, err := index.New(f)
	if err != nil {
		return err
	}
	if err := addMap(ctx, r, d, f); err != nil {
		return err
	}
	picked := rng.New(rng.Split, 1).Perm(d.Len())[:min(queries, d.Len())]
	hits, err := x.Search(ctx, f.Select(picked), reportNeighbours+1)
	if err != nil {
		return err
	}
	var rows [][]sheet.Cell
	for i, q := range picked {
		row, err := neighbourRow(d, q, hits[i])
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	png, err := sheet.PNG(rows, 96)
	r.Pictures = append(r.Pictures, report.Picture{Title: "Nearest neighbours", Caption: "A test image on the left, then those whose embeddings are nearest by cosine. Green has the query's class, red another.", PNG: png})
	if err != nil {
		return err
	}
	return addConfusion(ctx, r, d, f, x)
}

func neighbourRow(d dataset.Dataset, query int, hits []alike.Hit) ([]sheet.Cell, error) {
	cell := func(i int, caption string, frame color.Color) (sheet.Cell, error) {
		img, err := d.Image(i)
		if err != nil {
			return sheet.Cell{}, err
		}
		return sheet.Cell{Image: img.RGBA(), Caption: caption, Frame: frame}, nil
	}
	first, err := cell(query, className(d, d.Label(query)), queryFrame)
	if err != nil {
		return nil, err
	}
	row := []sheet.Cell{first}
	for _, h := range hits {
		if h.Index == query {
			continue
		}
		var frame color.Color = wrongFrame
		switch {
		case d.Label(query) < 0:
			frame = nil
		case className(d, d.Label(query)) == h.Class:
			frame = rightFrame
		}
		c, err := cell(h.Index, fmt.Sprintf("%.2f %s", h.Similarity, h.Class), frame)
		if err != nil {
			return nil, err
		}
		row = append(row, c)
	}
	return row, nil
}
