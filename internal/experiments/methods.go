package main

import (
	"fmt"

	"alike/internal/reproduce"
)

// methods compares all methods that need no labels on CIFAR-10: a small network,
// the same steps, batch, optimiser and views for all, their own heads and losses.
func methods(l *lab) error {
	base := []string{"--encoder", "resnet8", "--set", "encoder.zero_init=false", "--epochs", "1", "--dtype", "bf16", "--warmup-epochs", "0",
		"--batch", "256", "--optimizer", "adamw", "--scaling", "none", "--lr", "0.002", "--set", "schedule={decay: cosine, milestones: []}",
		"--views", "crop(0.2, 1) flip jitter(0.5) gray(0.2)"}
	rows := []struct {
		name string
		args []string
	}{
		{"simclr", []string{"simclr"}},
		{"simclr, loss dcl", []string{"simclr", "--loss", "dcl"}},
		{"isif", []string{"isif"}},
		{"instdisc", []string{"instdisc"}},
		{"moco", []string{"moco"}},
		{"byol", []string{"byol", "--set", "method.momentum=0.97"}}, // 0.996 is for a thousand epochs
		{"simsiam", []string{"simsiam", "--set", "head.hidden=512", "--set", "head.dim=512", "--set", "method.predictor={hidden: 128}"}},
		{"nnclr", []string{"nnclr"}},
		{"barlow", []string{"barlow"}},
		{"vicreg", []string{"vicreg"}},
	}
	knn, linear := map[string][]float64{}, map[string][]float64{}
	for _, seed := range seeds { // a stop leaves as many seeds of all
		for _, r := range rows {
			run := fmt.Sprintf("%s-%s", r.args[0], seed)
			if len(r.args) > 2 && r.args[1] == "--loss" {
				run = fmt.Sprintf("%s-%s-%s", r.args[0], r.args[2], seed)
			}
			scores, err := l.run(run, append(append(append([]string{}, r.args...), base...), "--seed", seed), []string{"knn", "--layer", "h"}, []string{"linear", "--layer", "h"})
			if err != nil {
				return err
			}
			knn[r.name], linear[r.name] = append(knn[r.name], scores[0]["knn_accuracy"]), append(linear[r.name], scores[1]["linear_accuracy"])
		}
	}
	fmt.Println("| method | kNN | linear |\n|---|---|---|")
	for _, r := range rows {
		fmt.Printf("| %s | %s | %s |\n", r.name, reproduce.Interval(knn[r.name]), reproduce.Interval(linear[r.name]))
	}
	return nil
}
