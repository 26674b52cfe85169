package cli

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"alike/internal/onnx"
	"alike/internal/weightfile"
)

// fileInfo says what a file of weights, or a network, holds.
type fileInfo struct {
	File     string            `json:"file"`
	Format   string            `json:"format"`
	Bytes    int64             `json:"bytes"`
	Values   int               `json:"values"` // in all tensors together
	Metadata map[string]string `json:"metadata"`
	Tensors  []weightfile.Info `json:"tensors"`

	// Of ONNX.
	Inputs    []string       `json:"inputs,omitempty"`
	Outputs   []string       `json:"outputs,omitempty"`
	Operators map[string]int `json:"operators,omitempty"` // how many nodes have each
}

// describeFile prints what a file holds.
func (a *app) describeFile(path string, size int64, asJSON bool) error {
	info := fileInfo{File: path, Bytes: size}
	var err error
	switch suffix := strings.ToLower(filepath.Ext(path)); {
	case suffix == ".onnx":
		err = info.readONNX(path)
	case slices.Contains(weightfile.Suffixes, suffix):
		var d *weightfile.Description
		if d, err = weightfile.Describe(path); err == nil {
			info.Format, info.Tensors, info.Metadata = d.Format, d.Tensors, d.Metadata
		}
	default:
		err = fmt.Errorf("%s is a file: want a run, .onnx or weights (%s)", path, strings.Join(weightfile.Suffixes, ", "))
	}
	if err != nil {
		return err
	}
	for _, t := range info.Tensors {
		n := 1
		for _, d := range t.Dims {
			n *= d
		}
		info.Values += n
	}
	if asJSON {
		return a.printJSON(info)
	}
	a.printFile(info)
	return nil
}

func (info *fileInfo) readONNX(path string) error {
	m, err := onnx.Read(path)
	if err != nil {
		return err
	}
	info.Format = fmt.Sprintf("ONNX, opset %d", m.Opset)
	if m.Producer != "" {
		info.Format += strings.TrimRight(", written by "+m.Producer+" "+m.ProducerVersion, " ")
	}
	info.Metadata, info.Operators = m.Metadata, map[string]int{}
	weights := map[string]bool{}
	for _, t := range m.Graph.Initializers {
		weights[t.Name] = true
		info.Tensors = append(info.Tensors, weightfile.Info{Name: t.Name, DType: t.Type.String(), Dims: t.Dims})
	}
	for _, n := range m.Graph.Nodes {
		info.Operators[n.Op]++
	}
	say := func(v onnx.ValueInfo) string { return fmt.Sprintf("%s %s %v", v.Name, v.Type, v.Dims) }
	for _, v := range m.Graph.Inputs {
		if !weights[v.Name] { // older files name them here too
			info.Inputs = append(info.Inputs, say(v))
		}
	}
	for _, v := range m.Graph.Outputs {
		info.Outputs = append(info.Outputs, say(v))
	}
	return nil
}

func (a *app) printFile(info fileInfo) {
	fmt.Fprintf(a.stdout, "%s: %s, %s, %d tensors of %s values\n", info.File, info.Format, humanize.IBytes(uint64(info.Bytes)), len(info.Tensors), humanize.Comma(int64(info.Values)))
	for _, v := range info.Inputs {
		fmt.Fprintf(a.stdout, "  from %s\n", v)
	}
	for _, v := range info.Outputs {
		fmt.Fprintf(a.stdout, "  to %s\n", v)
	}
	var operators []string
	for _, op := range slices.SortedFunc(maps.Keys(info.Operators), func(x, y string) int {
		return 2*(info.Operators[y]-info.Operators[x]) + strings.Compare(x, y)
	}) {
		operators = append(operators, fmt.Sprintf("%d %s", info.Operators[op], op))
	}
	if len(operators) > 0 {
		fmt.Fprintf(a.stdout, "  by %s\n", strings.Join(operators, ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(info.Metadata)) {
		const most = 200 // characters of a line
		text := []rune(info.Metadata[key])
		if len(text) > most {
			text = append(text[:most], '.', '.', '.')
		}
		fmt.Fprintf(a.stdout, "  %s: %s\n", key, string(text))
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, t := range info.Tensors {
		fmt.Fprintf(w, "  %s\t%s\t%v\n", t.Name, t.DType, t.Dims)
	}
	w.Flush()
}
