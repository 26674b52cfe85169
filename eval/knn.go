package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// KNN is the weighted k-nearest-neighbour classifier of InstDisc and ISIF. The
// k images of the bank with the largest cosine c_j to a query vote for their
// classes with weight exp(c_j/τ); the class with the largest sum wins. Of
// equally near images the one with the lower index is nearer, of equal sums
// the lower class wins. A bank of fewer than k images votes as a whole.
type KNN struct {
	// K is k; 200 in both papers.
	K int
	// Temperature is τ > 0; 0.1 in ISIF, 0.07 in InstDisc on ImageNet.
	Temperature float64
	// Plain gives every neighbour one vote; τ is then of no use.
	Plain bool
}

// DefaultKNN is the classifier as in ISIF's code: k = 200, τ = 0.1.
func DefaultKNN() KNN { return KNN{K: 200, Temperature: 0.1} }

// Validate checks all fields.
func (m KNN) Validate() error {
	var errs []error
	if m.K < 1 {
		errs = append(errs, fmt.Errorf("k %d: must be at least 1", m.K))
	}
	if !m.Plain && !(m.Temperature > 0) {
		errs = append(errs, fmt.Errorf("temperature %g: must be > 0", m.Temperature))
	}
	return errors.Join(errs...)
}

// Score returns the accuracy of the predictions, with its protocol. The caller
// adds the subject.
func (m KNN) Score(ctx context.Context, bank, queries *Features) (Score, error) {
	predictions, err := m.Predict(ctx, bank, queries)
	if err != nil {
		return Score{}, err
	}
	classes, _ := checkPair(bank, queries)
	s := Score{Metric: "knn_accuracy", Protocol: protocol(bank, queries, classes)}
	s.Protocol.Normalisation = "l2"
	s.Protocol.Variant = "cosine, votes weighted by exp(similarity/temperature)"
	s.Protocol.K, s.Protocol.Temperature = m.K, m.Temperature
	if m.Plain {
		s.Protocol.Variant, s.Protocol.Temperature = "cosine, one vote each", 0
	}
	if most := voters(bank, queries); m.K > most {
		s.Protocol.K = most
		s.Notes = append(s.Notes, fmt.Sprintf("k is %d, not %d: a query has no more candidates in the bank", most, m.K))
	}
	if bank == queries {
		s.Notes = append(s.Notes, "bank and queries are the same images; each is classified by all others")
	}
	s.Accuracy(predictions, queries.Labels)
	return s, nil
}

// Predict returns the class of every query. If queries and bank are the same
// pointer, each image is left out of its own neighbours, by index. Time O(Q N
// D); memory is 80 MB, and a copy of features that are not normalised.
func (m KNN) Predict(ctx context.Context, bank, queries *Features) ([]int, error) {
	classes, err := checkPair(bank, queries)
	if err := errors.Join(m.Validate(), err); err != nil {
		return nil, fmt.Errorf("knn: %w", err)
	}
	if voters(bank, queries) < 1 {
		return nil, errors.New("knn: a single image cannot be classified by all others; need at least 2")
	}
	p := pool.New(0)
	defer p.Close()
	gallery := nearest.Unit(p, bank.rows())
	rows := gallery
	if bank != queries {
		rows = nearest.Unit(p, queries.rows())
	}
	o := nearest.Options{K: m.K, ExcludeSelf: bank == queries, Pool: p, Level: cpu.Detect(), Coarse: nearest.CoarseUnit()}
	predictions := make([]int, queries.N)
	err = nearest.Search(ctx, o, rows, gallery, func(query int, near []nearest.Neighbour) {
		similarities, labels := make([]float32, len(near)), make([]int, len(near))
		for i, n := range near {
			similarities[i], labels[i] = n.Similarity, bank.Labels[n.Index]
		}
		predictions[query], _ = m.Vote(similarities, labels, classes)
	})
	return predictions, err
}

// voters is the number of images that may be a query's neighbours.
func voters(bank, queries *Features) int {
	if bank == queries {
		return bank.N - 1
	}
	return bank.N
}

// Vote returns the winner among the classes and each class's share of the votes,
// given the similarities of the neighbours, nearest first, and their labels. The
// weights are exp((c_j - c_1)/τ), which cannot overflow: shares are the same.
func (m KNN) Vote(similarities []float32, labels []int, classes int) (winner int, shares []float64) {
	shares = make([]float64, classes)
	total := 0.0
	for i, c := range similarities {
		weight := 1.0
		if !m.Plain {
			weight = math.Exp((float64(c) - float64(similarities[0])) / m.Temperature)
		}
		shares[labels[i]] += weight
		total += weight
	}
	for class := range shares {
		if shares[class] > shares[winner] {
			winner = class
		}
	}
	for class := range shares {
		shares[class] /= total
	}
	return winner, shares
}

// protocol returns what all metrics that label queries by a bank share.
func protocol(bank, queries *Features, classes int) Protocol {
	p := Protocol{
		Bank: bank.Set, Queries: queries.Set, LeaveOneOut: bank == queries,
		Classes: classes, Layer: queries.Layer,
	}
	p.Bank.Images, p.Queries.Images = bank.N, queries.N
	return p
}
