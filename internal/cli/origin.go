package cli

import (
	"context"

	"alike/dataset"
	"alike/pretrained"
	"alike/train"
)

// origin is what a model comes from: a run, or a file of ONNX that others trained.
type origin struct {
	path string
	run  *train.Run // nil for a file
}

func openOrigin(path string) (o origin, err error) {
	o.path = path
	if !pretrained.Is(path) {
		o.run, err = train.Open(path)
	}
	return o, err
}

// data fills in what the flags leave out: the data of a run, and its classes. A file has none.
func (o origin) data(d dataFlags) dataFlags {
	if o.run == nil {
		return d
	}
	return d.ofRun(o.run)
}

// scores is the file that scores are appended to.
func (o origin) scores() string {
	if o.run == nil {
		return o.path + ".scores.jsonl"
	}
	return o.run.ScoresPath()
}

// openFor opens the images, by default those of the run.
func (a *app) openFor(ctx context.Context, path string, d dataFlags) (*dataset.Source, error) {
	o, err := openOrigin(path)
	if err != nil {
		return nil, err
	}
	return a.open(ctx, o.data(d))
}
