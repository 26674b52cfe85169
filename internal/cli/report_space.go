package cli

import (
	"cmp"
	"context"
	"image"
	"math"
	"slices"

	"alike/dataset"
	"alike/eval"
	"alike/explore"
	"alike/index"
	"alike/internal/sheet"
	"alike/report"
)

// What the report shows of the embeddings.
const (
	mappedImages = 1500
	mappedSide   = 28 // of their pictures, pixels
	worstImages  = 8
)

// addMap adds a map of the first embeddings of f, which are of d: UMAP from PCA, as explore has it.
func addMap(ctx context.Context, r *report.Report, d dataset.Dataset, f *eval.Features) error {
	if d.Len() < 10 {
		return nil // too few to be a map
	}
	n := min(mappedImages, d.Len())
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i * d.Len() / n
	}
	some := f.Select(rows)
	points, err := explore.DefaultLayout().Run(ctx, some, explore.PCA(some))
	if err != nil {
		return err
	}
	m := &report.Map{
		Caption: "Each point is an image; near points have near embeddings (UMAP). Point at one, or walk with the arrow keys, to see it.",
		Classes: d.Classes(), Side: mappedSide, Columns: int(math.Ceil(math.Sqrt(float64(n)))),
	}
	var pictures []image.Image
	for i, p := range points {
		img, err := d.Image(rows[i])
		if err != nil {
			return err
		}
		pictures = append(pictures, img.RGBA())
		m.Points = append(m.Points, report.Place{X: p.X, Y: p.Y, Class: d.Label(rows[i]), Name: d.ID(rows[i])})
	}
	m.Sprite, err = sheet.Sprite(pictures, m.Side)
	r.Map = m
	return err
}

// addConfusion adds what kNN takes the images of each class for, and those that it is most wrong
// about: each image by all others.
func addConfusion(ctx context.Context, r *report.Report, d dataset.Dataset, f *eval.Features, x *index.Index) error {
	if len(d.Classes()) < 2 || slices.Contains(f.Labels, -1) || f.N < 2 {
		return nil
	}
	predictions, err := monitorKNN().Predict(ctx, f, f)
	if err != nil {
		return err
	}
	c := &report.Confusion{Caption: "What kNN takes images for, each judged by all others: a row a class, its images by what they were taken for.", Classes: d.Classes()}
	c.Counts = make([][]int, len(c.Classes))
	for i := range c.Counts {
		c.Counts[i] = make([]int, len(c.Classes))
	}
	var wrong []int
	for i, p := range predictions {
		c.Counts[f.Labels[i]][p]++
		if p != f.Labels[i] {
			wrong = append(wrong, i)
		}
	}
	r.Confusion = c
	if len(wrong) == 0 {
		return nil
	}
	hits, err := x.Search(ctx, f.Select(wrong), reportNeighbours+1)
	if err != nil {
		return err
	}
	order := make([]int, len(wrong))
	doubt := make([]float64, len(wrong))
	for i, near := range hits {
		order[i] = i
		for _, h := range near {
			if h.Index != wrong[i] && f.Labels[h.Index] != f.Labels[wrong[i]] {
				doubt[i] += float64(h.Similarity)
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(doubt[b], doubt[a]) })
	var rows [][]sheet.Cell
	for _, i := range order[:min(worstImages, len(order))] {
		row, err := neighbourRow(d, wrong[i], hits[i])
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	png, err := sheet.PNG(rows, 96)
	r.Pictures = append(r.Pictures, report.Picture{Title: "The worst failures", Caption: "Images that kNN gets wrong, the surest mistakes first, with those whose embeddings are nearest. A wrong label shows here first.", PNG: png})
	return err
}
