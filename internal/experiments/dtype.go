package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"alike/report"
	"alike/train"
)

// dtype compares training in bfloat16 with training in float32: kNN after each
// epoch, as a table and as docs/results/bf16.svg.
func dtype(l *lab) error {
	recipe := []string{"simclr", "--encoder", "resnet8", "--batch", "256", "--epochs", "6", "--warmup-epochs", "0.65", "--optimizer", "sgd", "--lr", "0.1",
		"--scaling", "none", "--head", "bench", "--set", "encoder.zero_init=false", "--set", "encoder.shortcut=identity", "--set", "optimizer.weight_decay=0.0005"}
	var curves [2][]report.Point
	for i, name := range []string{train.DTypeFloat32, train.DTypeBFloat16} {
		points, err := l.monitored(name, append(recipe, "--dtype", name))
		if err != nil {
			return err
		}
		curves[i] = points
	}
	fmt.Println("| epoch | fp32 | bf16 |\n|---|---|---|")
	for i, p := range curves[0] {
		fmt.Printf("| %.0f | %.1f | %.1f |\n", p.X, 100*p.Y, 100*curves[1][i].Y)
	}
	curve := report.Curve{
		Title: "kNN accuracy by epoch in float32 and bfloat16", XLabel: "epoch",
		Points: curves[0], Label: "float32", Other: curves[1], OtherLabel: "bfloat16",
	}
	const root = `<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12" fill="#444"`
	const style = `<style>.grid{stroke:#ddd;fill:none}.line,.other{stroke:#2563c9;stroke-width:2;fill:none}.dot{fill:#2563c9}path.other{stroke:#c2571a}circle.other{fill:#c2571a;stroke:none}</style>` +
		`<rect width="100%" height="100%" fill="#fff"/>`
	picture := strings.Replace(string(curve.SVG()), "<svg", root, 1)
	picture = strings.Replace(picture, ">", ">"+style, 1)
	return os.WriteFile(filepath.Join("docs", "results", "bf16.svg"), []byte(picture), 0o644)
}

// monitored trains, unless that has been done, and returns the run's kNN accuracy
// after each epoch.
func (l *lab) monitored(name string, args []string) ([]report.Point, error) {
	if _, err := l.Run(l.ctx, name, append(args, "--data", l.data)); err != nil {
		return nil, err
	}
	r, err := train.Open(l.RunDir(name))
	if err != nil {
		return nil, err
	}
	metrics, err := r.Metrics()
	if err != nil {
		return nil, err
	}
	var points []report.Point
	for _, m := range metrics {
		accuracy, ok := m.Monitor["knn_accuracy"]
		if last := len(points) - 1; ok && last >= 0 && m.Epoch-points[last].X < 0.5 { // the end of the last epoch, twice
			points = points[:last]
		}
		if ok {
			points = append(points, report.Point{X: m.Epoch, Y: accuracy})
		}
	}
	return points, nil
}
