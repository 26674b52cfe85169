package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/eval"
)

// excludeFlag adds --exclude to a command that measures.
func excludeFlag(c *cobra.Command) *string {
	return c.Flags().String("exclude", "", "FILE of ids, one a line, that are left out of the queries, as 'alike data check' lists leaked images; the score without and with them is said")
}

// exclusion is what is left of the queries without some images.
type exclusion struct {
	file    string
	keep    []int // rows
	dropped int
	sha256  string // of what is left
}

// exclude reads the file of --exclude, or returns nil if there is none.
func exclude(file string, queries hashed) (*exclusion, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--exclude: %w", err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if id := strings.TrimRight(line, "\r\n"); id != "" {
			ids[id] = true
		}
	}
	x := &exclusion{file: file}
	for i := range queries.Len() {
		if !ids[queries.ID(i)] {
			x.keep = append(x.keep, i)
		}
	}
	x.dropped = queries.Len() - len(x.keep)
	switch {
	case len(x.keep) == 0:
		return nil, fmt.Errorf("--exclude %s lists all %d queries: nothing is left to measure", file, queries.Len())
	case x.dropped == 0 && len(ids) > 0:
		return nil, fmt.Errorf("--exclude %s: none of its %d lines is the id of an image of %s; an id is, e.g., %s", file, len(ids), queries.Name(), queries.ID(0))
	}
	x.sha256, err = dataset.Hash(dataset.Subset(queries, queries.Name(), x.keep))
	return x, err
}

// from leaves out what is to be of queries, in place; where they are their own gallery, of
// that too.
func (x *exclusion) from(queries *eval.Features) {
	queries.Retain(x.keep)
	queries.Set.Excluded, queries.Set.Images, queries.Set.SHA256 = x.dropped, queries.N, x.sha256
}

// fromScore leaves out of a score, a mean over the queries, what is to be.
func (x *exclusion) fromScore(all eval.Score) eval.Score {
	s, outcomes := all, make([]float64, len(x.keep))
	for to, q := range x.keep {
		outcomes[to] = all.Outcomes[q]
	}
	s.Notes = slices.Clip(s.Notes)
	s.Share(outcomes)
	s.Protocol.Queries.Excluded, s.Protocol.Queries.Images, s.Protocol.Queries.SHA256 = x.dropped, len(x.keep), x.sha256
	x.note(&s, all)
	return s
}

// note adds to a score what was left out, and what that changed.
func (x *exclusion) note(score *eval.Score, all eval.Score) {
	from := "the queries"
	if score.Protocol.LeaveOneOut {
		from = "the queries and of their neighbours"
	}
	n := x.dropped + len(x.keep)
	score.Notes = append(score.Notes,
		fmt.Sprintf("%d of %d images are left out of %s, as %s lists them", x.dropped, n, from, x.file),
		fmt.Sprintf("with them %s is %.2f %% (%+.2f by leaving them out)", all.Metric, 100*all.Value, 100*(score.Value-all.Value)))
}
