package doctor

import (
	"math"
	"path"
	"strings"
)

// Layer is the state of the parameters of one layer, together.
type Layer struct {
	Name     string  `json:"name"`     // as torchvision has it: layer1.0.conv1
	Gradient float64 `json:"gradient"` // Euclidean norms: of the loss's gradient,
	Weight   float64 `json:"weight"`   // of the parameters,
	Update   float64 `json:"update"`   // and of their change in the step
	Units    int     `json:"units,omitempty"`
	Dead     float64 `json:"dead,omitempty"` // share of the units whose bias no image moves
}

// Moved is how far the step moved the layer, as a share of its norm.
func (l Layer) Moved() float64 {
	if l.Weight == 0 {
		return 0
	}
	return l.Update / l.Weight
}

// Parameter is one tensor of a step.
type Parameter struct {
	Path     string  // "/layer1/0/conv1/weight"
	Gradient float64 // sums of squares
	Weight   float64
	Update   float64

	// Bias is the gradient of a bias, value by value; nil of others. It is 0 exactly where the ReLU
	// that follows is shut for every pixel of every image.
	Bias []float32
}

// Layers joins the parameters of a layer, which follow each other.
func Layers(ps []Parameter) []Layer {
	var layers []Layer
	for _, p := range ps {
		name := strings.ReplaceAll(strings.Trim(path.Dir(p.Path), "/"), "/", ".")
		if n := len(layers); n == 0 || layers[n-1].Name != name {
			layers = append(layers, Layer{Name: name})
		}
		l := &layers[len(layers)-1]
		l.Gradient, l.Weight, l.Update = l.Gradient+p.Gradient, l.Weight+p.Weight, l.Update+p.Update
		if p.Bias != nil {
			l.Units = len(p.Bias)
			dead := 0
			for _, g := range p.Bias {
				if g == 0 {
					dead++
				}
			}
			l.Dead = brief(float64(dead) / float64(max(1, l.Units)))
		}
	}
	for i := range layers {
		l := &layers[i]
		l.Gradient, l.Weight, l.Update = brief(math.Sqrt(l.Gradient)), brief(math.Sqrt(l.Weight)), brief(math.Sqrt(l.Update))
	}
	return layers
}
