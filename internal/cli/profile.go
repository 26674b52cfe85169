package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"alike/backend/simd"
	"alike/internal/kernel/cpu"
)

// printProfile prints where the time of so many steps went: each kind of
// operation, and under it the shapes that took the longest.
func (a *app) printProfile(b *simd.Backend, steps int) {
	times := b.Profile()
	total := time.Duration(0)
	kinds := map[string]*simd.OpTime{}
	var order []string
	for _, t := range times {
		total += t.Time
		k := kinds[t.Name]
		if k == nil {
			k = &simd.OpTime{Name: t.Name}
			kinds[t.Name], order = k, append(order, t.Name)
		}
		k.Calls += t.Calls
		k.Time += t.Time
		k.Flops += t.Flops
		k.Bytes += t.Bytes
	}
	sortByTime(order, kinds)
	peak := cpu.PeakGFLOPS(b.Level()) * float64(b.Workers())
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "operation\tcalls\tms a step\tshare\tspeed\tof %.0f GFLOP/s in fp32\n", peak)
	row := func(name string, t *simd.OpTime) {
		speed, share := fmt.Sprintf("%.1f GB/s", t.Bytes/t.Time.Seconds()/1e9), ""
		if t.Flops > 0 {
			gflops := t.Flops / t.Time.Seconds() / 1e9
			speed, share = fmt.Sprintf("%.1f GFLOP/s", gflops), fmt.Sprintf("%.0f %%", 100*gflops/peak)
		}
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.1f %%\t%s\t%s\n", name, t.Calls/steps, 1e3*t.Time.Seconds()/float64(steps), 100*t.Time.Seconds()/total.Seconds(), speed, share)
	}
	for _, name := range order {
		row(name, kinds[name])
		for i := range times {
			if t := &times[i]; t.Name == name && t.Time*1000 > total {
				row(strings.Repeat(" ", 2)+t.Shape, t)
			}
		}
	}
	w.Flush()
}

func sortByTime(names []string, kinds map[string]*simd.OpTime) {
	slices.SortFunc(names, func(x, y string) int { return cmp.Compare(kinds[y].Time, kinds[x].Time) })
}
