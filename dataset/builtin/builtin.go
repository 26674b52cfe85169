// Package builtin generates images, so that alike can be tried without a
// download. Importing it registers the format "builtin".
package builtin

import (
	"context"
	"fmt"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"alike/dataset"
)

func init() {
	dataset.Formats.Add("builtin", dataset.Format{
		Summary: "generated images: builtin:sprites?n=20000&seed=1, ten shapes of any colour, size and place",
		Open:    open,
	})
}

// open reads "sprites?n=N&seed=S": N images to train on and N/5 to test on.
func open(ctx context.Context, path string, o dataset.Options) (*dataset.Source, error) {
	name, query, _ := strings.Cut(path, "?")
	if name != "sprites" {
		return nil, fmt.Errorf("no built-in images of that name; have sprites")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	settings := map[string]uint64{"n": 20000, "seed": 1}
	for key, v := range values {
		if _, ok := settings[key]; !ok {
			return nil, fmt.Errorf("unknown setting %q; have n and seed", key)
		}
		if settings[key], err = strconv.ParseUint(v[0], 10, 31); err != nil {
			return nil, fmt.Errorf("%s=%s: must be a whole number", key, v[0])
		}
	}
	n := int(settings["n"])
	if n < 50 {
		return nil, fmt.Errorf("n=%d: must be at least 50", n)
	}
	if most := int(o.MaxBytes / (3 * side * side) * 5 / 6); n > most {
		return nil, fmt.Errorf("n=%d: more than %d do not fit into %d MiB of memory", n, most, o.MaxBytes>>20)
	}
	s := &dataset.Source{Splits: map[string]dataset.Dataset{}}
	for split, size := range map[string]int{dataset.Train: n, dataset.Test: n / 5} {
		m, err := Sprites(ctx, split, size, settings["seed"])
		if err != nil {
			return nil, err
		}
		s.Splits[split] = m
	}
	return s, nil
}

// Sprites draws n sprites of a split. Image i shows class i mod 10 and is a
// function of (seed, split, i).
func Sprites(ctx context.Context, split string, n int, seed uint64) (*dataset.Memory, error) {
	m := &dataset.Memory{
		Title:  fmt.Sprintf("sprites (%s)", split),
		Images: make([]dataset.Image, n),
		Labels: make([]int, n),
		IDs:    make([]string, n),
		Names:  classNames(),
	}
	key := uint64(0)
	if split != dataset.Train {
		key = 1
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				m.Labels[i] = i % len(shapes)
				m.Images[i] = draw(m.Labels[i], seed, key, i)
				m.IDs[i] = fmt.Sprintf("%s/%s/%05d", split, m.Names[m.Labels[i]], i)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return m, nil
}
