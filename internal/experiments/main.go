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
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"alike/internal/cli"
	"alike/internal/reproduce"
)

func main() {
	tables := map[string]func(*lab) error{"cub64": cub64, "cifar10": cifar10, "dtype": dtype, "methods": methods}
	if len(os.Args) != 3 || tables[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "experiments: want cub64, cifar10, dtype or methods, and the SPEC of its images")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l := &lab{ctx: ctx, data: os.Args[2], Lab: reproduce.Lab{Dir: filepath.Join("runs", os.Args[1]), Alike: cli.Output}}
	if err := tables[os.Args[1]](l); err != nil {
		fmt.Fprintln(os.Stderr, "experiments:", err)
		os.Exit(1)
	}
}

// seeds are those of every row that has an interval.
var seeds = []string{"1", "2", "3"}

// lab runs and remembers.
type lab struct {
	reproduce.Lab
	ctx  context.Context
	data string
}

// run trains and measures, unless that has been done, and returns the scores of each
// measurement: a map from subject and metric to value.
func (l *lab) run(name string, train []string, evals ...[]string) (list []map[string]float64, err error) {
	r, err := l.Run(l.ctx, name, append(train, "--monitor-every", "-1", "--data", l.data), evals...)
	if err != nil {
		return nil, err
	}
	for _, args := range evals {
		values := map[string]float64{}
		scores, _ := r.Of(args)
		for _, s := range scores {
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
		list = append(list, values)
	}
	return list, nil
}
