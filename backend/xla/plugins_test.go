package xla

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// touch makes an empty file below root, with its folders.
func touch(t *testing.T, root, name string) string {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// alone makes root the only place where plugins are looked for, but for the system's.
func alone(t *testing.T, root string) {
	t.Helper()
	for _, name := range []string{PathVariable, "CONDA_PREFIX", "PATH"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", filepath.Join(root, "home"))
	t.Setenv("VIRTUAL_ENV", filepath.Join(root, "venv"))
}

// below keeps the plugins whose files lie below root.
func below(root string, plugins []Plugin) []Plugin {
	return slices.DeleteFunc(plugins, func(p Plugin) bool { return !strings.HasPrefix(p.Path, root) })
}

func TestPluginsAreFoundWhereOthersPutThem(t *testing.T) {
	root := t.TempDir()
	alone(t, root)
	packages := "venv/lib/python3.12/site-packages/"
	cpu := touch(t, root, packages+"xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so")
	newer := touch(t, root, packages+"lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so")
	cuda12 := touch(t, root, packages+"jax_plugins/xla_cuda12/xla_cuda_plugin.so")
	cuda13 := touch(t, root, packages+"jax_plugins/xla_cuda13/xla_cuda_plugin.so")
	touch(t, root, packages+"jax_plugins/xla_cuda13/__init__.py")
	named := touch(t, root, "own/pjrt_c_api_cpu_v0.83.1_plugin.so")
	other := touch(t, root, "own/pjrt-plugin-metal.so")
	touch(t, root, "own/libm.so")
	local := touch(t, root, "home/.local/lib/go-xla/pjrt_c_api_tpu_plugin.so")
	t.Setenv(PathVariable, filepath.Join(root, "own")+string(filepath.ListSeparator)+"relative")

	want := []Plugin{{"cuda", cuda13}, {"cuda", cuda12}, {"tpu", local}, {"cpu", named}, {"cpu", newer}, {"cpu", cpu}, {"metal", other}}
	if got := below(root, Plugins()); !slices.Equal(got, want) {
		t.Errorf("found\n%v, want\n%v", got, want)
	}
}

func TestChoose(t *testing.T) {
	file := touch(t, t.TempDir(), "jax_plugins/xla_cuda13/xla_cuda_plugin.so")
	cpu := Plugin{"cpu", "/a/cpu.so"}
	metal := Plugin{"metal", "/a/metal.so"}
	for _, tc := range []struct {
		name, options string
		plugins       []Plugin
		want          Plugin
		rest, err     string
	}{
		{"no name is the first whose device is there", "", []Plugin{cpu, metal}, cpu, "", ""},
		{"options may follow no name", ",tf32", []Plugin{cpu}, cpu, "tf32", ""},
		{"a device by its name", "metal,a=b,c", []Plugin{cpu, metal}, metal, "a=b,c", ""},
		{"a file", file + ",tf32", nil, Plugin{"cuda", file}, "tf32", ""},
		{"a file that is not there", "/not/there.so", nil, Plugin{}, "", "no such file"},
		{"a device without plugin", "cuda", []Plugin{cpu}, Plugin{}, "", `pip install "jax[cuda13]"`},
		{"an unknown device", "abacus", []Plugin{cpu}, Plugin{}, "", "name a device (cuda, rocm, tpu, cpu)"},
		{"no plugin at all", "", nil, Plugin{}, "", "pip install --no-deps lammps-jax-pjrt-cpu"},
	} {
		got, rest, err := choose(tc.options, tc.plugins)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.err)
			}
			continue
		}
		if err != nil || got != tc.want || rest != tc.rest {
			t.Errorf("%s: got %v, %q, %v; want %v, %q", tc.name, got, rest, err, tc.want, tc.rest)
		}
	}
}
