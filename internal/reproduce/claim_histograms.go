package reproduce

import (
	"context"
	"fmt"
	"math"

	"alike/augment"
	"alike/dataset"
	"alike/internal/rng"
)

// histogramsClaim is SimCLR's figure 6.
func histogramsClaim() *Claim {
	return &Claim{
		Name:     "histograms",
		Question: "Are colour histograms a shortcut that colour distortion closes?",
		Paper:    "SimCLR, figure 6 and section 3: crops of one image share their distribution of colours, which is enough to tell images apart; crop with colour distortion learns better.",
		Setup:    "The shortcut is measured without a network: of 1,000 images two crops each, by histograms of 32 bins a channel; the share whose nearest crop (L1 distance) is the other one of its image. Then networks are trained on either.",
		Variants: func(Scale) []Variant {
			return []Variant{{Name: "crop", Args: []string{"--views", "crop"}}, {Name: cropColour, Args: []string{"--views", "crop jitter(0.5)"}}}
		},
		Measures: []Measure{linearH},
		Tests:    []Test{{Says: "a network learns more from crops with colour distortion than from crops alone", More: []string{cropColour}, Less: []string{"crop"}}},
		Judge:    judgeHistograms,
		Figures:  drawHistograms,
	}
}

// How the shortcut is measured.
const (
	histogramImages = 1000
	histogramBins   = 32
	shownImages     = 4
)

// histogram counts the values of each channel of a view, [3 histogramBins], as shares.
type histogram [3 * histogramBins]float64

func (h *histogram) add(view []float32) {
	for i, v := range view {
		bin := min(int(v*histogramBins), histogramBins-1)
		h[i%3*histogramBins+bin] += 3 / float64(len(view))
	}
}

// distance is the L1 distance.
func (h *histogram) distance(o *histogram) (sum float64) {
	for i := range h {
		sum += math.Abs(h[i] - o[i])
	}
	return sum
}

// histograms are those of two views of each of the first n images, made by steps.
func histograms(d dataset.Dataset, steps string, n int) ([][2]histogram, error) {
	c, err := augment.Parse(steps)
	if err != nil {
		return nil, err
	}
	pairs := make([][2]histogram, min(n, d.Len()))
	buf := new(augment.Scratch)
	for i := range pairs {
		img, err := d.Image(i)
		if err != nil {
			return nil, err
		}
		size := min(img.Width, img.Height)
		p, err := augment.New(c, size)
		if err != nil {
			return nil, err
		}
		view := make([]float32, 3*size*size)
		for v := range pairs[i] {
			p.View(view, img, rng.New(rng.View, 1, 0, uint64(i), uint64(v)), buf)
			pairs[i][v].add(view)
		}
	}
	return pairs, nil
}

// found says of each first view whether its image's second view is the nearest of all second views.
func found(pairs [][2]histogram) []float64 {
	hits := make([]float64, len(pairs))
	for i := range pairs {
		best, nearest := math.Inf(1), -1
		for j := range pairs {
			if d := pairs[i][0].distance(&pairs[j][1]); d < best {
				best, nearest = d, j
			}
		}
		if nearest == i {
			hits[i] = 1
		}
	}
	return hits
}

// bothHistograms are those of crops, without and with colour distortion.
func bothHistograms(ctx context.Context, r *Results, n int) (plain, distorted [][2]histogram, err error) {
	source, err := r.Images(ctx)
	if err != nil {
		return nil, nil, err
	}
	images, _, err := source.Training()
	if err != nil {
		return nil, nil, err
	}
	if plain, err = histograms(images, "crop", n); err != nil {
		return nil, nil, err
	}
	distorted, err = histograms(images, "crop jitter(0.5)", n)
	return plain, distorted, err
}

func judgeHistograms(ctx context.Context, r *Results) ([]Outcome, error) {
	plain, distorted, err := bothHistograms(ctx, r, histogramImages)
	if err != nil {
		return nil, err
	}
	o := Outcome{Says: "colour distortion makes it harder to find a crop's other crop by its histogram"}
	without, with := found(plain), found(distorted)
	if err := o.queries(ctx, "crop over crop + colour", with, without); err != nil {
		return nil, err
	}
	o.OneSeed = false // no network is in it
	o.Detail = fmt.Sprintf("%.1f %% are found among crops, %.1f %% with colour distortion, %.1f %% by chance; %s", 100*mean(without), 100*mean(with), 100/float64(len(plain)), o.Detail)
	return []Outcome{o}, nil
}

func drawHistograms(ctx context.Context, r *Results) ([]Figure, error) {
	plain, distorted, err := bothHistograms(ctx, r, shownImages)
	if err != nil {
		return nil, err
	}
	g := grid{Title: "colour histograms of two crops of an image", Columns: []string{"crop", "crop + colour distortion"}}
	for i := range plain {
		row := make([][2][]float64, 2)
		for c, pairs := range [][][2]histogram{plain, distorted} {
			for v := range 2 {
				for b := range histogramBins { // the mean of the channels
					row[c][v] = append(row[c][v], (pairs[i][v][b]+pairs[i][v][histogramBins+b]+pairs[i][v][2*histogramBins+b])/3)
				}
			}
		}
		g.Rows = append(g.Rows, row)
	}
	figures := []Figure{g.figure("histograms")}
	if more, err := allMeasures(ctx, r); err == nil {
		figures = append(figures, more...)
	}
	return figures, nil
}
