package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"alike/eval"
	"alike/train"
)

// evalBench is what bench eval measures: made-up embeddings against themselves.
type evalBench struct {
	Images        int `json:"images"`
	Dim           int `json:"dim"`
	Classes       int `json:"classes"`
	Restarts      int `json:"restarts"`
	MaxIterations int `json:"max_iterations"`

	room eval.Room
}

// benchMetrics are the measurements that bench eval times.
var benchMetrics = []struct {
	name    string
	measure func(ctx context.Context, b evalBench, f *eval.Features) ([]eval.Score, error)
}{
	{"knn", func(ctx context.Context, _ evalBench, f *eval.Features) ([]eval.Score, error) {
		return one(eval.DefaultKNN())(ctx, f, f)
	}},
	{"retrieval", func(ctx context.Context, _ evalBench, f *eval.Features) ([]eval.Score, error) {
		m := eval.DefaultRetrieval()
		m.CMC = 20
		return m.Scores(ctx, f, f)
	}},
	{"cluster", func(ctx context.Context, b evalBench, f *eval.Features) ([]eval.Score, error) {
		m := eval.DefaultNMI()
		m.Restarts, m.MaxIterations = b.Restarts, b.MaxIterations
		return m.ClusterScores(ctx, f)
	}},
	{"verification", func(ctx context.Context, _ evalBench, f *eval.Features) ([]eval.Score, error) {
		return eval.DefaultVerification().Scores(ctx, f)
	}},
	{"linear", func(ctx context.Context, b evalBench, f *eval.Features) ([]eval.Score, error) {
		m := eval.DefaultLinear()
		m.MaxIterations, m.Room = b.MaxIterations, b.room
		queries := *f // the same rows, which the probe takes for others
		return one(m)(ctx, f, &queries)
	}},
}

// measured is what a measurement took, and what came out.
type measured struct {
	Metric  string             `json:"metric"`
	Seconds float64            `json:"seconds"`
	Peak    int64              `json:"peak_bytes,omitempty"` // most memory of the process, less the embeddings; 0 if not known
	Values  map[string]float64 `json:"values"`
}

func (a *app) benchEval() *cobra.Command {
	var names []string
	for _, m := range benchMetrics {
		names = append(names, m.name)
	}
	c := &cobra.Command{
		Use:   "eval",
		Short: "Time all metrics on made-up embeddings, and measure their memory",
		Long: `Measure made-up embeddings against themselves, clumps of equal size around random
centres: kNN, retrieval with a CMC curve, cluster, verification and the linear probe. It
says how long each takes, and the most memory that the process has held beside the
embeddings.`,
		Example: "  alike bench eval --images 20000\n  alike bench eval --images 200000 --dim 512 --classes 1000 --metrics knn,retrieval --json\n  alike bench eval --images 200000 --max-memory 1.3GiB",
		Args:    exactly(),
	}
	b := evalBench{Restarts: eval.DefaultNMI().Restarts, MaxIterations: eval.DefaultLinear().MaxIterations}
	c.Flags().IntVar(&b.Images, "images", 20000, "embeddings")
	c.Flags().IntVar(&b.Dim, "dim", 512, "values of an embedding")
	c.Flags().IntVar(&b.Classes, "classes", 1000, "classes, of equal size")
	c.Flags().IntVar(&b.Restarts, "restarts", b.Restarts, "restarts of k-means")
	c.Flags().IntVar(&b.MaxIterations, "max-iterations", b.MaxIterations, "limit of k-means and of each of the linear probe's fits")
	metrics := c.Flags().StringSlice("metrics", names, "what to time")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if b.Images < 20 || b.Dim < 1 || b.Classes < 2 || b.Classes > b.Images/2 {
			return misuse("want at least 20 images, 1 value and 2 classes, and 2 images of each class")
		}
		for _, name := range *metrics {
			if !slices.Contains(names, name) {
				return misuse("--metrics %s: have %s", name, strings.Join(names, ", "))
			}
		}
		b.room = a.memory.room
		f, err := b.features()
		if err != nil {
			return err
		}
		var all []measured
		for _, m := range benchMetrics {
			if !slices.Contains(*metrics, m.name) {
				continue
			}
			debug.FreeOSMemory()
			resetPeakMemory()
			start := time.Now()
			scores, err := m.measure(c.Context(), b, f)
			if err != nil {
				return err
			}
			took := measured{m.name, time.Since(start).Seconds(), max(0, int64(train.PeakMemory())-4*int64(len(f.Data))), map[string]float64{}}
			for _, s := range scores {
				took.Values[s.Metric] = s.Value
			}
			all = append(all, took)
			a.say("%s: %.1f s", m.name, took.Seconds)
		}
		if *asJSON {
			return a.printJSON(struct {
				evalBench
				Features int64      `json:"features_bytes"`
				Threads  int        `json:"threads"`
				Metrics  []measured `json:"metrics"`
			}{b, 4 * int64(len(f.Data)), runtime.GOMAXPROCS(0), all})
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "%d x %d of %d classes, %s\tseconds\tmemory beside them\n", b.Images, b.Dim, b.Classes, humanize.IBytes(4*uint64(len(f.Data))))
		for _, m := range all {
			peak := "not known"
			if m.Peak > 0 {
				peak = humanize.IBytes(uint64(m.Peak))
			}
			fmt.Fprintf(w, "%s\t%.1f\t%s\n", m.Metric, m.Seconds, peak)
		}
		return w.Flush()
	}
	return a.memoryFlag(c)
}

// features are embeddings of length 1 that lie around a centre for each class, so far from it
// that classes overlap.
func (b evalBench) features() (*eval.Features, error) {
	const noise = 3
	r := rand.New(rand.NewPCG(1, 0))
	centres := make([]float32, b.Classes*b.Dim)
	for i := range centres {
		centres[i] = float32(r.NormFloat64())
	}
	data, err := b.room(b.Images * b.Dim)
	if err != nil {
		return nil, err
	}
	f := &eval.Features{N: b.Images, D: b.Dim, Data: data, Labels: make([]int, b.Images)}
	for i := range f.N {
		f.Labels[i] = i % b.Classes
		centre := centres[f.Labels[i]*b.Dim:]
		for k := range f.Row(i) {
			f.Row(i)[k] = centre[k] + noise*float32(r.NormFloat64())
		}
	}
	f.Normalize()
	return f, nil
}

// resetPeakMemory makes the peak that of what comes now, where the system can.
func resetPeakMemory() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }
