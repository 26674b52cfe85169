package eval_test

import (
	"context"
	"fmt"

	"alike/eval"
)

func ExampleKNN_Score() {
	bank := &eval.Features{N: 4, D: 2, Data: []float32{1, 0, 0.9, 0.1, 0, 1, 0.1, 0.9}, Labels: []int{0, 0, 1, 1}}
	queries := &eval.Features{N: 3, D: 2, Data: []float32{2, 0.1, 0, 5, 3, 2}, Labels: []int{0, 1, 1}}
	s, err := eval.KNN{K: 2, Temperature: 0.1}.Score(context.Background(), bank, queries)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %.3f (95 %% interval %.2f to %.2f)\n", s.Metric, s.Value, s.CI95[0], s.CI95[1])
	// Output: knn_accuracy 0.667 (95 % interval 0.21 to 0.94)
}

func ExampleCompare() {
	a := eval.Protocol{Layer: "h", K: 200, Temperature: 0.1}
	b := eval.Protocol{Layer: "z", K: 200, Temperature: 0.1}
	for _, d := range eval.Compare(a, b) {
		fmt.Println("not comparable:", d)
	}
	// Output: not comparable: layer: h and z
}

func ExampleRetrieval_Scores() {
	images := &eval.Features{N: 4, D: 2, Data: []float32{1, 0, 0.9, 0.1, 0, 1, 0.5, 0.6}, Labels: []int{0, 0, 1, 1}}
	m := eval.DefaultRetrieval()
	m.K = []int{1, 2}
	scores, err := m.Scores(context.Background(), images, images) // each against all others
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range scores {
		fmt.Printf("%s %.3f\n", s.Metric, s.Value)
	}
	// Output:
	// recall@1 1.000
	// recall@2 1.000
	// precision@2 0.500
	// r_precision 1.000
	// map@r 1.000
}
