// Command experiments makes the tables of docs/results again: it trains and
// measures with the command line's own commands, in turn, keeps what it has
// measured in a file, so that it can go on after a stop, and prints a table.
//
//	go run ./internal/experiments cub64 ../shared/data/cub-100-64.tar.gz
//	go run ./internal/experiments cifar10 ../shared/data/cifar-10-binary.tar.gz
//	go run ./internal/experiments methods ../shared/data/cifar-10-binary.tar.gz
//	go run ./internal/experiments dtype ../shared/data/cifar-10-binary.tar.gz
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"alike/eval"
	"alike/internal/cli"
)

func main() {
	tables := map[string]func(*lab) error{"cub64": cub64, "cifar10": cifar10, "dtype": dtype, "methods": methods}
	if len(os.Args) != 3 || tables[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "experiments: want cub64, cifar10, dtype or methods, and the SPEC of its images")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l := &lab{ctx: ctx, data: os.Args[2], dir: filepath.Join("runs", os.Args[1])}
	if err := tables[os.Args[1]](l); err != nil {
		fmt.Fprintln(os.Stderr, "experiments:", err)
		os.Exit(1)
	}
}

// seeds are those of every row that has an interval.
var seeds = []string{"1", "2", "3"}

// lab runs and remembers.
type lab struct {
	ctx       context.Context
	data, dir string
}

// score is what an evaluation prints as JSON, as far as tables need it.
type score struct {
	Metric  string  `json:"metric"`
	Value   float64 `json:"value"`
	Subject struct {
		Name string `json:"name"`
		Step int    `json:"step"`
	} `json:"subject"`
}

// call runs a command and returns what it prints.
func (l *lab) call(args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	if code := cli.Run(l.ctx, args, strings.NewReader(""), &out, &errs); code != 0 {
		return nil, fmt.Errorf("alike %s: %s", strings.Join(args, " "), errs.String())
	}
	return out.Bytes(), nil
}

// run trains, unless a run of that name has been measured before, and returns
// its scores: a map from subject and metric to value.
func (l *lab) run(name string, train, eval []string) (map[string]float64, error) {
	file := filepath.Join(l.dir, name+".json")
	text, err := os.ReadFile(file)
	if err != nil {
		dir := filepath.Join(l.dir, name)
		if err := os.RemoveAll(dir); err != nil { // of a stopped attempt
			return nil, err
		}
		if _, err := l.call(append(append([]string{"train"}, train...), "--out", dir, "-q", "--monitor-every", "-1", "--data", l.data)...); err != nil {
			return nil, err
		}
		if text, err = l.measure(dir, file, eval); err != nil {
			return nil, err
		}
	}
	return values(name, text)
}

// measure evaluates a run and keeps what is printed in a file.
func (l *lab) measure(dir, file string, eval []string) ([]byte, error) {
	text, err := l.call(append(append([]string{"eval"}, eval...), dir, "--json", "-q", "--data", l.data)...)
	if err != nil {
		return nil, err
	}
	return text, os.WriteFile(file, text, 0o644)
}

// again measures a run in another way, unless that has been done.
func (l *lab) again(run, name string, eval []string) (map[string]float64, error) {
	file := filepath.Join(l.dir, name+".json")
	text, err := os.ReadFile(file)
	if err != nil {
		if text, err = l.measure(filepath.Join(l.dir, run), file, eval); err != nil {
			return nil, err
		}
	}
	return values(run, text)
}

// values are the scores that an evaluation printed of a run and its references.
func values(name string, text []byte) (map[string]float64, error) {
	var all struct {
		Scores []score `json:"scores"`
		score
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	values := map[string]float64{}
	for _, s := range append(all.Scores, all.score) {
		switch subject := filepath.Base(s.Subject.Name); {
		case subject != name:
			values[subject+"/"+s.Metric] = s.Value
		case s.Subject.Step == 0:
			values["untrained/"+s.Metric] = s.Value
		default:
			values[s.Metric] = s.Value
		}
	}
	fmt.Fprintf(os.Stderr, "%s %v\n", name, values)
	return values, nil
}

// interval is the mean of some values in percent, and half the width of its
// 95 % interval by Student's t.
func interval(values []float64) string {
	mean, ci := eval.MeanOfSeeds(values)
	if len(values) < 2 {
		return fmt.Sprintf("%.1f", 100*mean)
	}
	return fmt.Sprintf("%.1f ± %.1f", 100*mean, 50*(ci[1]-ci[0]))
}
