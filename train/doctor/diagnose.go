package doctor

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Names of illnesses.
const (
	Diverged  = "diverged"      // the loss is no number
	Dead      = "dead ReLU"     // most units of a layer are 0 for every image
	Collapsed = "collapse"      // all embeddings are equal
	Rate      = "learning rate" // so high that nothing is learned
	Sharp     = "temperature"   // so low that single negatives decide
	Frozen    = "frozen"        // a part of the network does not move
	Labels    = "labels"        // they say nothing about the images
	Starved   = "starved"       // training waits for data
)

// What makes a symptom an illness. The figures are from runs of SimCLR, ICE and ISIF that learned, in
// which layers move by 0.0001 to 0.005 of their norm in a step, and from such that were
// made ill on purpose.
const (
	lasting  = 3    // records in a row
	fast     = 0.03 // share of its norm by which the median layer moves in a step
	equal    = 0.99 // mean cosine of different images
	mostDead = 0.5  // share of a layer's units
	allDead  = 0.95 // nothing passes the layer, which makes embeddings equal
	still    = 1e-3 // of the median layer's movement
	waiting  = 0.3  // share of the time
	sharpest = 100  // 1/τ; ICE's authors tried scales up to 80
	mild     = 2    // 1/τ that is never too high: SimCLR's on CIFAR-10
	skewed   = 0.6  // share of one class, which neighbours then name nearly always, whatever they know
)

// chart is a run's history.
type chart struct {
	Patient
	records []Record
}

// Diagnose names what ails a run by its records, in their order; the causes of an illness come
// before it, and what a named cause explains is not named again.
func Diagnose(p Patient, records []Record) (found []Verdict) {
	c := chart{p, records}
	if len(records) == 0 {
		return nil
	}
	if v, ok := c.diverged(); ok {
		return []Verdict{v} // the rest is long past
	}
	for _, look := range []struct {
		symptoms    func() (Verdict, bool)
		explainedBy []string
	}{
		{c.collapsed, nil},
		{c.dead, []string{Collapsed}},
		{c.rate, []string{Dead, Collapsed}},
		{c.sharp, []string{Collapsed, Rate}},
		{c.frozen, nil},
		{c.labels, []string{Dead, Collapsed, Rate, Sharp, Frozen}},
		{c.starved, nil},
	} {
		if v, ok := look.symptoms(); ok && !slices.ContainsFunc(found, func(f Verdict) bool { return slices.Contains(look.explainedBy, f.Illness) }) {
			found = append(found, v)
		}
	}
	return found
}

// since is the first of the last records in a row, behind the warm-up, that all show
// a symptom; ok if they are enough.
func (c chart) since(records int, symptom func(Record) bool) (first Record, ok bool) {
	n := 0
	for _, r := range slices.Backward(c.records) {
		if r.Probe == nil || r.Step <= c.Warmup || !symptom(r) {
			break
		}
		first = r
		n++
	}
	return first, n >= records
}

func (c chart) last() Record { return c.records[len(c.records)-1] }

// Moved is how far the median layer moves in a step, as a share of its norm.
func (r Record) Moved() float64 {
	if r.Probe == nil {
		return 0
	}
	var all []float64
	for _, l := range r.Probe.Layers {
		all = append(all, l.Moved())
	}
	return median(all)
}

// tooFast is the record in which the network moved fastest, if that was too fast.
func (c chart) tooFast() (worst Record, ok bool) {
	for _, r := range c.records {
		if r.Moved() > worst.Moved() {
			worst = r
		}
	}
	return worst, worst.Moved() > fast
}

// slower is the advice where the rate is too high.
func (c chart) slower() string { return fmt.Sprintf("--lr %.2g", c.LR/10) }

func (c chart) diverged() (v Verdict, ok bool) {
	r := c.last()
	if r.Diverged == "" {
		return v, false
	}
	why := ""
	if worst, ok := c.tooFast(); ok {
		why = fmt.Sprintf(", which moved the network by %s of its norm in step %d", percent(worst.Moved()), worst.Step)
	}
	return Verdict{Diverged, r.Step,
		fmt.Sprintf("the loss is %s after step %d: the learning rate %g is too high%s", r.Diverged, r.Step, c.LR, why),
		c.slower() + ", a longer --warmup-epochs or a higher temperature"}, true
}

