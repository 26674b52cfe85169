// Package weightfile reads the weights of networks that others trained: safetensors, and
// the state dictionaries that PyTorch saves. Nothing in a file is executed.
package weightfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Tensor is an array of numbers in row-major order.
type Tensor struct {
	Dims []int
	Data []float32
}

// Suffixes are the endings of the files that Read knows.
var Suffixes = []string{".safetensors", ".pth", ".pt", ".ckpt", ".bin"}

// Read returns the tensors of a file by their names; those in dictionaries within
// dictionaries have the keys on the way before theirs, joined by dots. What is no
// tensor of floating-point numbers is left out.
func Read(path string) (map[string]Tensor, error) {
	if err := checkRegular(path); err != nil {
		return nil, err
	}
	read := readTorch
	if isSafetensors(path) {
		read = floatsOf
	}
	tensors, err := read(path)
	if err != nil {
		return nil, err
	}
	if len(tensors) == 0 {
		return nil, fmt.Errorf("%s holds no tensor of floating-point numbers; of a network that was saved whole, save its state_dict()", path)
	}
	return tensors, nil
}

func checkRegular(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	return err
}

func isSafetensors(path string) bool { return strings.EqualFold(filepath.Ext(path), ".safetensors") }
