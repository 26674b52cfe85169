// Package simd is a CPU engine for GoMLX graphs: a small compiler over the
// kernels of internal/kernel. It records a graph, replaces what it recognises
// by kernels, fuses element-wise chains, plans one arena from liveness, and
// executes a flat list of steps on a pool of workers. What is rare runs,
// operation by operation, on GoMLX's Go backend.
//
// Results depend on the graph and the instruction set, never on the number of
// workers.
package simd

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"

	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
)

// Name is the name that the backend is registered under.
const Name = "simd"

// Sequential is the option of GoMLX's Go backend that runs one operation at a
// time. Without it a convolution that waits for a worker and the workers that
// wait for convolutions can wait for each other for ever.
const Sequential = "ops_sequential"

func init() { compute.Register(Name, New) }

// Backend is the engine. Goroutines may share it.
type Backend struct {
	level     cpu.Level
	unit      cpu.BF16
	direct    bool // no Winograd
	pool      *pool.Pool
	portable  compute.Backend // runs what has no kernel here
	finalized atomic.Bool
	profile   atomic.Pointer[profile]
}

// New returns an engine. The configuration is a list of "workers=N" (default:
// all CPUs), "level=avx512|avx2|generic" (default: the CPU's best),
// "winograd=on|off" (default: on) and "bf16=amx|avx512bf16|float", what
// multiplies bfloat16 (default: the CPU's best; below AVX-512 there is only float).
func New(config string) (compute.Backend, error) {
	b := &Backend{level: cpu.Detect(), unit: cpu.DetectBF16()}
	workers := 0
	for _, option := range strings.FieldsFunc(config, func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(option, "=")
		var err error
		switch key {
		case "workers":
			workers, err = strconv.Atoi(value)
			if err == nil && workers < 1 {
				err = fmt.Errorf("must be at least 1")
			}
		case "level":
			var level cpu.Level
			if level, err = cpu.Parse(value); err == nil && level > b.level {
				err = fmt.Errorf("this CPU has only %s", b.level)
			}
			b.level = level
		case "bf16":
			var unit cpu.BF16
			if unit, err = cpu.ParseBF16(value); err == nil && unit > cpu.DetectBF16() {
				err = fmt.Errorf("this CPU has only %s", cpu.DetectBF16())
			}
			b.unit = unit
		case "winograd":
			if b.direct = value == "off"; value != "on" && value != "off" {
				err = fmt.Errorf("must be on or off")
			}
		default:
			err = fmt.Errorf("unknown option; have workers, level, winograd and bf16")
		}
		if err != nil {
			return nil, fmt.Errorf("backend %s: %q: %w", Name, option, err)
		}
	}
	if b.level < cpu.AVX512 {
		b.unit = cpu.BF16Float
	}
	portable, err := gobackend.New(Sequential)
	if err != nil {
		return nil, fmt.Errorf("backend %s: %w", Name, err)
	}
	b.portable = portable
	b.pool = pool.New(workers)
	return b, nil
}

// Variant names what decides the bits of a result in float32.
func (b *Backend) Variant() string {
	if b.direct {
		return fmt.Sprintf("%s/%s/winograd=off", Name, b.level)
	}
	return fmt.Sprintf("%s/%s", Name, b.level)
}

// HalfVariant names what decides the bits of a result in bfloat16.
func (b *Backend) HalfVariant() string { return fmt.Sprintf("%s/bf16=%s", b.Variant(), b.unit) }

// Level is the instruction set that kernels use.
func (b *Backend) Level() cpu.Level { return b.level }

// Name implements compute.Backend.
func (b *Backend) Name() string { return Name }

// String implements compute.Backend.
func (b *Backend) String() string { return Name }

// Description implements compute.Backend.
func (b *Backend) Description() string {
	return fmt.Sprintf("alike's CPU engine (%s, %d workers)", b.level, b.pool.Workers())
}

// NumDevices implements compute.Backend.
func (b *Backend) NumDevices() int { return 1 }

// DeviceDescription implements compute.Backend.
func (b *Backend) DeviceDescription(compute.DeviceNum) string { return b.Description() }

// Builder implements compute.Backend.
func (b *Backend) Builder(name string) compute.Builder { return newBuilder(b, name) }

// Finalize implements compute.Backend.
func (b *Backend) Finalize() {
	if b.finalized.CompareAndSwap(false, true) {
		b.pool.Close()
		b.portable.Finalize()
	}
}

// IsFinalized implements compute.Backend.
func (b *Backend) IsFinalized() bool { return b.finalized.Load() }

// Capabilities implements compute.Backend: what the Go backend offers for
// static shapes and without closures, and batch normalisation.
func (b *Backend) Capabilities() compute.Capabilities {
	portable := b.portable.Capabilities().Clone()
	c := compute.Capabilities{Operations: portable.Operations, DTypes: portable.DTypes}
	for op := range c.Operations {
		if !claimed(op) {
			delete(c.Operations, op)
		}
	}
	for _, op := range []compute.OpType{compute.OpTypeBatchNormForTraining, compute.OpTypeBatchNormForInference, compute.OpTypeBatchNormGradient} {
		c.Operations[op] = true
	}
	return c
}

// HasSharedBuffers implements compute.DataInterface.
func (b *Backend) HasSharedBuffers() bool { return true }

// NewSharedBuffer implements compute.DataInterface.
func (b *Backend) NewSharedBuffer(_ compute.DeviceNum, shape shapes.Shape) (compute.Buffer, any, error) {
	buf := newBuffer(b, shape)
	return buf, buf.flat, nil
}

// BufferFromFlatData implements compute.DataInterface.
func (b *Backend) BufferFromFlatData(_ compute.DeviceNum, flat any, shape shapes.Shape) (compute.Buffer, error) {
	buf := newBuffer(b, shape)
	if err := copyFlat(buf.flat, flat); err != nil {
		return nil, err
	}
	return buf, nil
}

// Workers is how many goroutines share the work.
func (b *Backend) Workers() int { return b.pool.Workers() }