func (c chart) dead() (v Verdict, ok bool) {
	worst := c.deadest()
	first, ok := c.since(lasting, func(r Record) bool {
		for _, l := range r.Probe.Layers {
			if l.Name == worst.Name {
				return l.Dead >= mostDead
			}
		}
		return false
	})
	if !ok {
		return v, false
	}
	text := fmt.Sprintf("dead ReLUs: %s of the %d units of layer %s are 0 for every image since step %d", percent(worst.Dead), worst.Units, worst.Name, first.Step)
	if c.last().Probe.NegativeSimilarity > equal {
		text += ", so that all embeddings are equal"
	}
	advice := "to begin anew, since they do not come back"
	if worst, ok := c.tooFast(); ok {
		text += fmt.Sprintf(": the learning rate %g is too high, it moved the network by %s of its norm in step %d", c.LR, percent(worst.Moved()), worst.Step)
	}
	return Verdict{Dead, first.Step, text, advice + ", with " + c.slower() + " or batch norm before the ReLU"}, true
}

// deadest is the layer with the largest share of dead units.
func (c chart) deadest() (worst Layer) {
	for _, l := range c.probe().Layers {
		if l.Dead > worst.Dead && l.Units >= 8 {
			worst = l
		}
	}
	return worst
}

// probe is the last one.
func (c chart) probe() Probe {
	for _, r := range slices.Backward(c.records) {
		if r.Probe != nil {
			return *r.Probe
		}
	}
	return Probe{}
}

func (c chart) collapsed() (v Verdict, ok bool) {
	first, ok := c.since(lasting, func(r Record) bool {
		p := r.Probe
		learning := p.CollapsedLoss > 0 && r.Loss < 0.97*p.CollapsedLoss || p.Positives.Total() > 0 && p.HardNegatives < 0.4
		return p.NegativeSimilarity > equal && !learning
	})
	if !ok || c.deadest().Dead > allDead {
		return v, false
	}
	worst, tooFast := c.tooFast()
	if c.Supervised && !tooFast {
		return v, false // what labels that say nothing lead to
	}
	p := c.last().Probe
	text := fmt.Sprintf("all embeddings are equal since step %d (mean cosine of different images %.4f)", first.Step, p.NegativeSimilarity)
	if p.CollapsedLoss > 0 {
		text += fmt.Sprintf(", and the loss is %.3f, that of a collapsed network %.3f", c.last().Loss, p.CollapsedLoss)
	}
	if tooFast {
		return Verdict{Collapsed, first.Step, text + fmt.Sprintf(": the learning rate %g is too high, it moved the network by %s of its norm in step %d", c.LR, percent(worst.Moved()), worst.Step), c.slower()}, true
	}
	return Verdict{Collapsed, first.Step, text, fmt.Sprintf("--lr %.2g, a longer warm-up, or a head with batch norm", c.LR/3)}, true
}

func (c chart) rate() (v Verdict, ok bool) {
	worst, tooFast := c.tooFast()
	first, ok := c.since(lasting, func(r Record) bool {
		return r.Probe.CollapsedLoss > 0 && r.Loss > 0.98*r.Probe.CollapsedLoss
	})
	if !ok || !tooFast {
		return v, false
	}
	return Verdict{Rate, first.Step,
		fmt.Sprintf("nothing is learned since step %d: the loss is %.3f, with equal embeddings it would be %.3f; the learning rate %g is too high, it moved the network by %s of its norm in step %d",
			first.Step, c.last().Loss, c.last().Probe.CollapsedLoss, c.LR, percent(worst.Moved()), worst.Step),
		c.slower() + ", or a longer warm-up"}, true
}

// sharp: at a temperature that is too low the loss is that of single negatives. Where they
// are hard it is many times that of equal embeddings and does not come down; where they are
// easy only the sharing shows it, of which ICE's published scale of 64 needs little too.
func (c chart) sharp() (v Verdict, ok bool) {
	const records = 5
	if c.Sharpness <= mild {
		return v, false
	}
	above := func(r Record) bool { return r.Probe.CollapsedLoss > 0 && r.Loss > 1.3*r.Probe.CollapsedLoss }
	first, ok := c.since(records, above)
	ok = ok && c.last().Loss > 0.8*c.records[len(c.records)-records].Loss
	if !ok && c.Sharpness > sharpest {
		first, ok = c.since(records, func(r Record) bool { return r.Probe.Competitors > 0 && r.Probe.Competitors < 4 })
	}
	if !ok {
		return v, false
	}
	last, better := c.last(), min(max(10/c.Sharpness, 0.05), 1.0/mild)
	cause, advice := fmt.Sprintf("the temperature %.3g is too low", 1/c.Sharpness), fmt.Sprintf("--set loss.temperature=%.2g", better)
	if c.Loss == "ice" { // which has a scale instead
		cause, advice = fmt.Sprintf("the scale %.3g is too high", c.Sharpness), fmt.Sprintf("--set loss.scale=%.2g", 1/better)
	}
	text := fmt.Sprintf("since step %d only %.3g negatives share the gradient of an anchor, a difference of %.2g in cosine decides between them",
		first.Step, last.Probe.Competitors, 3/c.Sharpness)
	if above(last) {
		text = fmt.Sprintf("the loss is %.3g since step %d and does not fall, with equal embeddings it would be %.3f; a difference of %.2g in cosine decides between negatives",
			last.Loss, first.Step, last.Probe.CollapsedLoss, 3/c.Sharpness)
	}
	return Verdict{Sharp, first.Step, cause + ": " + text, advice}, true
}

