package export

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"alike/augment"
	"alike/encoder"
	"alike/eval"
	"alike/internal/atomicfile"
	"alike/method"
	"alike/train"
)

// The names of a card's files.
const (
	CardJSON     = "MODEL.json"
	CardMarkdown = "MODEL.md"
)

// cardVersion is that of MODEL.json.
const cardVersion = 1

// Card says of a network what its run knows: what it is, what it learned from, how it was measured.
type Card struct {
	Version       int            `json:"card_version"`
	Alike         string         `json:"alike"` // that wrote the card
	Run           string         `json:"run"`
	Method        string         `json:"method"`
	MethodSummary string         `json:"method_summary"`
	Encoder       any            `json:"encoder"` // its name and parameters
	Summary       string         `json:"encoder_summary"`
	Layer         string         `json:"layer"` // that the method calls the embedding
	Dims          map[string]int `json:"dims"`  // values of an embedding, by layer
	Size          int            `json:"size"`  // side of the images, pixels
	Preprocessing string         `json:"preprocessing"`
	Data          Data           `json:"data"`
	Step          int            `json:"step"`
	Total         int            `json:"total"`
	Seed          uint64         `json:"seed"`
	Engine        string         `json:"engine"`
	Seconds       float64        `json:"seconds"`
	WeightsSHA256 string         `json:"weights_sha256"`
	Scores        []eval.Score   `json:"scores"` // of these weights
	Files         []File         `json:"files"`
	Config        any            `json:"config"`
}

