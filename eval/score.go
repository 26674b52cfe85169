package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// Score is one measurement: what came out, of what, and how it was measured.
type Score struct {
	Metric   string      `json:"metric"`         // "knn_accuracy", "recall@1", "nmi_arithmetic"
	Value    float64     `json:"value"`          // a fraction
	CI95     *[2]float64 `json:"ci95,omitempty"` // 95 % confidence interval, nil where there is none
	Subject  Subject     `json:"subject"`
	Protocol Protocol    `json:"protocol"`
	Probe    *Probe      `json:"probe,omitempty"` // of the linear probe
	Notes    []string    `json:"notes,omitempty"` // what a reader must know, in sentences

	PerClass []ClassValue `json:"per_class,omitempty"` // if it was asked for
	Curve    []float64    `json:"curve,omitempty"`     // of an area, its points from rank 1 on

	// Outcomes are what Value is the mean of, one for each query, in order; nil if it is no such
	// mean. Append keeps them in a file of their own, which ReadOutcomes reads.
	Outcomes []float64 `json:"-"`
}

// Interval is the 95 % interval for people, in percent: "30.90 to 35.00", or "none".
func (s Score) Interval() string {
	if s.CI95 == nil {
		return "none"
	}
	return fmt.Sprintf("%.2f to %.2f", 100*s.CI95[0], 100*s.CI95[1])
}

// Subject is what was measured. Subjects of scores that are compared may differ.
type Subject struct {
	Name          string `json:"name"` // the run, or "raw pixels"
	Method        string `json:"method,omitempty"`
	Data          string `json:"data,omitempty"`    // what it was trained on
	Classes       string `json:"classes,omitempty"` // the rule of the classes it was trained on, "" for all
	Encoder       string `json:"encoder,omitempty"`
	Step          int    `json:"step"`
	Seed          uint64 `json:"seed"`
	WeightsSHA256 string `json:"weights_sha256,omitempty"` // of a file of ONNX, that of the file
	Engine        string `json:"engine,omitempty"`         // backend and variant, "simd/avx512"

	// Preprocessing says how images come to a network that others trained, as --preprocess takes it.
	Preprocessing string `json:"preprocessing,omitempty"`
}

// Protocol is how it was measured. Only scores of one protocol are comparable.
type Protocol struct {
	Bank          Set    `json:"bank"`    // what labels come from; never the queries, but for leave_one_out
	Queries       Set    `json:"queries"` // what is classified
	LeaveOneOut   bool   `json:"leave_one_out"`
	Classes       int    `json:"classes"`
	Layer         string `json:"layer"` // "h", "z", "pixels": the embedding that is measured
	Normalisation string `json:"normalisation"`
	Variant       string `json:"variant"` // which of the forms that share the metric's name

	// Of weighted kNN; K also of recall and precision at K.
	K           int     `json:"k,omitempty"`
	Temperature float64 `json:"temperature,omitempty"`

	// Of the linear probe.
	L2            []float64 `json:"l2,omitempty"`       // strengths to choose from
	HeldOut       float64   `json:"held_out,omitempty"` // share of the bank that chooses
	MaxIterations int       `json:"max_iterations,omitempty"`
	Seed          uint64    `json:"seed,omitempty"` // of the held-out share, of k-means

	// Of what is trained by SGD: fine-tuning, and the linear probe with augmentation. Seed is its, too.
	Labels      float64 `json:"labels,omitempty"`       // share of the labels that it is trained on; Bank are those
	Epochs      float64 `json:"epochs,omitempty"`       // passes over them
	Batch       int     `json:"batch,omitempty"`        // images per step
	LR          float64 `json:"lr,omitempty"`           // rate for a batch of 256
	WeightDecay float64 `json:"weight_decay,omitempty"` // of all but biases and batch norm

	// Of the clusters of NMI; MaxIterations and Seed are theirs too.
	Clusters int `json:"clusters,omitempty"`
	Restarts int `json:"restarts,omitempty"`

	// Bootstrap is how the interval was made; the value does not depend on it.
	Bootstrap *Bootstrap `json:"bootstrap,omitempty" compare:"no"`
}

// Difference is a field that two protocols do not share.
type Difference struct {
	Field string // as in the JSON: "bank.sha256"
	A, B  any
}

func (d Difference) String() string { return fmt.Sprintf("%s: %v and %v", d.Field, d.A, d.B) }

// Compare returns the fields in which two protocols differ; scores measured by
// different ones must not be compared.
func Compare(a, b Protocol) (ds []Difference) {
	y := compared("", b)
	for i, x := range compared("", a) {
		if !reflect.DeepEqual(x.value, y[i].value) {
			ds = append(ds, Difference{x.name, x.value, y[i].value})
		}
	}
	return ds
}

// field is one of a protocol's.
type field struct {
	name  string // as in the JSON: "bank.sha256"
	value any
	zero  bool
}

// compared lists the fields that scores must share to be compared.
func compared(prefix string, v any) (fields []field) {
	for f, x := range reflect.ValueOf(v).Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Tag.Get("compare") == "no":
		case x.Kind() == reflect.Struct:
			fields = append(fields, compared(prefix+name+".", x.Interface())...)
		default:
			fields = append(fields, field{prefix + name, x.Interface(), x.IsZero()})
		}
	}
	return fields
}

// Append adds a score to a file of one JSON object a line, its outcomes to the folder
// "outcomes" beside it, and makes sure that both are on the disk.
func Append(path string, s Score) error {
	if err := saveOutcomes(path, s); err != nil {
		return fmt.Errorf("score %s: %w", s.Metric, err)
	}
	line, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("score %s: %w", s.Metric, err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// Scores reads a file that Append wrote.
func Scores(path string) ([]Score, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var scores []Score
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, len(raw)+1)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var s Score
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return nil, fmt.Errorf("%s: line %d is no score: %w", path, n, err)
		}
		s.Metric = currentName(s)
		if s.Protocol.Bootstrap == nil && s.CI95 != nil && *s.CI95 == [2]float64{s.Value, s.Value} {
			s.CI95 = nil // older files give the value twice where there is no interval
		}
		scores = append(scores, s)
	}
	return scores, lines.Err()
}

// currentName is today's name of a score's metric: older files say recall_at_1,
// map_at_r and nmi.
func currentName(s Score) string {
	if s.Metric == "nmi" {
		if strings.Contains(s.Protocol.Variant, Geometric) {
			return "nmi_" + Geometric
		}
		return "nmi_" + Arithmetic
	}
	return strings.Replace(s.Metric, "_at_", "@", 1)
}
