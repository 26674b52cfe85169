package reproduce

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"alike/eval"
	"alike/internal/atomicfile"
)

// WritePage writes what was found as a page of Markdown, and its figures to a folder
// of its name beside it. command is what was run.
func WritePage(path, command string, s Scale, findings []Finding) error {
	var b strings.Builder
	b.WriteString("# The papers' claims on trial\n\n")
	fmt.Fprintf(&b, "Written by\n\n    %s\n\n", command)
	fmt.Fprintf(&b, "Scale `%s`: %s. %s\n\n", s.Name, s.Summary, budget(s))
	if slices.ContainsFunc(findings, func(f Finding) bool { return f.Done < f.Runs }) {
		b.WriteString("**Not finished**: not all runs of the table below are done, and some verdicts rest on one seed, as they say. The same command goes on where it was.\n\n")
	}
	b.WriteString("**held**: the 95 % interval of the difference lies above 0; **contradicted at this scale**: below 0; **did not show at this scale**: it holds 0. " +
		"With several seeds the interval is Student's t of the paired differences, with one a paired bootstrap over the queries, which says nothing of other seeds. " +
		"Where the best of several variants is taken, it is chosen by the same scores, which flatters it a little, and of all these intervals one in twenty misses by chance. " +
		"A verdict is one about the sign of a difference, not its size, and about this network and length of training, not the papers' own.\n\n| claim | verdict | runs | minutes |\n|---|---|---|---|\n")
	for _, f := range findings {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %d of %d | %.0f |\n", f.Name, f.Name, f.Verdict, f.Done, f.Runs, f.Minutes)
	}
	folder := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	for _, f := range findings {
		f.write(&b, folder)
	}
	for _, f := range findings {
		for _, figure := range f.Figures {
			if err := os.MkdirAll(filepath.Join(filepath.Dir(path), folder), 0o755); err != nil {
				return err
			}
			if err := atomicfile.Write(filepath.Join(filepath.Dir(path), folder, f.file(figure)), []byte(figure.SVG)); err != nil {
				return err
			}
		}
	}
	return atomicfile.Write(path, []byte(b.String()))
}

// budget says how long a run is.
func budget(s Scale) string {
	epochs, batches := fmt.Sprintf("%g epochs", s.Epochs), fmt.Sprintf("of batches of %d", s.Batch)
	if s.Epochs == 0 {
		epochs = "the recipe's epochs"
	}
	if s.Batch == 0 {
		batches = "of the recipe's batches"
	}
	images := "all images"
	if s.Images > 0 {
		images = fmt.Sprintf("%d images", s.Images)
	}
	size := "their own size"
	if s.Size > 0 {
		size = fmt.Sprintf("%d pixels", s.Size)
	}
	text := fmt.Sprintf("A run of length 1 sees %s of %s in %s %s; ISIF those of half of the classes", images, size, epochs, batches)
	if s.Epochs > 0 {
		text += fmt.Sprintf("; with labels %g epochs of all images of half of the classes", labelledPasses*s.Epochs)
	}
	return text + "."
}

func (f *Finding) file(figure Figure) string { return f.Name + "-" + figure.Name + ".svg" }

func (f *Finding) write(b *strings.Builder, folder string) {
	c, r := f.Claim, f.Results
	fmt.Fprintf(b, "\n## %s\n\n**%s**\n\n%s\n\n", f.Name, c.Question, c.Paper)
	if c.Setup != "" {
		fmt.Fprintf(b, "Here: %s\n\n", c.Setup)
	}
	for _, o := range f.Outcomes {
		fmt.Fprintf(b, "- **%s**: %s", o, o.Says)
		if o.Detail != "" {
			fmt.Fprintf(b, ". %s", o.Detail)
		}
		b.WriteString("\n")
	}
	for _, failed := range f.Failed {
		fmt.Fprintf(b, "- **failed**: %s\n", failed)
	}
	for _, figure := range f.Figures {
		fmt.Fprintf(b, "\n![%s](%s/%s)\n", figure.Alt, folder, f.file(figure))
	}
	if f.Done == 0 {
		return
	}
	b.WriteString("\n| % |")
	for _, m := range c.Measures {
		fmt.Fprintf(b, " %s |", m.Name)
	}
	b.WriteString(" seeds |\n|---|" + strings.Repeat("---|", len(c.Measures)+1) + "\n")
	for _, v := range r.Variants {
		runs := r.runs[v.Name]
		if len(runs) == 0 {
			continue
		}
		fmt.Fprintf(b, "| %s |", v.Name)
		for _, m := range c.Measures {
			fmt.Fprintf(b, " %s |", Interval(r.values(v.Name, m.Name)))
		}
		fmt.Fprintf(b, " %d |\n", len(runs))
	}
}

// Interval is the mean of some values in percent, and half the width of its 95 %
// interval by Student's t.
func Interval(values []float64) string {
	mean, ci := eval.MeanOfSeeds(values)
	switch len(values) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%.1f", 100*mean)
	}
	return fmt.Sprintf("%.1f ± %.1f", 100*mean, 50*(ci[1]-ci[0]))
}
