// Package reproduce puts the papers' claims on trial. A claim is a question, a
// table of variants as arguments of 'alike train', ways to measure them, and what
// the claim says of the outcome; all else is the same for all: runs that are
// never done twice, statistics, a verdict in plain words, a figure, a page.
package reproduce

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Claim is a claim of one of the papers as an experiment.
type Claim struct {
	Name     string
	Question string // in a sentence
	Paper    string // what the paper reports, with its numbers
	Setup    string // what is particular here, and unlike the paper
	Labelled bool   // learns from labels, on images of many classes

	Variants func(Scale) []Variant
	Measures []Measure
	Tests    []Test
	// Judge says what Tests cannot, nil for nothing.
	Judge func(context.Context, *Results) ([]Outcome, error)
	// Figures draws them from what is there; nil draws all measures of all variants.
	Figures func(context.Context, *Results) ([]Figure, error)
}

// Variant is a row of a claim's table.
type Variant struct {
	Name   string
	Method string   // "" is simclr
	Args   []string // of 'alike train', after the scale's
	Length float64  // of training in units of the scale's epochs, 0 is 1
	Cost   float64  // of an image in units of the small network's, 0 is 1
	Seeds  int      // at most as many; 0 is the scale's number
}

// Measure is a way to measure a run: the arguments of 'alike eval', and which of its scores is meant.
type Measure struct {
	Name   string
	Eval   []string
	Metric string
}

// evals are the arguments of all measures.
func (c *Claim) evals() (list [][]string) {
	for _, m := range c.Measures {
		list = append(list, m.Eval)
	}
	return list
}

// Test is one thing that a claim says: the best of some variants scores more than
// the best of others.
type Test struct {
	Says       string
	More, Less []string // names of variants
	By         string   // the measure, by default the claim's first
	LessBy     string   // that of Less, if it is another
}

// Claims are all, in the order of the papers.
func Claims() []*Claim {
	return []*Claim{
		controlClaim(),
		compositionClaim(), histogramsClaim(), headClaim(), forgetsClaim(), batchClaim(), temperatureClaim(), lossClaim(), sizeClaim(),
		iceClaim(), identityClaim(), isifClaim(),
	}
}

// Choose are the claims of these names, all for "all".
func Choose(names []string) ([]*Claim, error) {
	claims := Claims()
	if slices.Equal(names, []string{"all"}) {
		return claims, nil
	}
	var chosen []*Claim
	for _, name := range names {
		i := slices.IndexFunc(claims, func(c *Claim) bool { return c.Name == name })
		if i < 0 {
			var have []string
			for _, c := range claims {
				have = append(have, c.Name)
			}
			return nil, fmt.Errorf("there is no claim %q; have %s, or all", name, strings.Join(have, ", "))
		}
		chosen = append(chosen, claims[i])
	}
	return chosen, nil
}

// Scale is how large the experiments are.
type Scale struct {
	Name    string
	Summary string
	Takes   string   // how long all claims take
	Args    []string // of 'alike train': what makes a paper's recipe fit
	Images  int      // images that are trained on, half as many to test; 0 for all
	Size    int      // side of the views; 0 for that of the images
	Batch   int      // 0 for the recipe's, as below
	LR      float64
	Epochs  float64 // of a run of length 1
	Warmup  float64 // share of a run in which the rate rises; 0 leaves it to Args or the recipe
	Seeds   int
	Deeper  string  // an encoder deeper than the scale's
	Seconds float64 // of such a run, a guess until one was timed
}

// small is a network and an update rule that learn something in minutes.
var small = []string{"--encoder", "resnet8", "--set", "encoder.zero_init=false", "--dtype", "bf16", "--optimizer", "adamw", "--scaling", "none",
	"--warmup-epochs", "0", "--set", "schedule={decay: cosine, milestones: []}"}

// Scales are those that there are.
var Scales = []Scale{
	{Name: "cpu", Summary: "ResNet-8 in bfloat16", Takes: "five to six hours on two cores", Args: small,
		Images: 20000, Batch: 128, LR: 0.002, Epochs: 10, Seeds: 3, Deeper: "resnet20", Seconds: 115},
	{Name: "gpu", Summary: "ResNet-18 on all images", Takes: "six to eight hours on one H200 (--backend xla:cuda)",
		Args: []string{"--encoder", "resnet18", "--dtype", "bf16", "--pixels", "uint8", "--optimizer", "adamw", "--scaling", "none",
			"--set", "schedule={decay: cosine, milestones: []}"},
		Batch: 512, LR: 0.001, Epochs: 100, Warmup: 0.05, Seeds: 3, Deeper: "resnet34", Seconds: 150},
	{Name: "paper", Summary: "the papers' own recipes for images of this size", Takes: "weeks", Seeds: 3, Deeper: "resnet34", Seconds: 40000},
}

// recipeEpochs are SimCLR's on small images, where a scale leaves them to the recipe.
const recipeEpochs = 1000

// labelledPasses is how many more epochs there are on labelled images, which are fewer.
const labelledPasses = 8

// training are the arguments of 'alike train' for a variant and a seed.
func (s Scale) training(c *Claim, v Variant, seed int, data string) []string {
	args := slices.Concat([]string{cmp.Or(v.Method, "simclr")}, s.Args)
	flag := func(name string, value float64) {
		if value != 0 {
			args = append(args, name, strconv.FormatFloat(value, 'g', -1, 64))
		}
	}
	epochs := s.Epochs * cmp.Or(v.Length, 1)
	if s.Epochs == 0 && v.Length != 0 {
		epochs = recipeEpochs * v.Length
	}
	if c.Labelled {
		epochs *= labelledPasses
	} else {
		flag("--batch", float64(s.Batch))
	}
	flag("--lr", s.LR)
	flag("--epochs", epochs)
	flag("--warmup-epochs", epochs*s.Warmup)
	flag("--size", float64(s.Size))
	return slices.Concat(args, v.Args, []string{"--seed", strconv.Itoa(seed), "--monitor-every", "-1", "--keep", "1", "--data", data})
}

// adaptive is whether the update rule takes no notice of a factor of the gradient.
func (s Scale) adaptive() bool { return slices.Contains(s.Args, "adamw") }

// batch are the arguments of a batch that is not the scale's. The rate goes with its square
// root; where the scale leaves it to the recipe, with what that says.
func (s Scale) batch(b int) []string {
	args := []string{"--batch", strconv.Itoa(b)}
	switch {
	case b == s.Batch:
		return nil
	case s.LR > 0:
		args = append(args, "--lr", strconv.FormatFloat(s.LR*math.Sqrt(float64(b)/float64(s.Batch)), 'g', 4, 64))
	}
	return args
}

// seeds is how many a variant is trained with.
func (s Scale) seeds(v Variant) int { return min(s.Seeds, cmp.Or(v.Seeds, s.Seeds)) }

// With is the scale with another budget, 0 for what it has.
func (s Scale) With(epochs float64, images, size, seeds int) Scale {
	if epochs > 0 {
		s.Seconds *= epochs / cmp.Or(s.Epochs, recipeEpochs)
	}
	if s.Images > 0 && images > 0 {
		s.Seconds *= float64(images) / float64(s.Images)
	}
	s.Epochs, s.Images = cmp.Or(epochs, s.Epochs), cmp.Or(images, s.Images)
	s.Size, s.Seeds = cmp.Or(size, s.Size), cmp.Or(seeds, s.Seeds)
	return s
}
