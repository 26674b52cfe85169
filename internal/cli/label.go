package cli

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/eval"
	"alike/internal/atomicfile"
	"alike/internal/sheet"
	"alike/tidy"
)

func (a *app) label() *cobra.Command {
	s := tidy.DefaultSpread()
	c := &cobra.Command{
		Use:   "label INDEX | RUN | MODEL.onnx",
		Short: "Label all images from the labels of a few",
		Long: `Give every image a class, from a few whose class is known: labels spread along the
images that are most like each other (Zhou et al. 2004). --examples is a file of lines
"image,class", where image is an id as 'alike search' prints it; lines of what --out
wrote will do. The examples are also labelled by each other, in five parts, which
says how far the rest can be trusted.

--out gets a line for each image: its class, and the confidence, the class's share of
all that reached the image; an image that nothing reaches has none.`,
		Example: "  alike label photos.index --examples few.csv --out labels.csv\n  alike label photos.index --examples few.csv --picture unsure.png --json",
		Args:    exactly("an INDEX or a RUN"),
	}
	var g galleryFlags
	g.add(c)
	examples := c.Flags().String("examples", "", `file of known classes, a line "image,class" each`)
	c.Flags().IntVar(&s.Neighbours, "neighbours", s.Neighbours, "neighbours of each image that labels spread along")
	c.Flags().Float64Var(&s.Temperature, "temperature", s.Temperature, "neighbours weigh exp(cosine/temperature)")
	out := c.Flags().String("out", "", "file of the labels: image, class, confidence")
	picture := c.Flags().String("picture", "", "picture of each class, the least sure 20 of many: examples, surest and least sure images")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *examples == "" {
			return misuse(`--examples is needed: a file of lines "image,class"`)
		}
		if err := s.Validate(); err != nil {
			return usageError{err}
		}
		if err := wantPNG("--picture", *picture); err != nil {
			return err
		}
		gallery, err := a.gallery(c.Context(), args[0], g)
		if err != nil {
			return err
		}
		defer gallery.close()
		known, classes, err := readExamples(*examples, gallery)
		if err != nil {
			return err
		}
		f := gallery.index.Features()
		labels, err := s.Labels(c.Context(), f, known, len(classes))
		if err != nil {
			return err
		}
		right, of, err := s.HeldOut(c.Context(), f, known, len(classes), 1)
		if err != nil {
			return err
		}
		if *out != "" {
			write := func(w io.Writer) error { return writeLabels(w, gallery, labels, classes) }
			if err := atomicfile.WriteAll(atomicfile.File{Path: *out, Write: write}); err != nil {
				return err
			}
			a.say("the labels are in %s", *out)
		}
		if *picture != "" {
			if err := gallery.drawLabels(*picture, labels, known, classes); err != nil {
				return err
			}
			a.say("the picture is in %s", *picture)
		}
		accuracy := eval.Wilson(right, of)
		if *asJSON {
			return a.printJSON(map[string]any{
				"images": f.N, "examples": of, "held_out_accuracy": float64(right) / float64(of), "ci95": accuracy, "labels": labelRows(gallery, labels, classes),
			})
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "class\texamples\timages\tmean confidence")
		for class, name := range classes {
			given, n, sum := 0, 0, 0.0
			for i, l := range labels {
				switch {
				case known[i] == class:
					given++
				case l.Class == class:
					n, sum = n+1, sum+l.Confidence
				}
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%.2f\n", name, given, n, sum/float64(max(1, n)))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "of the %d examples, each labelled by the others, %.1f %% got their class (95 %% interval %.1f to %.1f)\n",
			of, 100*float64(right)/float64(of), 100*accuracy[0], 100*accuracy[1])
		return nil
	}
	return c
}

