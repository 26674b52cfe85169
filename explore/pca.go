package explore

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"alike/eval"
	"alike/internal/rng"
)

// Point is a place on the map.
type Point struct{ X, Y float64 }

const (
	pcaRows      = 5000 // that the directions are computed from
	pcaBlock     = 8    // directions that are iterated together; two are kept
	pcaSteps     = 20
	layoutSeed   = 1
	mapHalfWidth = 10 // the farthest point's coordinate
)

// PCA projects the rows onto the two directions in which they vary most. The
// directions are those of at most pcaRows rows, evenly spread: the leading
// eigenvectors of their covariance by block power iteration, then Rayleigh-Ritz in
// the block (Halko, Martinsson and Tropp 2011). Of no rows there are no points.
func PCA(f *eval.Features) []Point {
	if f.N == 0 {
		return nil
	}
	mean, axes := principal(f)
	points := make([]Point, f.N)
	for i := range points {
		var p [2]float64
		for k, v := range f.Row(i) {
			for a := range p {
				p[a] += (float64(v) - mean[k]) * axes[a][k]
			}
		}
		points[i] = Point{p[0], p[1]}
	}
	return points
}

// principal returns the mean of the rows and two directions of length 1.
func principal(f *eval.Features) (mean []float64, axes [2][]float64) {
	stride := (f.N + pcaRows - 1) / pcaRows
	rows := (f.N + stride - 1) / stride
	mean = make([]float64, f.D)
	for i := 0; i < f.N; i += stride {
		for k, v := range f.Row(i) {
			mean[k] += float64(v) / float64(rows)
		}
	}
	x := mat.NewDense(rows, f.D, nil) // centred
	for i := range rows {
		for k, v := range f.Row(i * stride) {
			x.Set(i, k, float64(v)-mean[k])
		}
	}
	random := rng.New(rng.Layout, layoutSeed)
	q := mat.NewDense(f.D, min(pcaBlock, f.D), nil)
	_, block := q.Dims()
	for k := range f.D {
		for b := range block {
			q.Set(k, b, random.NormFloat64())
		}
	}
	var xq, next mat.Dense
	for range pcaSteps {
		xq.Mul(x, q)
		next.Mul(x.T(), &xq)
		orthonormal(&next)
		q.Copy(&next)
	}
	xq.Mul(x, q)
	var inner mat.Dense
	inner.Mul(xq.T(), &xq)
	small := mat.NewSymDense(block, nil)
	for a := range block {
		for b := a; b < block; b++ {
			small.SetSym(a, b, inner.At(a, b))
		}
	}
	var eigen mat.EigenSym
	var vectors mat.Dense
	if eigen.Factorize(small, true) { // it does unless a value is NaN, which Features refuse
		eigen.VectorsTo(&vectors)
	}
	for a := range axes {
		axes[a] = make([]float64, f.D)
		if a >= block {
			continue // one dimension has one direction
		}
		large := 0.0
		for k := range f.D {
			for b := range block {
				axes[a][k] += q.At(k, b) * vectors.At(b, block-1-a) // the eigenvalues rise
			}
			if math.Abs(axes[a][k]) > math.Abs(large) {
				large = axes[a][k]
			}
		}
		if large < 0 { // of two opposite directions, always the same one
			for k := range axes[a] {
				axes[a][k] = -axes[a][k]
			}
		}
	}
	return mean, axes
}

// orthonormal makes the columns of q orthogonal and of length 1, by modified
// Gram-Schmidt, twice. A column that the others span becomes 0.
func orthonormal(q *mat.Dense) {
	rows, columns := q.Dims()
	for range 2 {
		for b := range columns {
			for a := range b {
				dot := mat.Dot(q.ColView(a), q.ColView(b))
				for k := range rows {
					q.Set(k, b, q.At(k, b)-dot*q.At(k, a))
				}
			}
			length := mat.Norm(q.ColView(b), 2)
			for k := range rows {
				if length > 1e-30 {
					q.Set(k, b, q.At(k, b)/length)
				} else {
					q.Set(k, b, 0)
				}
			}
		}
	}
}
