//go:build xla

package xla

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	goxla "github.com/gomlx/go-xla/compute/xla"
)

// Built says whether this program was built with XLA.
const Built = true

// Open opens XLA on a plugin: that of a device, "cuda"; a file, "/path/to/plugin.so"; or, if empty, the
// first of Plugins whose device is there. GoMLX's options may follow, "cuda,memory_fraction=0.5".
// Products and convolutions of float32 are computed in float32, not in the shorter type that
// graphics cards have for them, unless the option tf32 is given. The caller finalizes it.
func Open(options string) (compute.Backend, error) {
	p, rest, err := choose(options, Plugins())
	if err != nil {
		return nil, err
	}
	if p.Device == "cuda" {
		if err := findCUDA(p.Path); err != nil {
			return nil, err
		}
		if options := strings.Split(rest, ","); !slices.Contains(options, "tf32") && !slices.Contains(options, "tf32=true") {
			rest = strings.TrimSuffix("notf32,"+rest, ",")
			if err := os.Setenv(cudaTF32, "0"); err != nil {
				return nil, err
			}
		}
	}
	b, err := goxla.New(strings.TrimSuffix(p.Path+","+rest, ","))
	if err != nil {
		return nil, fmt.Errorf("backend xla: %s: %w", p.Path, err)
	}
	return b, nil
}

// cudaTF32 is the variable by which NVIDIA's libraries are kept from computing in TF32. GoMLX's
// option reaches products only; cuDNN would take TF32 for convolutions.
const cudaTF32 = "NVIDIA_TF32_OVERRIDE"

// Describe returns the name in records of an engine that Open opened, "xla/cuda".
func Describe(b compute.Backend) (variant string, ok bool) {
	x, ok := b.(*goxla.Backend)
	if !ok {
		return "", false
	}
	return Name + "/" + deviceOf(x.PluginName()), true
}

// findCUDA tells XLA where the compiler of a plugin from JAX's wheels is: beside it, among
// NVIDIA's wheels. What the user has set stays.
func findCUDA(plugin string) error {
	const flag = "--xla_gpu_cuda_data_dir"
	flags := os.Getenv("XLA_FLAGS")
	if strings.Contains(flags, flag) {
		return nil
	}
	packages := filepath.Dir(filepath.Dir(filepath.Dir(plugin)))
	for _, dir := range []string{"nvidia/cu13", "nvidia/cuda_nvcc"} {
		if dir = filepath.Join(packages, dir); !exists(dir) {
			continue
		}
		// GoMLX looks elsewhere, and warns.
		return errors.Join(os.Setenv("XLA_FLAGS", strings.TrimSpace(flags+" "+flag+"="+dir)), os.Setenv("GOPJRT_CUDA_CHECKS", "no"))
	}
	return nil
}