// readExamples reads the known classes: an index into the sorted names, or -1, of each image.
func readExamples(path string, g *gallery) (known []int, classes []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("--examples: %w", err)
	}
	defer file.Close()
	r := csv.NewReader(bufio.NewReader(file))
	r.FieldsPerRecord = -1
	class := map[int]string{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf(`--examples %s: %w; want lines "image,class"`, path, err)
		}
		line, _ := r.FieldPos(0)
		listed := len(record) == 3 // with a confidence, as --out writes it
		if len(record) != 2 && !listed {
			return nil, nil, fmt.Errorf(`--examples %s: line %d has %d fields; want "image,class", or a line of what --out wrote`, path, line, len(record))
		}
		row, ok := g.index.Find(record[0])
		if before := class[row]; ok && before != "" && before != record[1] {
			return nil, nil, fmt.Errorf("--examples %s: line %d: %s is %q, before it was %q", path, line, record[0], record[1], before)
		}
		switch {
		case !ok && line == 1 && isHeader(record):
			continue
		case !ok:
			return nil, nil, fmt.Errorf("--examples %s: line %d: there is no image %s", path, line, record[0])
		case record[1] == "" && listed:
			continue // nothing had reached it
		case record[1] == "":
			return nil, nil, fmt.Errorf("--examples %s: line %d: %s has no class", path, line, record[0])
		}
		class[row] = record[1]
		classes = append(classes, record[1])
	}
	slices.Sort(classes)
	if classes = slices.Compact(classes); len(classes) < 2 {
		return nil, nil, fmt.Errorf("--examples %s: %d classes, want at least 2", path, len(classes))
	}
	known = make([]int, g.index.Len())
	for row := range known {
		known[row] = -1
		if name, ok := class[row]; ok {
			known[row], _ = slices.BinarySearch(classes, name)
		}
	}
	return known, classes, nil
}

// labelHeader is the first line of what --out writes.
var labelHeader = []string{"image", "class", "confidence"}

// isHeader says whether a first line names the columns of examples, as manifests may too.
func isHeader(record []string) bool {
	word := func(i int) string { return strings.ToLower(strings.TrimSpace(strings.TrimPrefix(record[i], "\ufeff"))) }
	return (word(0) == "id" || dataset.IsColumn("path", word(0))) && dataset.IsColumn("label", word(1))
}

// labelRow is an image's label by names.
type labelRow struct {
	ID         string  `json:"id"`
	Class      string  `json:"class,omitempty"`
	Confidence float64 `json:"confidence"`
}

func labelRows(g *gallery, labels []tidy.Labelled, classes []string) []labelRow {
	rows := make([]labelRow, len(labels))
	for i, l := range labels {
		rows[i] = labelRow{ID: g.index.Entry(i).ID, Confidence: l.Confidence}
		if l.Class >= 0 {
			rows[i].Class = classes[l.Class]
		}
	}
	return rows
}

func writeLabels(w io.Writer, g *gallery, labels []tidy.Labelled, classes []string) error {
	to := csv.NewWriter(w)
	records := [][]string{labelHeader}
	for _, r := range labelRows(g, labels, classes) {
		records = append(records, []string{r.ID, r.Class, fmt.Sprintf("%.4f", r.Confidence)})
	}
	return to.WriteAll(records)
}

// drawLabels draws a row a class, up to 20 of them with the least sure images first: two examples,
// the surest and the least sure.
func (g *gallery) drawLabels(path string, labels []tidy.Labelled, known []int, classes []string) error {
	const given, some, most = 2, 5, 20
	doubt, order := make([]float64, len(classes)), make([]int, len(classes))
	for class := range order {
		order[class] = class
		n := 0
		for i, l := range labels {
			if l.Class == class && known[i] < 0 {
				n, doubt[class] = n+1, doubt[class]+1-l.Confidence
			}
		}
		doubt[class] /= float64(max(1, n))
	}
	if len(order) > most {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(doubt[b], doubt[a]) })
		order = order[:most]
	}
	var rows [][]sheet.Cell
	for _, class := range order {
		var examples, others []int
		for i, l := range labels {
			switch {
			case known[i] == class:
				examples = append(examples, i)
			case l.Class == class:
				others = append(others, i)
			}
		}
		slices.SortStableFunc(others, func(a, b int) int { return cmp.Compare(labels[b].Confidence, labels[a].Confidence) })
		shown := others
		if len(others) > 2*some {
			shown = slices.Concat(others[:some], others[len(others)-some:])
		}
		var row []sheet.Cell
		for _, i := range examples[:min(given, len(examples))] {
			img, err := g.image(g.index.Entry(i).ID)
			if err != nil {
				return err
			}
			row = append(row, sheet.Cell{Image: img, Caption: classes[class], Frame: queryFrame})
		}
		for _, i := range shown {
			img, err := g.image(g.index.Entry(i).ID)
			if err != nil {
				return err
			}
			row = append(row, sheet.Cell{Image: img, Caption: fmt.Sprintf("%.2f", labels[i].Confidence)})
		}
		rows = append(rows, row)
	}
	return writeSheet(path, rows)
}
