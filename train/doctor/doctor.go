// Package doctor looks at a training run from outside: statistics of a step's embeddings,
// gradients and weights, and what they say together about the health of the run. It is
// pure: numbers in, numbers and sentences out.
package doctor

// Patient is what a run is, as far as the doctor asks.
type Patient struct {
	Method, Loss string
	Supervised   bool    // positives share a label
	LR           float64 // the learning rate as it is configured, before scaling with the batch
	HeadLR       float64 // its factor for the head, 0 for 1
	Warmup       int     // steps in which the rate rises
	Epoch        int     // steps of an epoch

	// Sharpness is what cosines are multiplied by before the loss's softmax, 1/τ; 0 if there is none.
	Sharpness float64
}

// Record is how a run was at a step that was looked at, and since the one before.
type Record struct {
	Step     int
	Loss     float64 // mean since the record before
	LR       float64 // of this step
	Accuracy float64 // share of rows whose most similar row is a positive, mean since the record before
	DataWait float64 // share of the time that was spent waiting for data, since the record before
	Probe    *Probe

	// KNN is the latest accuracy of naming labels by neighbours, of Queries images; Chance is
	// that of naming the most frequent label. Queries is 0 where it was not measured.
	KNN, Chance float64
	Queries     int

	// Diverged is the loss that is no longer a number, "NaN" or "+Inf", after which a run ends; the
	// rest of such a record is that of the step before.
	Diverged string
}

// Probe is what was seen at one step.
type Probe struct {
	Embeddings

	CollapsedLoss float64            `json:"collapsed_loss,omitempty"` // the loss if all embeddings were equal; 0 where that is not known
	Layers        []Layer            `json:"layers"`
	Seconds       map[string]float64 `json:"seconds"`                     // by what they were spent on, since the probe before
	PeakMemory    uint64             `json:"peak_memory_bytes,omitempty"` // of the process; 0 where that is not known
}

// Verdict is what ails a run, since which step, and what to try.
type Verdict struct {
	Illness string `json:"illness"` // its name, such as Collapsed
	Since   int    `json:"since_step"`
	Text    string `json:"text"`
	Try     string `json:"try"`
}

func (v Verdict) String() string { return v.Text + "; try " + v.Try }
