package main

import (
	"fmt"
	"slices"

	"alike/internal/reproduce"
)

// cub64 compares ICE with its baselines on birds of species that were not
// trained on: a small network from scratch, the same steps for all.
func cub64(l *lab) error {
	const epochs, tuning = "60", "20"
	base := []string{"--size", "32", "--encoder", "resnet8", "--set", "encoder.zero_init=false", "--dtype", "bf16", "--optimizer", "adamw", "--scaling", "none", "--set", "schedule={decay: cosine, milestones: []}"}
	method := func(loss string) []string {
		if loss == "ice" {
			return append([]string{"ice"}, base...)
		}
		args := append([]string{"metric", "--loss", loss}, base...)
		if loss == "npair" { // of unit vectors it would be ICE at a scale of 1
			args = append(args, "--set", "head.l2_normalize=false")
		}
		return args
	}
	rates := []string{"0.001", "0.004"}
	fmt.Println("| loss | learning rate | R@1 | R@2 | R@4 | R@8 | MAP@R | NMI |\n|---|---|---|---|---|---|---|---|")
	row := func(name, rate string, results []map[string]float64, prefix string) {
		fmt.Printf("| %s | %s |", name, rate)
		for _, metric := range []string{"recall@1", "recall@2", "recall@4", "recall@8", "map@r", "nmi_arithmetic"} {
			var values []float64
			for _, r := range results {
				values = append(values, r[prefix+metric])
			}
			fmt.Printf(" %s |", reproduce.Interval(values))
		}
		fmt.Println()
	}
	test := []string{"retrieval", "--classes", ">100"}
	for i, loss := range []string{"ice", "margin_triplet", "supcon", "npair", "contrastive", "multi_similarity", "proxy_nca", "arcface", "cross_entropy"} {
		// the rate is chosen on a fifth of the training species, one seed
		best, rate := -1.0, ""
		for _, r := range rates {
			tuned, err := l.run("tune-"+loss+"-"+r,
				append(method(loss), "--epochs", tuning, "--classes", "<=100 & 80%:1", "--lr", r, "--seed", "1"),
				[]string{"retrieval", "--classes", "<=100 & not 80%:1", "--references=false"})
			if err != nil {
				return err
			}
			if v := tuned[0]["recall@1"]; v > best {
				best, rate = v, r
			}
		}
		var results []map[string]float64
		for _, seed := range seeds {
			eval := slices.Clone(test)
			if i > 0 {
				eval = append(eval, "--references=false")
			}
			r, err := l.run(loss+"-"+seed, append(method(loss), "--epochs", epochs, "--classes", "<=100", "--lr", rate, "--seed", seed), eval)
			if err != nil {
				return err
			}
			results = append(results, r...)
		}
		if i == 0 {
			row("*raw pixels*", "", results[:1], "raw pixels/")
			row("*the untrained network*", "", results, "untrained/")
		}
		row(loss, rate, results, "")
	}
	return pretrained(l, append(base, "--epochs", epochs), test, row)
}

// pretrained are SimCLR on the same images without their labels, and ICE from there.
func pretrained(l *lab, base, test []string, row func(name, rate string, results []map[string]float64, prefix string)) error {
	const rate = "0.004"
	test = append(slices.Clone(test), "--references=false")
	var simclr, ice []map[string]float64
	for _, seed := range seeds {
		args := append(slices.Clone(base), "--classes", "<=100", "--lr", rate, "--seed", seed)
		r, err := l.run("simclr-"+seed, append(append([]string{"simclr"}, args...), "--batch", "128"), test)
		if err != nil {
			return err
		}
		simclr = append(simclr, r...)
		r, err = l.run("ice-init-"+seed, append(append([]string{"ice"}, args...), "--init", l.RunDir("simclr-"+seed)), test)
		if err != nil {
			return err
		}
		ice = append(ice, r...)
	}
	row("*SimCLR on the same images, without labels (h)*", rate, simclr, "")
	row("ice, begun with SimCLR's encoder", rate, ice, "")
	return nil
}
