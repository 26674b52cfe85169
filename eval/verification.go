package eval

import (
	"context"
	"errors"
	"fmt"

	"alike/internal/kernel/nearest"
	"alike/internal/kernel/pool"
)

// Verification asks of every pair of images whether they are of one class, by
// whether their cosine, rounded to a multiple of 2^-20, is at least a threshold. A
// pair of one class that passes is a true accept, one of two classes a false
// accept; TAR and FAR are their shares of the pairs of either kind.
//
//	AUC     = P(s⁺ > s⁻) + P(s⁺ = s⁻)/2 for a pair of one class and one of two
//	TAR@FAR = the largest TAR at a threshold whose FAR is no larger
//	EER     = the error where 1 - TAR = FAR, on the line between the thresholds around it
//
// All N (N-1) / 2 pairs count, once.
type Verification struct {
	// FAR are the rates of TAR@FAR, falling, in (0, 1).
	FAR []float64
}

// DefaultVerification has the rates 0.1, 0.01 and 0.001.
func DefaultVerification() Verification { return Verification{[]float64{1e-1, 1e-2, 1e-3}} }

// Validate checks all fields.
func (m Verification) Validate() error {
	last := 1.0
	for _, far := range m.FAR {
		if !(far > 0 && far < last) {
			return fmt.Errorf("far %g: rates must fall, between 1 and 0", m.FAR)
		}
		last = far
	}
	return nil
}

// Scores returns auc, eer and tar@far=F for every rate, with their protocols and intervals: ±1.96
// standard deviations over resamples of the images, as influence.go has them. The
// caller adds the subject. Time is O(N² D), twice; memory is 200 MB, some 200 bytes an
// image, and a copy of features that are not normalised. No bit depends on the number
// of workers.
func (m Verification) Scores(ctx context.Context, images *Features) ([]Score, error) {
	classes, err := checkPair(images, images)
	if err := errors.Join(m.Validate(), err); err != nil {
		return nil, wrap("verification", err)
	}
	p := pool.New(0)
	defer p.Close()
	unit := *images // so that both passes find vectors of length 1
	unit.Data = nearest.Unit(p, images.rows()).Data
	images = &unit
	pairs, err := countPairs(ctx, p, images, pairBlock(images.D))
	if err != nil {
		return nil, err
	}
	roc, err := pairs.measure(m.FAR)
	if err != nil {
		return nil, err
	}
	auc, eer, tar, err := m.intervals(ctx, p, images, pairs, roc)
	if err != nil {
		return nil, err
	}
	base := Score{Protocol: protocol(images, images, classes)}
	base.Protocol.Normalisation = "l2"
	base.Protocol.Variant = "all pairs once, cosine rounded to 2^-20"
	var scores []Score
	add := func(metric string, value, reach float64, without string) {
		s := base
		s.Metric, s.Value = metric, value
		if reach > 0 {
			s.CI95 = &[2]float64{max(0, value-reach), min(1, value+reach)}
		} else {
			s.Notes = []string{fmt.Sprintf("no interval of %s: %s", metric, without)}
		}
		scores = append(scores, s)
	}
	const same = "it is the same without any one of the images"
	add("auc", roc.AUC, auc, same)
	add("eer", roc.EER, eer, same)
	_, negatives := pairs.totals()
	for i, far := range m.FAR {
		reach, without := tar[i], same
		if far*float64(negatives) < 1 {
			reach, without = 0, fmt.Sprintf("%d pairs of two classes are too few to tell such a rate", negatives)
		}
		add(fmt.Sprintf("tar@far=%g", far), roc.TAR[i], reach, without)
	}
	return scores, nil
}

// errOneKind marks images that have no pairs of one of the two kinds.
var errOneKind = errors.New("verification: needs pairs of one class and pairs of two")
