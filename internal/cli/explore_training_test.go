package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The page is opened before the run has a checkpoint, and left when it has ended.
func TestATrainingIsWatchedInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	ctx := browser(t)
	dir := filepath.Join(t.TempDir(), "run")
	ended := make(chan int, 1)
	training, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		ended <- Run(training, []string{"train", "simclr", "--data", sprites, "--encoder", "resnet8", "--batch", "32", "--epochs", "8", "--monitor-every", "25", "--set", "sittings.probe_every=5", "--out", dir, "-q"}, strings.NewReader(""), io.Discard, os.Stderr)
	}()
	for {
		if _, err := os.Stat(filepath.Join(dir, "config.yaml")); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	site, _ := page(t, dir, "--split", "test")
	v := visitor{t, ctx}
	v.do(log.Enable(), runtime.Enable(), chromedp.Navigate(site))
	v.until(`document.body.dataset.view === "training"`) // that is what there is to see
	const values = `document.querySelector("[data-curve=loss] path.line")?.dataset.values.trim().split(" ").length ?? 0`
	v.until("(" + values + `) > 1 && document.querySelector(".state").textContent.startsWith("Training: step ")`)
	before := js[int](v, values)
	v.until(fmt.Sprintf("(%s) > %d", values, before) + ` && document.querySelectorAll("[data-curve=rank] path.line").length > 0`)
	if after := js[int](v, values); after <= before {
		t.Errorf("the loss has %d points, then %d", before, after)
	}
	if js[bool](v, `document.querySelector(".live").hidden`) {
		t.Error("the page does not say that the run trains")
	}
	v.shot("training-live")

	// A curve is read by the arrow keys, and stands still meanwhile.
	v.do(chromedp.Evaluate(`document.querySelector("[data-curve=loss] svg").focus()`, nil), chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.ArrowRight))
	if said := js[string](v, `document.querySelector("[data-curve=loss] svg").getAttribute("aria-valuetext")`); !strings.HasPrefix(said, "step 2: ") {
		t.Errorf("the second point of the loss is said to be %q", said)
	}
	held := js[int](v, values)
	if code := <-ended; code != exitDone {
		t.Fatalf("training ends with status %d", code)
	}
	v.until(`document.querySelector(".state").textContent.startsWith("All 76 steps are done")`)
	if n := js[int](v, values); n != held {
		t.Errorf("the curve that is being read grows from %d to %d points", held, n)
	}
	v.do(chromedp.Evaluate(`document.activeElement.blur()`, nil))
	v.until("(" + values + ") === 76")
	v.until(`document.querySelector(".live").hidden`)
	if verdicts := js[string](v, `document.querySelector(".verdicts").textContent`); !strings.Contains(verdicts, "doctor") && !strings.Contains(verdicts, "Try") {
		t.Errorf("the doctor says %q", verdicts)
	}
	for _, name := range []string{"loss", "knn", "alignment", "uniformity", "rank", "lr"} {
		if n := js[int](v, `document.querySelectorAll("[data-curve=`+name+`] svg[role=slider][aria-valuetext]").length`); n != 1 {
			t.Errorf("%d curves of %s", n, name)
		}
	}
	if bare := v.nameless(); len(bare) > 0 {
		t.Errorf("without a name: %v", bare)
	}
	v.looks("training")

	// From tab to tab by the arrow keys: the images have come meanwhile.
	v.until(`document.body.dataset.ready === "map"`)
	v.do(chromedp.Focus("#tab-training", chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowLeft))
	v.until(`!document.querySelector("#images").hidden && document.querySelector("#training").hidden && document.activeElement.id === "tab-images"`)
	if n := len(v.ids()); n != 40 {
		t.Errorf("%d images to begin with", n)
	}

	// A run that has ended shows its images first; an index knows its run.
	index := filepath.Join(t.TempDir(), "sprites.index")
	must(t, "embed", dir, "--out", index, "--split", "test", "-q")
	v.do(chromedp.Navigate("about:blank"), chromedp.Navigate(exploring(t, index)))
	v.until(`document.body.dataset.view === "images"`)
	v.do(chromedp.Click("#tab-training", chromedp.ByQuery))
	v.until("(" + values + ") === 76")
}
