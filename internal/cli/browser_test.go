package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium that fails the test when the page throws or is
// refused something by its policy.
func browser(t *testing.T) context.Context {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("there is no Chromium here")
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.WSURLReadTimeout(2*time.Minute), chromedp.Flag("enable-unsafe-swiftshader", true), chromedp.WindowSize(1280, 860))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 6*time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Run(ctx); err != nil { // starts it, so that it lasts as long as this context
		t.Fatal(err)
	}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("the page throws: %s", e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			// What the server refuses on purpose is in the log too.
			if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork {
				t.Errorf("the page's log: %s", e.Entry.Text)
			}
		}
	})
	return ctx
}

// visitor does what a person does on the page.
type visitor struct {
	t   *testing.T
	ctx context.Context
}

func (v visitor) do(actions ...chromedp.Action) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, 90*time.Second) // what is not visible cannot be pressed
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var said string
		chromedp.Run(v.ctx, chromedp.Evaluate(`document.querySelector("#said")?.textContent ?? ""`, &said))
		v.t.Fatalf("%v; the page says %q", err, said)
	}
}

// js is the value of an expression on the page.
func js[T any](v visitor, expression string) (value T) {
	v.t.Helper()
	v.do(chromedp.Evaluate(expression, &value))
	return value
}

// until waits for an expression to be true.
func (v visitor) until(expression string) {
	v.t.Helper()
	v.do(chromedp.Poll(expression, nil, chromedp.WithPollingTimeout(80*time.Second)))
}

// shot writes a screenshot to the folder that ALIKE_SHOTS names, if it does.
func (v visitor) shot(name string) {
	v.t.Helper()
	dir := os.Getenv("ALIKE_SHOTS")
	if dir == "" {
		return
	}
	var png []byte
	v.do(chromedp.Sleep(900*time.Millisecond), chromedp.CaptureScreenshot(&png))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		v.t.Fatal(err)
	}
}

// scheme makes the system dark or light.
func (v visitor) scheme(name string) {
	v.t.Helper()
	v.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}))
}

// looks takes a shot in the dark and in the light, on a desk and on a phone, where nothing may be wider
// than the screen.
func (v visitor) looks(name string) {
	v.t.Helper()
	const phone = 390
	for _, scheme := range []string{"dark", "light"} {
		v.scheme(scheme)
		v.shot(name + "-" + scheme)
		v.do(chromedp.EmulateViewport(phone, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile))
		if w := js[int](v, `document.documentElement.scrollWidth`); w > phone {
			t := js[[]string](v, `[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre")).slice(0, 5).map((e) => e.outerHTML.slice(0, 120))`)
			v.t.Errorf("%s: on a phone the page is %d pixels wide: %v", name, w, t)
		}
		v.shot(name + "-phone-" + scheme)
		v.do(chromedp.EmulateViewport(1280, 860))
	}
}

// nameless are the parts that have no name for those who do not see them.
func (v visitor) nameless() []string {
	v.t.Helper()
	return js[[]string](v, `[...document.querySelectorAll("button, input, select, img, canvas, svg, progress, [role=application], [role=tab], [role=slider]")].filter((e) => e.matches("img") ? !e.hasAttribute("alt")
		: e.matches("canvas") ? !e.closest("[aria-label]") : !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)`)
}
