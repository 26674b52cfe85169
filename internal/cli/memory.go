package cli

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"alike/internal/mmap"
)

// measuringBytes is what measuring takes beside the embeddings at most, whatever their
// number; --max-memory is no less.
const measuringBytes = 384 << 20

// memory bounds what embeddings and their measurement take.
type memory struct {
	limit  int64 // bytes, 0 for none
	used   int64 // of embeddings on the heap
	dir    string
	mapped []func() error // frees what lies in files
}

// memoryFlag adds --max-memory to a command that measures the embeddings of a RUN, or made-up ones.
func (a *app) memoryFlag(c *cobra.Command) *cobra.Command {
	text := c.Flags().String("max-memory", "", "memory for the embeddings and what measures them, e.g. 2GiB; embeddings beyond that are kept in the folder of the run while they are measured, and the scores are the same (default: no limit)")
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if *text == "" {
			return run(c, args)
		}
		n, err := humanize.ParseBytes(*text)
		if err != nil || n < measuringBytes || n > math.MaxInt64 {
			return misuse("--max-memory %q: want bytes such as 2GiB, at least %s, which measuring takes however few the images", *text, humanize.IBytes(measuringBytes))
		}
		a.memory = memory{limit: int64(n), dir: os.TempDir()}
		if len(args) > 0 {
			a.memory.dir = args[0]
			if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
				a.memory.dir = filepath.Dir(args[0]) // of a network that is a file
			}
		}
		before := debug.SetMemoryLimit(a.memory.limit) // the collector works harder than exceed it
		defer debug.SetMemoryLimit(before)
		return errors.Join(run(c, args), a.memory.release())
	}
	return c
}

// room makes the memory of embeddings.
func (m *memory) room(values int) ([]float32, error) {
	bytes := 4 * int64(values)
	if m.limit == 0 || m.used+bytes+measuringBytes <= m.limit {
		m.used += bytes
		return make([]float32, values), nil
	}
	mapped, free, err := mmap.Scratch(m.dir, values)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, errors.New("--max-memory: the embeddings need more, and this system cannot keep them in a file: allow more, or choose a --layer of fewer values")
	}
	if err == nil {
		m.mapped = append(m.mapped, free)
	}
	return mapped, err
}

// release ends the use of all embeddings.
func (m *memory) release() (err error) {
	for _, free := range m.mapped {
		err = errors.Join(err, free())
	}
	m.used, m.mapped = 0, nil
	return err
}