// Data is what a network was trained on.
type Data struct {
	Spec    string `json:"spec"`
	Split   string `json:"split"`
	Classes string `json:"classes,omitempty"`
	// Where a score of the run was measured with them:
	Images int    `json:"images,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// File is one that was written.
type File struct {
	Name       string `json:"name"`
	Bytes      int64  `json:"bytes"`
	Layer      string `json:"layer"`
	Dim        int    `json:"dim"`
	DType      string `json:"dtype"`
	Input      string `json:"input,omitempty"`
	Normalized bool   `json:"normalized"`
}

// newCard collects what the run's records say.
func newCard(run *train.Run, m *train.Model) (*Card, error) {
	config, err := run.Config.Map()
	if err != nil {
		return nil, err
	}
	c := run.Config
	card := &Card{
		Version: cardVersion, Alike: version(), Run: filepath.Base(filepath.Clean(run.Dir)),
		Method: c.Method.Name, MethodSummary: method.Methods.Summary(c.Method.Name), Encoder: config["encoder"], Summary: encoder.Encoders.Summary(c.Encoder.Name),
		Layer: m.Layer(), Dims: map[string]int{method.LayerH: m.Dim(method.LayerH), method.LayerZ: m.Dim(method.LayerZ)},
		Size: m.Size(), Preprocessing: preprocessing(m.Size()),
		Data: Data{Spec: c.Data, Split: c.Split, Classes: c.Classes},
		Step: m.State.Step, Total: m.State.Total, Seed: m.State.Seed, Engine: m.State.Engine, Seconds: m.State.Seconds,
		WeightsSHA256: m.State.WeightsSHA256, Scores: []eval.Score{}, Config: config,
	}
	scores, err := eval.Scores(run.ScoresPath())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, s := range scores {
		if s.Subject.WeightsSHA256 == card.WeightsSHA256 {
			same := func(old eval.Score) bool {
				return old.Metric == s.Metric && len(eval.Compare(old.Protocol, s.Protocol)) == 0
			}
			card.Scores = append(slices.DeleteFunc(card.Scores, same), s)
		}
		for _, set := range []eval.Set{s.Protocol.Bank, s.Protocol.Queries} {
			if set.Data == c.Data && set.Split == c.Split && set.Classes == c.Classes && set.Excluded == 0 {
				card.Data.Images, card.Data.SHA256 = set.Images, set.SHA256
			}
		}
	}
	return card, nil
}

// preprocessing is what augment.Evaluate does, in words.
func preprocessing(size int) string {
	if size == 0 {
		return "none; the features are those of a frozen encoder, as they were trained on"
	}
	s := fmt.Sprintf("RGB, values divided by 255, no mean or standard deviation; images of %d x %d as they are, others resized (bilinear, antialias) to a shorter side of %d", size, size, augment.EvaluationSide(size))
	return s + fmt.Sprintf(", the longer rounded down, and the middle %d x %d cut out", size, size)
}

// dtype is the type of a file's weights.
func (o Options) dtype() string {
	if o.Half {
		return "fp16"
	}
	return "fp32"
}

// input says in words what a file of ONNX takes.
func (c *Card) input(o Options) string {
	if c.Size == 0 {
		return fmt.Sprintf("features [N, %d], float32", c.Dims[method.LayerH])
	}
	sides, layout, values := fmt.Sprintf("%d, %d", c.Size, c.Size), "N, 3, %s", "float32 in [0, 1]"
	if o.Preprocess {
		sides = "H, W"
	}
	if o.Uint8 {
		layout, values = "N, %s, 3", "uint8"
	}
	s := fmt.Sprintf("images ["+layout+"], %s, RGB", sides, values)
	if o.Preprocess {
		return s + ", of any height and width"
	}
	return s + ", already resized and cropped"
}

// sentence says what a file computes.
func (c *Card) sentence(o Options) string {
	s := fmt.Sprintf("From %s: embedding [N, %d], layer %s", c.input(o), c.Dims[o.Layer], o.Layer)
	if o.Normalize {
		s += ", of length 1"
	}
	return fmt.Sprintf("%s, of a %s network trained by %s with alike.", s, c.Config.(map[string]any)["encoder"].(map[string]any)["name"], c.Method)
}

// metadata is what a file says of itself, as text by key.
func (c *Card) metadata(o Options) map[string]string {
	text := func(v any) string {
		b, _ := plainJSON(v, "") // of values that came from YAML or JSON
		return strings.TrimSpace(string(b))
	}
	type measured struct {
		Metric   string        `json:"metric"`
		Value    float64       `json:"value"`
		CI95     *[2]float64   `json:"ci95,omitempty"`
		Protocol eval.Protocol `json:"protocol"`
	}
	protocol := []measured{}
	for _, s := range c.Scores {
		protocol = append(protocol, measured{s.Metric, s.Value, s.CI95, s.Protocol})
	}
	return map[string]string{
		"format": "pt", // which torch's readers of safetensors look for
		"method": c.Method, "encoder": text(c.Encoder), "layer": o.Layer, "dim": strconv.Itoa(c.Dims[o.Layer]), "size": strconv.Itoa(c.Size),
		"preprocessing": c.Preprocessing, "normalized": strconv.FormatBool(o.Normalize), "protocol": text(protocol), "data": text(c.Data),
		"step": strconv.Itoa(c.Step), "weights_sha256": c.WeightsSHA256, "alike": c.Alike,
	}
}

// addTo adds the file to the card, and writes it beside it. A card of the same weights that is there
// already keeps its other files; one of other weights is replaced.
func (c *Card) addTo(path string, o Options) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	file := File{Name: filepath.Base(path), Bytes: info.Size(), Layer: o.Layer, Dim: c.Dims[o.Layer], DType: o.dtype(), Normalized: o.Normalize}
	if strings.EqualFold(filepath.Ext(path), onnxSuffix) {
		file.Input = c.input(o)
	}
	dir := filepath.Dir(path)
	var old Card
	if b, err := os.ReadFile(filepath.Join(dir, CardJSON)); err == nil && json.Unmarshal(b, &old) == nil && old.WeightsSHA256 == c.WeightsSHA256 {
		c.Files = slices.DeleteFunc(old.Files, func(f File) bool {
			_, err := os.Stat(filepath.Join(dir, f.Name))
			return err != nil || f.Name == file.Name
		})
	}
	c.Files = append(c.Files, file)
	document, err := plainJSON(c, "  ")
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := cardPage.Execute(&page, c); err != nil {
		return err
	}
	content := func(b []byte) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := w.Write(b)
			return err
		}
	}
	return atomicfile.WriteAll(
		atomicfile.File{Path: filepath.Join(dir, CardJSON), Write: content(document)},
		atomicfile.File{Path: filepath.Join(dir, CardMarkdown), Write: content(page.Bytes())},
	)
}

// plainJSON leaves & and < as they are.
func plainJSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}

//go:embed card.md
var cardTemplate string

var cardPage = template.Must(template.New("card").Funcs(template.FuncMap{
	"percent": func(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) },
	"mebi":    func(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) },
	"minutes": func(s float64) string { return fmt.Sprintf("%.1f", s/60) },
	"onnx":    func(f File) bool { return strings.EqualFold(filepath.Ext(f.Name), onnxSuffix) },
	"json": func(v any) (string, error) {
		b, err := plainJSON(v, "  ")
		return strings.TrimSpace(string(b)), err
	},
	// measured is what a score was measured on, and how, in short.
	"measured": func(p eval.Protocol) string {
		s := fmt.Sprintf("%d images of %s (%s), layer %s, %s", p.Queries.Images, p.Queries.Data, p.Queries.Split, p.Layer, p.Variant)
		if p.K > 0 {
			s += fmt.Sprintf(", k %d", p.K)
		}
		return strings.ReplaceAll(s, "|", "\\|")
	},
}).Parse(cardTemplate))

// version is that of the program.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
