package doctor

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// maxRows is how many rows of a batch are looked at: enough for the statistics, and so
// few that a look costs milliseconds.
const maxRows = 256

// Batch is the embeddings of a step's N images in V views, in block order.
type Batch struct {
	Z     []float32 // [V N, D]
	Dim   int       // D
	Views int       // V
	Label []int32   // [V N], whose equality makes positives; nil where the views of an image are
}

// Embeddings describes the directions u = z/|z| of a batch's rows, at most maxRows of
// them; s is their cosine. Numbers that the batch has no pairs for are 0: Positives and Negatives count
// the pairs.
type Embeddings struct {
	// Alignment is the mean of |u_i - u_j|² over positive pairs, Uniformity ln of the mean of
	// exp(-2 |u_i - u_j|²) over pairs of different images (Wang and Isola 2020): 0 for equal
	// embeddings, -4 for random ones of many dimensions.
	Alignment  float64 `json:"alignment"`
	Uniformity float64 `json:"uniformity"`

	// EffectiveRank is exp of the entropy of the singular values σ_k/Σσ of the rows (Roy and
	// Vetterli 2007): 1 where all are equal, at most MaxRank.
	EffectiveRank float64 `json:"effective_rank"`
	MaxRank       int     `json:"max_rank"`

	// PositiveSimilarity and NegativeSimilarity are means of s.
	PositiveSimilarity float64   `json:"positive_similarity"`
	NegativeSimilarity float64   `json:"negative_similarity"`
	Positives          Histogram `json:"positives"` // of s
	Negatives          Histogram `json:"negatives"`

	// HardNegatives is the share of negatives that are more similar to an anchor than its
	// positive, ties by half; 0.5 by chance.
	HardNegatives float64 `json:"hard_negatives"`

	// Competitors is the median over the anchors of how many negatives share the loss's softmax:
	// exp of the entropy of p_n ~ exp(sharpness s_n). 0 without a softmax.
	Competitors float64 `json:"competitors,omitempty"`

	// Deviations are those of each dimension of u over the rows, times √D: about 1 where the
	// embeddings use all directions alike.
	Deviations Histogram `json:"deviations"`
}

// Histogram counts values between Low and High in bins of equal width; those outside are
// in the first and the last.
type Histogram struct {
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Counts []int   `json:"counts"`
}

func newHistogram(low, high float64, bins int) Histogram {
	return Histogram{low, high, make([]int, bins)}
}

func (h Histogram) add(x float64) {
	n := len(h.Counts)
	at := int(math.Floor(float64(n) * (x - h.Low) / (h.High - h.Low)))
	h.Counts[min(max(at, 0), n-1)]++
}

// Total is how many values were counted.
func (h Histogram) Total() (n int) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Edges are the n+1 borders of n bins.
func (h Histogram) Edges() []float64 {
	edges := make([]float64, len(h.Counts)+1)
	for i := range edges {
		edges[i] = h.Low + (h.High-h.Low)*float64(i)/float64(len(h.Counts))
	}
	return edges
}

// Look computes the statistics of a batch; sharpness is the loss's, or 0. Rows that
// are not finite make it all 0. Time O(R² D + min(R, D)³) of R = min(V N, maxRows) rows.
func Look(b Batch, sharpness float64) Embeddings {
	rows := b.rows()
	u, ok := unitRows(b, rows)
	if !ok {
		return Embeddings{}
	}
	s, positives := cosines(u), b.positives(rows)
	e := Embeddings{
		MaxRank:    min(len(u), b.Dim),
		Positives:  newHistogram(-1, 1, 40),
		Negatives:  newHistogram(-1, 1, 40),
		Deviations: deviations(u),
	}
	e.EffectiveRank = brief(effectiveRank(u, s))
	var positive, negative, spread mean
	images := b.images()
	for i := range rows {
		for j := range i {
			if positives[i][j] {
				e.Positives.add(s[i][j])
				positive.add(s[i][j])
			} else {
				e.Negatives.add(s[i][j])
				negative.add(s[i][j])
			}
			if rows[i]%images != rows[j]%images {
				spread.add(math.Exp(-2 * squaredDistance(s[i][j])))
			}
		}
	}
	e.PositiveSimilarity, e.NegativeSimilarity = brief(positive.value()), brief(negative.value())
	if positive.n > 0 {
		e.Alignment = brief(squaredDistance(positive.value()))
	}
	if spread.n > 0 {
		e.Uniformity = brief(math.Log(spread.value()))
	}
	e.HardNegatives = brief(hardNegatives(s, positives))
	if sharpness > 0 {
		e.Competitors = brief(competitors(s, positives, sharpness))
	}
	return e
}

// rows are those that are looked at: all views of the first images.
func (b Batch) rows() (rows []int) {
	images := b.images()
	for v := range b.Views {
		for i := range min(images, max(1, maxRows/b.Views)) {
			rows = append(rows, v*images+i)
		}
	}
	return rows
}

func (b Batch) images() int { return len(b.Z) / b.Dim / b.Views }

