package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestTheReportInABrowser(t *testing.T) {
	ctx := browser(t)
	v := visitor{t, ctx}
	dir := trainedRun(t, "--monitor-every", "5", "--set", "sittings.probe_every=2")
	must(t, "eval", "knn", dir, "--data", sprites, "-q")
	must(t, "report", dir, "-q")
	v.do(log.Enable(), runtime.Enable(), chromedp.Navigate("file://"+filepath.Join(dir, "report.html")))

	// Every part that a reader looks for.
	headings := js[[]string](v, `[...document.querySelectorAll("h2")].map((h) => h.textContent)`)
	if got := strings.Join(headings, "|"); got != "Scores|Training|What it sees|The embedding|What is taken for what|The run|Configuration" {
		t.Errorf("the report is of %s", got)
	}
	if broken := js[[]string](v, `[...document.images].filter((i) => !i.hidden && !i.naturalWidth).map((i) => i.alt)`); len(broken) > 0 {
		t.Errorf("pictures that cannot be seen: %v", broken)
	}

	// The map by keyboard: from image to image, with its picture and name.
	v.do(chromedp.Focus("#map", chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowRight))
	first := js[string](v, `document.querySelector("#place").textContent`)
	for _, key := range []string{kb.ArrowRight, kb.ArrowLeft, kb.ArrowUp, kb.ArrowDown} {
		v.do(chromedp.KeyEvent(key))
	}
	walked := js[string](v, `document.querySelector("#place").textContent`)
	if !strings.Contains(first, "test/") || !strings.Contains(walked, "test/") {
		t.Errorf("the map shows %q, then %q", first, walked)
	}
	v.do(chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	if there := js[string](v, `document.querySelector("#place").textContent`); there == first && walked == first {
		t.Errorf("the arrow keys stay at %q", there)
	}
	if picture := js[string](v, `getComputedStyle(document.querySelector("#thumb")).backgroundImage`); !strings.HasPrefix(picture, `url("data:image/png`) {
		t.Errorf("the picture is %.40q", picture)
	}

	// A curve by keyboard, and by pointer.
	v.do(chromedp.Focus("svg.curve", chromedp.ByQuery), chromedp.KeyEvent(kb.End))
	if said := js[string](v, `document.querySelector("svg.curve").getAttribute("aria-valuetext")`); !strings.HasPrefix(said, "step 10: ") {
		t.Errorf("the last point of the loss is said to be %q", said)
	}
	v.do(chromedp.KeyEvent(kb.ArrowLeft))
	if shown := js[string](v, `document.querySelector("svg.curve text.read").textContent`); !strings.HasPrefix(shown, "step 9: ") {
		t.Errorf("the point before it is shown as %q", shown)
	}

	// How a score was measured opens by keyboard.
	v.do(chromedp.Focus("summary", chromedp.ByQuery), chromedp.KeyEvent(kb.Enter))
	if !js[bool](v, `document.querySelector("details").open && document.querySelector("details .facts").offsetHeight > 0`) {
		t.Error("the protocol does not open")
	}
	if bare := v.nameless(); len(bare) > 0 {
		t.Errorf("without a name: %v", bare)
	}
	v.do(chromedp.Evaluate(`document.activeElement.blur(); scrollTo(0, 0)`, nil))
	v.looks("report")
	v.do(chromedp.Evaluate(`document.querySelector("#map").scrollIntoView()`, nil))
	v.looks("report-map")
}
