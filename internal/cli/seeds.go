package cli

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"alike/eval"
	"alike/train"
)

// seedMean is what runs score on average that differ in their seed alone.
type seedMean struct {
	Metric string     `json:"metric"`
	Value  float64    `json:"value"`
	CI95   [2]float64 `json:"ci95"`
	Seeds  int        `json:"seeds"`
}

// seedDir is where the run of a seed goes, of several below dir.
func seedDir(dir string, seed uint64, several bool) string {
	if !several {
		return dir
	}
	return filepath.Join(dir, fmt.Sprintf("seed-%d", seed))
}

// onlySeedsDiffer says whether runs have one configuration, with different seeds.
func onlySeedsDiffer(dirs []string) (bool, error) {
	var first []byte
	seeds := map[uint64]bool{}
	for _, dir := range dirs {
		run, err := train.Open(dir)
		if err != nil {
			return false, err
		}
		c := run.Config
		seeds[c.Seed] = true
		c.Seed = 0
		document, err := c.YAML()
		if err != nil {
			return false, err
		}
		if first == nil {
			first = document
		}
		if !bytes.Equal(first, document) {
			return false, nil
		}
	}
	return len(seeds) == len(dirs), nil
}

// seedMeans are the means over each group of as many scores as there are runs, if all are of
// the same step.
func seedMeans(table []eval.Score, runs int) (means []seedMean) {
	for group := range slices.Chunk(table, runs) {
		if slices.ContainsFunc(group, func(s eval.Score) bool { return s.Subject.Step != group[0].Subject.Step }) {
			continue
		}
		m := seedMean{Metric: group[0].Metric, Seeds: runs}
		var values []float64
		for _, s := range group {
			values = append(values, s.Value)
		}
		m.Value, m.CI95 = eval.MeanOfSeeds(values)
		means = append(means, m)
	}
	return means
}

func (m seedMean) String() string {
	return fmt.Sprintf("%s: %.2f %%, the mean of %d seeds (95 %% interval %.2f to %.2f)", m.Metric, 100*m.Value, m.Seeds, 100*m.CI95[0], 100*m.CI95[1])
}

// sayMonitored says the mean of what the runs' monitor measured last.
func (a *app) sayMonitored(dirs []string) error {
	last := map[string][]float64{}
	for _, dir := range dirs {
		points, err := (&train.Run{Dir: dir}).Metrics()
		if err != nil {
			return err
		}
		for _, p := range slices.Backward(points) {
			if p.Monitor == nil {
				continue
			}
			for metric, value := range p.Monitor {
				last[metric] = append(last[metric], value)
			}
			break
		}
	}
	for _, metric := range slices.Sorted(maps.Keys(last)) {
		m := seedMean{Metric: metric + " of the monitor", Seeds: len(last[metric])}
		m.Value, m.CI95 = eval.MeanOfSeeds(last[metric])
		a.say("%s", m)
	}
	a.say("'alike eval' measures each run, 'alike compare' gives their mean")
	return nil
}
