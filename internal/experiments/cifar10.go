package main

import (
	"fmt"

	"alike/internal/reproduce"
)

// cifar10 compares ISIF with its baseline, instance discrimination, and with
// SimCLR by weighted kNN: trained on five classes without their labels, measured
// on these and on the other five.
func cifar10(l *lab) error {
	const seen, unseen = "1-5", "6-10"
	base := []string{"--encoder", "resnet8", "--set", "encoder.zero_init=false", "--epochs", "5", "--dtype", "bf16", "--warmup-epochs", "0", "--classes", seen,
		"--batch", "128", "--optimizer", "adamw", "--scaling", "none", "--lr", "0.002", "--set", "schedule={decay: cosine, milestones: []}"}
	fmt.Println("| method | embedding | kNN, the five classes | kNN, five others |\n|---|---|---|---|")
	for i, m := range []struct{ name, layer string }{{"isif", "z"}, {"instdisc", "z"}, {"simclr", "h"}} {
		var on, off, start, startOff []float64
		for _, seed := range seeds {
			run := m.name + "-" + seed
			knn := [][]string{{"knn", "--classes", seen}, {"knn", "--classes", unseen}}
			scores, err := l.run(run, append(append([]string{m.name}, base...), "--seed", seed), knn...)
			if err != nil {
				return err
			}
			on, off = append(on, scores[0]["knn_accuracy"]), append(off, scores[1]["knn_accuracy"])
			if i > 0 {
				continue
			}
			untrained := "untrained-" + seed
			if scores, err = l.run(untrained, append(append([]string{"simclr"}, base...), "--epochs", "0", "--seed", seed), knn...); err != nil {
				return err
			}
			start, startOff = append(start, scores[0]["untrained/knn_accuracy"]), append(startOff, scores[1]["untrained/knn_accuracy"])
		}
		if i == 0 {
			fmt.Printf("| *the untrained network* | h | %s | %s |\n", reproduce.Interval(start), reproduce.Interval(startOff))
		}
		fmt.Printf("| %s | %s | %s | %s |\n", m.name, m.layer, reproduce.Interval(on), reproduce.Interval(off))
	}
	return nil
}
