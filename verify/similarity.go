package verify

import "math"

// embeddings are rows z, their unit vectors u, and s = u uᵀ.
type embeddings struct {
	z, u, s [][]float64
	norm    []float64
}

// minNorm is below any length that a direction can be read from: a row of zeros
// has the unit vector 0.
const minNorm = 1e-12

func embed(z [][]float64) embeddings {
	e := embeddings{z: z}
	for _, row := range z {
		norm := max(math.Sqrt(dot(row, row)), minNorm)
		e.norm = append(e.norm, norm)
		e.u = append(e.u, scale(1/norm, row))
	}
	e.s = products(e.u, e.u)
	return e
}

// gradU returns dL/du = (G + Gᵀ) u for G = dL/ds, where s_ij and s_ji are
// variables of their own.
func (e embeddings) gradU(g [][]float64) [][]float64 {
	d := zeros(len(g), len(e.u[0]))
	for i := range g {
		for j := range g {
			add(d[i], g[i][j]+g[j][i], e.u[j])
		}
	}
	return d
}

// gradZ returns dL/dz for dL/du: its part orthogonal to u, divided by |z|. A row
// without a direction has no gradient.
func (e embeddings) gradZ(gradU [][]float64) [][]float64 {
	d := zeros(len(gradU), len(gradU[0]))
	for i, g := range gradU {
		if e.norm[i] > minNorm {
			add(d[i], 1/e.norm[i], g)
			add(d[i], -dot(g, e.u[i])/e.norm[i], e.u[i])
		}
	}
	return d
}

// positives returns the other view of every row.
func (t *test) positives(rows int) []int {
	layout := t.params.field("layout")
	block := layout.oneOf("block", "interleaved") == "block"
	if rows%2 != 0 {
		t.inputs.field("z").fail("an even number of rows, two views of each image")
	}
	p := make([]int, rows)
	for i := range p {
		if block {
			p[i] = (i + rows/2) % rows
		} else {
			p[i] = i ^ 1
		}
	}
	return p
}

// logits returns s / τ, and notes the largest.
func (t *test) logits(s [][]float64, temperature float64) [][]float64 {
	l := zeros(len(s), len(s[0]))
	for i := range s {
		add(l[i], 1/temperature, s[i])
		for _, x := range l[i] {
			t.largestLogit = max(t.largestLogit, math.Abs(x))
		}
	}
	return l
}

// logSumExp returns ln Σ exp(a_k) over the k that are wanted.
func logSumExp(a []float64, wanted func(k int) bool) float64 {
	top := math.Inf(-1)
	for k, x := range a {
		if wanted(k) {
			top = max(top, x)
		}
	}
	sum := 0.0
	for k, x := range a {
		if wanted(k) {
			sum += math.Exp(x - top)
		}
	}
	return top + math.Log(sum)
}

func but(i int) func(int) bool { return func(k int) bool { return k != i } }

func all(int) bool { return true }

// softplus is ln(1 + exp(t)) = -ln σ(-t).
func softplus(t float64) float64 { return max(t, 0) + math.Log1p(math.Exp(-math.Abs(t))) }

func sigmoid(t float64) float64 { return 1 / (1 + math.Exp(-t)) }

func dot(x, y []float64) float64 {
	sum := 0.0
	for k := range x {
		sum += x[k] * y[k]
	}
	return sum
}

// products returns x yᵀ.
func products(x, y [][]float64) [][]float64 {
	s := zeros(len(x), len(y))
	for i := range x {
		for j := range y {
			s[i][j] = dot(x[i], y[j])
		}
	}
	return s
}

// add adds c x to dst.
func add(dst []float64, c float64, x []float64) {
	for k := range x {
		dst[k] += c * x[k]
	}
}

func scale(c float64, x []float64) []float64 {
	y := make([]float64, len(x))
	add(y, c, x)
	return y
}

func zeros(rows, columns int) [][]float64 {
	m := make([][]float64, rows)
	for i := range m {
		m[i] = make([]float64, columns)
	}
	return m
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
