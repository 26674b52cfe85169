// Package xla opens GoMLX's XLA engine, which runs programs on graphics cards and TPUs through
// PJRT plugins: shared libraries that others ship, such as JAX's wheels. Plugins are
// looked for and loaded, never downloaded.
//
// Finding them needs nothing. Opening one needs a build with cgo and the tag xla.
package xla

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Name is the engine's: "xla", "xla:cuda", "xla:PATH".
const Name = "xla"

// Plugin is XLA for one kind of device.
type Plugin struct {
	Device string `json:"device"` // "cuda", "rocm", "tpu", "cpu", or what the file is named after
	Path   string `json:"path"`   // absolute
}

// device is a kind of device, and how to get a plugin for it.
type device struct{ name, install string }

// devices are in order of preference; the last is in every machine.
var devices = []device{
	{"cuda", `pip install "jax[cuda13]"`},
	{"rocm", `pip install jax-rocm7-pjrt`},
	{"tpu", `pip install libtpu`},
	{"cpu", `pip install --no-deps lammps-jax-pjrt-cpu`},
}

// wheels are the places below a folder of Python packages where wheels put plugins.
var wheels = []struct{ device, pattern string }{
	{"cuda", "jax_plugins/xla_cuda*/xla_cuda_plugin.so"},
	{"rocm", "jax_plugins/xla_rocm*/xla_rocm_plugin.so"},
	{"tpu", "libtpu/libtpu.so"},
	{"cpu", "*/pjrt_c_api_cpu_plugin.so"},
	{"cpu", "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so"},
}

// PathVariable lists folders with plugins named pjrt_c_api_DEVICE_plugin.so.
const PathVariable = "PJRT_PLUGIN_LIBRARY_PATH"

// pluginFile is the name of a plugin in those folders; the device may be followed by a version.
var pluginFile = regexp.MustCompile(`^pjrt(?:_c_api_|[-_]plugin[-_])([a-z]+)[^/]*\.(?:so|dylib|dll)$`)

// Plugins returns the plugins of this machine: those in the folders of PathVariable, in
// GoMLX's own, and in the Python environments that are active or stand where Python is.
// The preferred device comes first, and of one device the first that was found.
func Plugins() []Plugin {
	var found []Plugin
	for _, dir := range pluginFolders() {
		entries, _ := os.ReadDir(dir) // what cannot be read has none
		for _, e := range entries {
			if m := pluginFile.FindStringSubmatch(e.Name()); m != nil {
				found = append(found, Plugin{m[1], filepath.Join(dir, e.Name())})
			}
		}
	}
	for _, dir := range pythonFolders() {
		for _, w := range wheels {
			paths, _ := filepath.Glob(filepath.Join(dir, w.pattern))
			slices.Reverse(paths) // the newest CUDA first
			for _, path := range paths {
				found = append(found, Plugin{w.device, path})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Plugin) int { return rank(a.Device) - rank(b.Device) })
	return found
}

// rank is a device's place in the order of preference.
func rank(name string) int {
	for i, d := range devices {
		if d.name == name {
			return i
		}
	}
	return len(devices)
}

func pluginFolders() []string {
	dirs := filepath.SplitList(os.Getenv(PathVariable))
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".local/lib/go-xla"))
	}
	return absolute(append(dirs, "/usr/local/lib/go-xla"))
}

// pythonFolders are those that Python packages are installed in.
func pythonFolders() []string {
	roots := []string{os.Getenv("VIRTUAL_ENV"), os.Getenv("CONDA_PREFIX")}
	if python, err := exec.LookPath("python3"); err == nil {
		roots = append(roots, filepath.Dir(filepath.Dir(python)))
	}
	if home, err := os.UserHomeDir(); err == nil {
		roots = append(roots, filepath.Join(home, ".local"))
	}
	var dirs []string
	for _, root := range absolute(append(roots, "/usr/local", "/usr")) {
		for _, pattern := range []string{"lib/python3*/site-packages", "lib/python3*/dist-packages"} {
			found, _ := filepath.Glob(filepath.Join(root, pattern))
			slices.Reverse(found)
			dirs = append(dirs, found...)
		}
	}
	return dirs
}

// absolute drops what is no absolute path, and what was named before.
func absolute(dirs []string) []string {
	var kept []string
	for _, d := range dirs {
		if filepath.IsAbs(d) && !slices.Contains(kept, d) {
			kept = append(kept, d)
		}
	}
	return kept
}

// choose returns the plugin that options ask for, and what follows its name: "cuda",
// "/path/to/plugin.so,allocator=bfc"; no name is the first whose device is there.
func choose(options string, plugins []Plugin) (p Plugin, rest string, err error) {
	name, rest, _ := strings.Cut(options, ",")
	if filepath.IsAbs(name) {
		if _, err := os.Stat(name); err != nil {
			return p, "", fmt.Errorf("backend xla: %w", err)
		}
		return Plugin{deviceOf(name), name}, rest, nil
	}
	for _, p := range plugins {
		if p.Device == name || name == "" && Present(p.Device) {
			return p, rest, nil
		}
	}
	if name == "" {
		name = devices[slices.IndexFunc(devices, func(d device) bool { return Present(d.name) })].name
	}
	return p, "", fmt.Errorf("backend xla: found no PJRT plugin for %s; %s", name, Advice(name))
}

// deviceOf guesses from the file what its plugin is for.
func deviceOf(path string) string {
	for _, d := range devices {
		if strings.Contains(filepath.Base(path), d.name) {
			return d.name
		}
	}
	return "device"
}

// Advice says in a clause how to get a plugin for the device.
func Advice(device string) string {
	if i := rank(device); i < len(devices) {
		return fmt.Sprintf("'%s' installs one where it is found; or name its file, xla:/path/to/plugin.so", devices[i].install)
	}
	return fmt.Sprintf("name a device (cuda, rocm, tpu, cpu) or the plugin's file, xla:/path/to/plugin.so; folders in %s are looked at", PathVariable)
}

// Present reports whether the machine seems to have such a device.
func Present(device string) bool {
	switch device {
	case "cuda":
		cards, _ := filepath.Glob("/dev/nvidia[0-9]*")
		return len(cards) > 0 || exists("/dev/dxg")
	case "rocm":
		return exists("/dev/kfd")
	case "tpu":
		return exists("/dev/accel0") || exists("/dev/vfio/0")
	}
	return true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
