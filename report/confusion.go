package report

import (
	"cmp"
	"fmt"
	"slices"
)

// Confusion says what images of each class were taken for: Counts[truth][prediction].
type Confusion struct {
	Caption string
	Classes []string
	Counts  [][]int
}

// mostClasses is up to how many a matrix is shown; beyond it the most common mistakes are.
const mostClasses = 20

// Row is the images of one class.
type Row struct {
	Class string
	Cells []Cell
}

// Cell is how many of them were taken for a class.
type Cell struct {
	Count int
	Share float64 // of the row
	Right bool
}

// Percent is the cell's share, for the style.
func (c Cell) Percent() int { return int(100*c.Share + 0.5) }

// Matrix are the rows, nil if there are too many classes.
func (c *Confusion) Matrix() []Row {
	if len(c.Classes) > mostClasses {
		return nil
	}
	var rows []Row
	for truth, counts := range c.Counts {
		row := Row{Class: c.Classes[truth]}
		for taken, n := range counts {
			row.Cells = append(row.Cells, Cell{n, float64(n) / float64(max(1, sum(counts))), truth == taken})
		}
		rows = append(rows, row)
	}
	return rows
}

// Mistakes are the most common ones, as sentences.
func (c *Confusion) Mistakes() []string {
	type mistake struct{ truth, taken, n int }
	var list []mistake
	for truth, counts := range c.Counts {
		for taken, n := range counts {
			if taken != truth && n > 0 {
				list = append(list, mistake{truth, taken, n})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b mistake) int { return cmp.Compare(b.n, a.n) })
	var sentences []string
	for _, m := range list[:min(10, len(list))] {
		sentences = append(sentences, fmt.Sprintf("%d of %d images of %s are taken for %s", m.n, sum(c.Counts[m.truth]), c.Classes[m.truth], c.Classes[m.taken]))
	}
	return sentences
}

func sum(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
