package main

import "fmt"

// cifar10 compares ISIF with SimCLR by weighted kNN: on the classes that it was
// trained on, and on five others.
func cifar10(l *lab) error {
	base := []string{"--encoder", "resnet8", "--set", "encoder.zero_init=false", "--epochs", "1", "--warmup-epochs", "0.1",
		"--batch", "128", "--optimizer", "sgd", "--scaling", "none", "--lr", "0.03", "--set", "optimizer.weight_decay=0.0005", "--set", "schedule={decay: cosine, milestones: []}"}
	seen, unseen := "1-5", "6-10"
	fmt.Println("| method | embedding | kNN, all ten classes | trained on five, kNN on them | on the other five |\n|---|---|---|---|---|")
	for _, m := range []struct{ name, layer string }{{"simclr", "h"}, {"isif", "z"}} {
		all, err := l.run(m.name+"-all", append([]string{m.name}, base...), []string{"knn"})
		if err != nil {
			return err
		}
		args := append(append([]string{m.name}, base...), "--classes", seen)
		on, err := l.run(m.name+"-seen", args, []string{"knn", "--classes", seen})
		if err != nil {
			return err
		}
		off, err := l.again(m.name+"-seen", m.name+"-unseen", []string{"knn", "--classes", unseen})
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %s | %.1f | %.1f | %.1f |\n", m.name, m.layer, 100*all["knn_accuracy"], 100*on["knn_accuracy"], 100*off["knn_accuracy"])
	}
	return nil
}
