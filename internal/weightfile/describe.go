package weightfile

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nlpodyssey/safetensors"
)

// Description says what a file holds.
type Description struct {
	Format   string
	Tensors  []Info // by name
	Metadata map[string]string
}

// Info is a tensor without its values.
type Info struct {
	Name  string `json:"name"`
	DType string `json:"dtype"` // as safetensors calls it: F32, I64
	Dims  []int  `json:"shape"`
}

// Describe reads what a file holds, numbers of all types included.
func Describe(path string) (*Description, error) {
	if err := checkRegular(path); err != nil {
		return nil, err
	}
	describe := describePickle
	if isSafetensors(path) {
		describe = describeSafetensors
	}
	d, err := describe(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	slices.SortFunc(d.Tensors, func(x, y Info) int { return strings.Compare(x.Name, y.Name) })
	return d, nil
}

func describePickle(path string) (*Description, error) {
	entries, format, err := readPickle(path)
	if err != nil {
		return nil, err
	}
	d := &Description{Format: format}
	for _, e := range entries {
		d.Tensors = append(d.Tensors, Info{e.name, e.storage.kind.dtype, e.dims})
	}
	return d, nil
}

func describeSafetensors(path string) (*Description, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, metadata, err := safetensors.ReadMetadata(file)
	if err != nil {
		return nil, fmt.Errorf("not a safetensors file: %w", err)
	}
	d := &Description{Format: "safetensors", Metadata: metadata.Metadata()}
	for name, t := range metadata.Tensors() {
		info := Info{Name: name, DType: t.DType.String(), Dims: []int{}}
		for _, n := range t.Shape {
			info.Dims = append(info.Dims, int(n))
		}
		d.Tensors = append(d.Tensors, info)
	}
	return d, nil
}