// frozen looks for a part of the network none of whose layers moves as the others do.
func (c chart) frozen() (v Verdict, ok bool) {
	parts := map[string]bool{}
	for _, l := range c.probe().Layers {
		parts[l.part()] = true
	}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		first, ok := c.since(lasting, func(r Record) bool {
			var most float64
			for _, l := range r.Probe.Layers {
				if l.part() == part {
					most = max(most, l.Moved())
				}
			}
			return r.fastest() > 1e-6 && most < still*r.fastest()
		})
		if !ok || len(parts) == 1 {
			continue
		}
		text, advice := fmt.Sprintf("the %s is frozen since step %d: it moves less than a thousandth of what the rest does", part, first.Step), "--verbose to see the whole configuration"
		if part == "head" && c.HeadLR != 0 && c.HeadLR != 1 {
			text += fmt.Sprintf(", its learning rate is %g of theirs", c.HeadLR)
			advice = "--set schedule.head_lr=1"
		}
		return Verdict{Frozen, first.Step, text, advice}, true
	}
	return v, false
}

// fastest is how far the layer that moves most has moved.
func (r Record) fastest() (most float64) {
	for _, l := range r.Probe.Layers {
		most = max(most, l.Moved())
	}
	return most
}

// part is the part of the network that a layer is in.
func (l Layer) part() string {
	top, _, _ := strings.Cut(l.Name, ".")
	if top == "head" || top == "loss" || top == "method" {
		return top
	}
	return "encoder"
}

// labels say nothing about the images if what shares one is no more alike than what does not,
// to a network that otherwise learns.
func (c chart) labels() (v Verdict, ok bool) {
	const records = 5
	last := c.last()
	if c.Supervised {
		var hard mean
		first, ok := c.since(records, func(r Record) bool {
			if r.Probe.HardNegatives <= 0.4 || r.Moved() <= 1e-6 {
				return false
			}
			hard.add(r.Probe.HardNegatives)
			return true
		})
		if !ok || hard.value() < 0.45 || c.Epoch > 0 && last.Step < c.Warmup+c.Epoch {
			return v, false
		}
		return Verdict{Labels, first.Step,
			fmt.Sprintf("images of one class are no more alike than others since step %d, although the network moves: of a class's rivals %s are nearer than its own; the labels may not be those of the images", first.Step, percent(hard.value())),
			"'alike data check' and a look at the classes with 'alike data info --views 4 --out views.png'; if the labels are right, --lr " + fmt.Sprintf("%.2g", c.LR/3)}, true
	}
	if last.Queries == 0 || last.Chance > skewed {
		return v, false
	}
	deviation := math.Sqrt(last.Chance * (1 - last.Chance) / float64(last.Queries))
	first, ok := c.since(lasting, func(r Record) bool { return r.Queries > 0 && r.Accuracy > 0.5 })
	measured := func(r Record) bool { return r.Step > first.Step && r.KNN != first.KNN } // since then, not of an untrained network
	if !ok || !slices.ContainsFunc(c.records, measured) || last.KNN > last.Chance+2*deviation {
		return v, false
	}
	return Verdict{Labels, first.Step,
		fmt.Sprintf("views of an image find each other (contrastive accuracy %s), but neighbours name the class of %s of the images, no more than chance (%s): the labels may not be those of the images",
			percent(last.Accuracy), percent(last.KNN), percent(last.Chance)),
		"'alike data check' and a look at the classes with 'alike data info --views 4 --out views.png'"}, true
}

func (c chart) starved() (v Verdict, ok bool) {
	var wait mean
	first, ok := c.since(lasting, func(r Record) bool {
		if r.DataWait <= waiting {
			return false
		}
		wait.add(r.DataWait)
		return true
	})
	if !ok {
		return v, false
	}
	return Verdict{Starved, first.Step,
		fmt.Sprintf("training waits for images %s of its time since step %d: the loader is too slow", percent(wait.value()), first.Step),
		"'alike data pack' to decode them once, --cache-memory, cheaper --views (blur costs most), or a faster disk"}, true
}

func percent(x float64) string { return fmt.Sprintf("%.3g %%", 100*x) }
