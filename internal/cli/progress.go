package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"alike/train"
)

// plainEvery is the time between lines of progress where there is no terminal.
const plainEvery = 10 * time.Second

// progress shows how far a long job is: a bar on a terminal, now and then a
// line elsewhere, nothing with --quiet.
type progress struct {
	app  *app
	bar  *progressbar.ProgressBar
	what string
	last time.Time
}

func (a *app) progress(what string, total int) *progress {
	p := &progress{app: a, what: what, last: time.Now()}
	if f, ok := a.stderr.(*os.File); ok && !a.quiet && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(a.stderr),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish())
	}
	return p
}

// at tells that done of the job is done; detail says more on a line.
func (p *progress) at(done int, detail string) {
	if p.bar != nil {
		p.bar.Describe(p.what + " " + detail)
		p.bar.Set(done)
		return
	}
	if time.Since(p.last) >= plainEvery {
		p.last = time.Now()
		p.app.say("%s: %d %s", p.what, done, detail)
	}
}

func (p *progress) done() {
	if p.bar != nil {
		p.bar.Finish()
	}
}

// step shows a training step.
func (p *progress) step(s train.Progress) {
	p.at(s.Step, fmt.Sprintf("of %d, epoch %.2f, loss %.4f, %.0f images/s, %s left", s.Total, s.Metric.Epoch, s.Metric.Loss, s.Metric.ImagesPerS, s.Left.Round(time.Second)))
}
