//go:build xla

package xla

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/support/backendtest"
)

func TestCompliance(t *testing.T) {
	if len(Plugins()) == 0 {
		t.Skip("no PJRT plugin is found: ", Advice("cpu"))
	}
	b, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	variant, ok := Describe(b)
	if !ok || !strings.HasPrefix(variant, "xla/") {
		t.Errorf("variant %q", variant)
	}
	t.Logf("on %s", b.Description())
	backendtest.RunAll(t, b, nil)
}

func TestCUDAIsFoundBesideThePlugin(t *testing.T) {
	root := t.TempDir()
	plugin := touch(t, root, "jax_plugins/xla_cuda13/xla_cuda_plugin.so")
	compiler := filepath.Dir(touch(t, root, "nvidia/cu13/version"))
	t.Setenv("GOPJRT_CUDA_CHECKS", "")
	for flags, want := range map[string]string{
		"":                              "--xla_gpu_cuda_data_dir=" + compiler,
		"--xla_other":                   "--xla_other --xla_gpu_cuda_data_dir=" + compiler,
		"--xla_gpu_cuda_data_dir=/mine": "--xla_gpu_cuda_data_dir=/mine",
	} {
		t.Setenv("XLA_FLAGS", flags)
		if err := findCUDA(plugin); err != nil {
			t.Fatal(err)
		}
		if got := os.Getenv("XLA_FLAGS"); got != want {
			t.Errorf("flags %q became %q, want %q", flags, got, want)
		}
	}
}
