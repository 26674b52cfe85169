// Package backend opens the engines that run GoMLX graphs.
package backend

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"alike/backend/simd"
	"alike/backend/xla"
)

// engines are the constructors by name.
var engines = map[string]compute.Constructor{
	simd.Name: simd.New,
	"go":      openGo,
	xla.Name:  xla.Open,
}

func openGo(options string) (compute.Backend, error) {
	if options != "" {
		return nil, fmt.Errorf("backend go takes no options, not %q", options)
	}
	return gobackend.New(simd.Sequential)
}

// Names lists the engines: "simd", the default; "go", GoMLX's portable one, slow and
// useful to compare with; "xla", for graphics cards, in programs built for it.
func Names() []string { return slices.Sorted(maps.Keys(engines)) }

// Usable lists those of Names that this program can open on this machine.
func Usable() []string {
	return slices.DeleteFunc(Names(), func(name string) bool {
		return name == xla.Name && !(xla.Built && len(xla.Plugins()) > 0)
	})
}

// Open opens an engine by its name, optionally with a colon and its options:
// "simd:workers=2,level=avx2", "xla:cuda". The empty name is the default engine.
// The caller finalizes it.
func Open(name string) (compute.Backend, error) {
	engine, options, _ := strings.Cut(name, ":")
	if engine == "" {
		engine = simd.Name
	}
	open, ok := engines[engine]
	if !ok {
		return nil, fmt.Errorf("unknown backend %q; have %s", engine, strings.Join(Names(), ", "))
	}
	return open(options)
}

// Variant names what decides the bits of a result: the engine, for simd with its
// instruction set, for xla with the kind of device.
func Variant(b compute.Backend) string {
	if s, ok := b.(*simd.Backend); ok {
		return s.Variant()
	}
	if variant, ok := xla.Describe(b); ok {
		return variant
	}
	return "go"
}

// HalfVariant names what decides the bits of a result in bfloat16: for simd also
// what multiplies it.
func HalfVariant(b compute.Backend) string {
	if s, ok := b.(*simd.Backend); ok {
		return s.HalfVariant()
	}
	return Variant(b)
}
