package cli

import (
	"fmt"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"alike/eval"
	"alike/index"
)

// searchRate is how fast searches are, and what they find.
type searchRate struct {
	Effort   int     `json:"effort"` // 0 for exact search
	Recall   float64 `json:"recall"`
	QueriesS float64 `json:"queries_per_s"`
	Micros   float64 `json:"microseconds"` // for a query
}

func (a *app) benchSearch() *cobra.Command {
	c := &cobra.Command{
		Use:   "search INDEX",
		Short: "Time searches in an index, one query at a time, exactly and at each effort of its graph",
		Long: `Time searches in an index, one query at a time, exactly and, if it has a graph, at each
effort that was measured when that was built. Recall is against exact search, for these
queries. Run it with GOMAXPROCS=1 to time one core.`,
		Example: "  alike bench search photos.index --queries others.index\n  GOMAXPROCS=1 alike bench search photos.index --queries others.index --count 1000",
		Args:    exactly("an INDEX"),
	}
	queries := c.Flags().String("queries", "", "INDEX whose vectors are the queries (default: the same)")
	count := c.Flags().Int("count", 1000, "number of queries")
	k := c.Flags().Int("k", 10, "neighbours of each")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *count < 1 || *k < 1 {
			return misuse("--count %d, --k %d: must be at least 1", *count, *k)
		}
		x, err := index.Open(args[0])
		if err != nil {
			return err
		}
		defer x.Close()
		from := x
		if *queries != "" {
			if from, err = index.Open(*queries); err != nil {
				return err
			}
			defer from.Close()
		}
		*count = min(*count, from.Len())
		efforts := []int{0}
		if x.About.Graph != nil {
			for _, e := range x.About.Graph.Efforts {
				efforts = append(efforts, e.Ef)
			}
		}
		var exact [][]index.Hit
		var rates []searchRate
		for _, ef := range efforts {
			if err := x.SetEffort(ef); err != nil {
				return err
			}
			var found [][]index.Hit
			began := time.Now()
			for i := range *count {
				hits, err := x.Search(c.Context(), &eval.Features{N: 1, D: from.About.Dim, Data: from.Vector(i)}, *k)
				if err != nil {
					return err
				}
				found = append(found, hits[0])
			}
			seconds := time.Since(began).Seconds()
			if exact == nil {
				exact = found
			}
			rates = append(rates, searchRate{ef, recallOf(found, exact), float64(*count) / seconds, 1e6 * seconds / float64(*count)})
		}
		if *asJSON {
			return a.printJSON(map[string]any{"index": args[0], "vectors": x.Len(), "dim": x.About.Dim, "queries": *count, "k": *k, "threads": runtime.GOMAXPROCS(0), "rates": rates})
		}
		fmt.Fprintf(a.stdout, "%d vectors of %d values, %d queries for %d neighbours, %d threads\n", x.Len(), x.About.Dim, *count, *k, runtime.GOMAXPROCS(0))
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "effort\trecall\tqueries/s\tµs\t")
		for _, r := range rates {
			effort := fmt.Sprint(r.Effort)
			if r.Effort == 0 {
				effort = "exact"
			}
			fmt.Fprintf(w, "%s\t%.4f\t%.0f\t%.0f\t\n", effort, r.Recall, r.QueriesS, r.Micros)
		}
		return w.Flush()
	}
	return c
}

// recallOf is the share of the hits that are as similar as the last exact one.
func recallOf(found, exact [][]index.Hit) float64 {
	right, all := 0, 0
	for q := range exact {
		floor := exact[q][len(exact[q])-1].Similarity - 1e-6 // but for rounding
		all += len(exact[q])
		for _, h := range found[q] {
			if h.Similarity >= floor {
				right++
			}
		}
	}
	return float64(right) / float64(all)
}
