package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Plan is what a run will need.
type Plan struct {
	Steps      int           `json:"steps"`
	Images     int           `json:"images"` // source images, over all steps
	Parameters int           `json:"parameters"`
	Memory     uint64        `json:"memory_bytes"` // of the program with its data
	Disk       uint64        `json:"disk_bytes"`   // of the checkpoints that are kept, and one being written
	Step       time.Duration `json:"step_ns"`      // measured
	Total      time.Duration `json:"total_ns"`
}

// String is the plan for people.
func (p Plan) String() string {
	return fmt.Sprintf("%d steps, %d images in all, %.2f M parameters; about %d MiB of memory, %d MiB of disk, %s at %s a step",
		p.Steps, p.Images, float64(p.Parameters)/1e6, p.Memory>>20, p.Disk>>20, p.Total.Round(time.Second), p.Step.Round(time.Millisecond))
}

// Plan compiles the run's step, tries it on made-up data, and says what the
// whole run will need. A run that cannot fit this machine's free memory or the
// disk is refused.
func (r *Run) Plan(b compute.Backend) (Plan, error) {
	c := &r.Config
	store := model.NewStore()
	defer store.Finalize()
	p, err := newProgram(b, store, c)
	if err != nil {
		return Plan{}, err
	}
	defer p.exec.Finalize()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	plan := Plan{Steps: c.Schedule.Total(), Images: c.Schedule.Total() * c.Batch, Memory: m.HeapAlloc}
	if free, err := FreeMemory(); err == nil && plan.Memory > free {
		return plan, fmt.Errorf("a step of %d images needs about %d MiB of memory, this machine has %d MiB free: free some, or train with --checkpoint-blocks, --chunk, a smaller --batch or a smaller --encoder", c.Batch, plan.Memory>>20, free>>20)
	}
	if plan.Step, err = p.measure(c); err != nil {
		return plan, err
	}
	plan.Total = time.Duration(plan.Steps) * plan.Step
	for v := range store.IterVariables() {
		plan.Disk += uint64(v.Shape().ByteSize()) * uint64(cmp.Or(c.Sittings.Keep, defaultKeep)+1)
		if v.Trainable {
			plan.Parameters += v.Shape().Size()
		}
	}
	if free, err := freeBytes(r.Dir); err == nil && plan.Disk > free {
		return plan, fmt.Errorf("the checkpoints need about %d MiB, the disk that holds %s has %d MiB free: free some space, or keep fewer with --keep", plan.Disk>>20, r.Dir, free>>20)
	}
	return plan, nil
}

// measure times a step: the second, unless the first was long already.
func (p *program) measure(c *Config) (time.Duration, error) {
	times, err := p.time(context.Background(), c, 1)
	if err == nil && times[0] < 5*time.Second {
		times, err = p.time(context.Background(), c, 1)
	}
	if err != nil {
		return 0, err
	}
	return times[0], nil
}

// time times n steps on made-up data.
func (p *program) time(ctx context.Context, c *Config, n int) ([]time.Duration, error) {
	parts, err := c.build()
	if err != nil {
		return nil, err
	}
	rows := parts.method.Views() * c.Batch
	row := c.inputShape(c.Pixels, 1).Size()
	views := newPixels(c.Pixels, rows*row)
	var buffer []float32
	for r := range rows {
		buffer = views.write(r*row, row, buffer, func(view []float32) {
			for i := range view {
				view[i] = float32((r*row+i)%251) / 250
			}
		})
	}
	labels, index := make([]int32, rows), make([]int32, rows)
	for i := range labels {
		labels[i], index[i] = int32(i%max(1, c.classes)), int32(i%c.Batch)
	}
	in := inputs{
		views:  views.tensor(c.inputDims(rows)...),
		labels: tensors.FromFlatDataAndDimensions(labels, rows),
		index:  tensors.FromFlatDataAndDimensions(index, rows),
	}
	times := make([]time.Duration, n)
	for i := range times {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		start := time.Now()
		if _, err := p.run(in, 0, 0); err != nil {
			return nil, err
		}
		times[i] = time.Since(start)
	}
	return times, in.finalize()
}

var errUnknown = errors.New("not known on this system")