// positives says of each pair of rows whether they are to agree; all others are negatives.
func (b Batch) positives(rows []int) [][]bool {
	positives, images := make([][]bool, len(rows)), b.images()
	for i, r := range rows {
		positives[i] = make([]bool, len(rows))
		for j, q := range rows {
			alike := r%images == q%images
			if b.Label != nil {
				alike = b.Label[r] == b.Label[q] && b.Label[r] >= 0
			}
			positives[i][j] = alike && i != j
		}
	}
	return positives
}

// unitRows returns u; a row of zeros has no direction and stays zero.
func unitRows(b Batch, rows []int) (u [][]float64, ok bool) {
	for _, r := range rows {
		row, norm := make([]float64, b.Dim), 0.0
		for d, x := range b.Z[r*b.Dim:][:b.Dim] {
			row[d] = float64(x)
			norm += row[d] * row[d]
		}
		if norm = math.Sqrt(norm); math.IsNaN(norm) || math.IsInf(norm, 0) {
			return nil, false
		}
		for d := range row {
			row[d] /= max(norm, 1e-12)
		}
		u = append(u, row)
	}
	return u, true
}

// cosines are the products of all pairs of rows [R, R].
func cosines(u [][]float64) [][]float64 {
	s := make([][]float64, len(u))
	for i := range u {
		s[i] = make([]float64, len(u))
		for j := range i + 1 {
			s[i][j] = dot(u[i], u[j])
			s[j][i] = s[i][j]
		}
	}
	return s
}

// dot adds four sums in turn, for the processor's sake.
func dot(x, y []float64) float64 {
	var a, b, c, d float64
	y = y[:len(x)]
	i := 0
	for ; i+3 < len(x); i += 4 {
		a, b, c, d = a+x[i]*y[i], b+x[i+1]*y[i+1], c+x[i+2]*y[i+2], d+x[i+3]*y[i+3]
	}
	for ; i < len(x); i++ {
		a += x[i] * y[i]
	}
	return (a + b) + (c + d)
}

// squaredDistance is |u - v|² of unit vectors with cosine s.
func squaredDistance(s float64) float64 { return max(0, 2-2*s) }

// effectiveRank takes σ² from the smaller of u uᵀ, which is s, and uᵀ u.
func effectiveRank(u, s [][]float64) float64 {
	products := s
	if d := len(u[0]); d < len(u) {
		columns := make([][]float64, d)
		for k := range columns {
			columns[k] = make([]float64, len(u))
			for i := range u {
				columns[k][i] = u[i][k]
			}
		}
		products = cosines(columns)
	}
	n := len(products)
	m := mat.NewSymDense(n, slices.Concat(products...))
	var eigen mat.EigenSym
	if !eigen.Factorize(m, false) {
		return 0
	}
	sigma, sum := eigen.Values(nil), 0.0
	for i, v := range sigma {
		sigma[i] = math.Sqrt(max(v, 0))
		sum += sigma[i]
	}
	entropy := 0.0
	for _, v := range sigma {
		if p := v / sum; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	return math.Exp(entropy)
}

// deviations counts √D times the deviation of each dimension.
func deviations(u [][]float64) Histogram {
	h, dim := newHistogram(0, 3, 30), len(u[0])
	for d := range dim {
		var m, m2 mean
		for _, row := range u {
			m.add(row[d])
		}
		for _, row := range u {
			m2.add((row[d] - m.value()) * (row[d] - m.value()))
		}
		h.add(math.Sqrt(float64(dim) * m2.value()))
	}
	return h
}

// hardNegatives is the mean over ordered positive pairs.
func hardNegatives(s [][]float64, positives [][]bool) float64 {
	var hard mean
	for i, row := range s {
		for j, own := range row {
			if !positives[i][j] {
				continue
			}
			nearer, negatives := 0.0, 0.0
			for k, other := range row {
				if k == i || positives[i][k] {
					continue
				}
				negatives++
				if other > own {
					nearer++
				} else if other == own {
					nearer += 0.5
				}
			}
			if negatives > 0 {
				hard.add(nearer / negatives)
			}
		}
	}
	return hard.value()
}

// competitors is the median over the rows.
func competitors(s [][]float64, positives [][]bool, sharpness float64) float64 {
	var counts []float64
	for i, row := range s {
		top := math.Inf(-1)
		for j, other := range row {
			if j != i && !positives[i][j] {
				top = max(top, other)
			}
		}
		// With w = exp(l) and p = w/Σw the entropy is ln Σw - Σ w l / Σw.
		var sum, weighted float64
		for j, other := range row {
			if j != i && !positives[i][j] {
				l := sharpness * (other - top)
				w := math.Exp(l)
				sum, weighted = sum+w, weighted+w*l
			}
		}
		if sum > 0 {
			counts = append(counts, math.Exp(math.Log(sum)-weighted/sum))
		}
	}
	return median(counts)
}

// mean adds up.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }

// value is 0 of nothing.
func (m mean) value() float64 {
	if m.n == 0 {
		return 0
	}
	return m.sum / float64(m.n)
}

// median is 0 of nothing; it sorts x.
func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	return x[len(x)/2]
}

// brief rounds to five digits, as files keep statistics; what is not finite becomes 0.
func brief(x float64) float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	scale := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(x))))
	if math.IsInf(scale, 0) {
		return 0
	}
	return math.Round(x*scale) / scale
}
