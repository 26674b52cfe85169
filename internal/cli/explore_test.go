package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"alike/dataset"
)

// exploring runs 'alike explore' until the test ends and returns the page's URL, as soon as there is
// something to look at.
func exploring(t *testing.T, args ...string) string {
	t.Helper()
	site, _ := page(t, args...)
	for {
		resp, err := http.Get(site + "v1/points")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return site
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// page runs 'alike explore' until the test ends, or stop is called, and returns the page's URL.
func page(t *testing.T, args ...string) (site string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, append([]string{"explore", "--addr", "127.0.0.1:0"}, args...), strings.NewReader(""), io.Discard, w)
		w.Close()
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if code := <-ended; code != exitDone {
			t.Errorf("explore ends with status %d", code)
		}
	})
	t.Cleanup(stop)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "look at "); ok {
			go io.Copy(io.Discard, r)
			site, _, _ := strings.Cut(rest, " ")
			return site, stop
		}
	}
	t.Fatal("explore does not say where to look")
	return "", stop
}

// ids are those of the pictures in the grid.
func (v visitor) ids() []string {
	v.t.Helper()
	return js[[]string](v, `[...document.querySelectorAll("#results button")].map((b) => b.dataset.id)`)
}

func (v visitor) said() string { return js[string](v, `document.querySelector("#said").textContent`) }

func TestExploreInABrowser(t *testing.T) {
	ctx := browser(t)
	dir := trainedRun(t)
	site := exploring(t, dir, "--split", "test")
	source, err := dataset.Open(t.Context(), sprites, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := source.Splits[dataset.Test].Image(7)
	if err != nil {
		t.Fatal(err)
	}
	seventh := source.Splits[dataset.Test].ID(7)
	photo, text := filepath.Join(t.TempDir(), "photo.png"), filepath.Join(t.TempDir(), "text.png")
	if err := os.WriteFile(photo, asPNG(t, img.RGBA()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(text, []byte("no image"), 0o644); err != nil {
		t.Fatal(err)
	}
	v := visitor{t, ctx}
	v.do(log.Enable(), runtime.Enable(), chromedp.Navigate(site))
	v.until(`document.body.dataset.done === "yes"`)
	if n := js[int](v, `document.querySelectorAll("#legend button").length`); n != 10 {
		t.Errorf("the legend has %d classes, want 10", n)
	}
	const coloured = `(() => { const gl = document.querySelector("#points").getContext("webgl"); if (!gl) return -1;
		const pixels = new Uint8Array(4 * gl.drawingBufferWidth * gl.drawingBufferHeight);
		gl.readPixels(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
		return pixels.filter((a, i) => i % 4 === 3 && a > 150).length; })()`
	v.do(chromedp.Sleep(time.Second)) // the map moves from PCA to neighbours
	drawn := js[int](v, coloured)
	if drawn >= 0 && drawn < 60*20 {
		t.Errorf("%d pixels are drawn, want some for each of 60 points", drawn)
	}
	v.shot("begin")

	// An image of one's own: itself is the nearest.
	v.do(chromedp.SetUploadFiles("#file", []string{photo}, chromedp.ByQuery))
	v.until(`document.querySelector("#said").textContent.includes("images like photo.png")`)
	first := v.ids()
	if len(first) != 60 || first[0] != seventh || !strings.Contains(v.said(), "the nearest is "+seventh+", similarity 1.00") {
		t.Errorf("the nearest to %s are %v; the page says %q", seventh, first[:min(3, len(first))], v.said())
	}
	v.shot("search")

	// Walk on by pointer, and back.
	v.do(chromedp.Click("#results li:nth-child(2) button", chromedp.ByQuery))
	v.until(fmt.Sprintf(`document.querySelector("#said").textContent.includes("images like %s")`, first[1]))
	if ids := v.ids(); len(ids) != 59 || ids[0] == first[1] {
		t.Errorf("the neighbours of %s are %v", first[1], ids)
	}
	v.do(chromedp.Click("#back", chromedp.ByQuery))
	v.until(`document.querySelector("#said").textContent.includes("images like photo.png")`)
	if hidden := js[bool](v, `document.querySelector("#back").hidden`); !hidden {
		t.Error("one can go back from the first query")
	}

	// The same by keyboard.
	v.do(chromedp.Focus("#results li:first-child button", chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.Enter))
	v.until(fmt.Sprintf(`document.querySelector("#said").textContent.includes("images like %s")`, first[2]))
	link := js[string](v, `location.href`)
	v.do(chromedp.KeyEvent(kb.Backspace))
	v.until(`document.querySelector("#said").textContent.includes("images like photo.png")`)

	// By name.
	v.do(chromedp.Evaluate(`document.activeElement.blur()`, nil), chromedp.Evaluate(`document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true }))`, nil), chromedp.KeyEvent("star"))
	v.until(`document.querySelector("#said").textContent.includes("with “star”")`)
	for _, id := range v.ids() {
		if !strings.Contains(id, "star") {
			t.Errorf("%s is found by the name star", id)
		}
	}
	if len(v.ids()) != 6 {
		t.Errorf("%d stars, want 6", len(v.ids()))
	}
	v.do(chromedp.KeyEvent(kb.Escape))
	v.until(`document.querySelector("#said").textContent.includes("images like photo.png")`)

	// Draw around the left half of the map, and around all of it.
	v.do(chromedp.Evaluate(`document.activeElement.blur()`, nil))
	for _, part := range []float64{0.5, 1} {
		v.do(chromedp.KeyEvent("l"))
		v.lasso(part)
		v.until(`document.querySelector("#said").textContent.includes("in the lasso")`)
		n := len(v.ids())
		if part == 1 && n != 60 || part < 1 && (n == 0 || n == 60) {
			t.Errorf("%d of 60 points are in a lasso of %g of the map", n, part)
		}
		v.shot(fmt.Sprintf("lasso-%g", part))
		v.do(chromedp.Evaluate(`document.querySelector("#said").textContent = ""`, nil))
	}

	// A point of the map, found by the tip over it.
	v.do(chromedp.Evaluate(`document.querySelector("[data-kind=pca]").click(); const c = document.querySelector("#colour"); c.value = "cluster"; c.dispatchEvent(new Event("change"))`, nil), chromedp.Sleep(time.Second))
	if n := js[int](v, `document.querySelectorAll("#legend button").length`); n != 12 {
		t.Errorf("%d clusters, want 12", n)
	}
	v.pickAPoint()
	v.until(`document.querySelector("#said").textContent.includes("images like test/")`)

	// Drop, and paste.
	const event = `(async () => { const data = new DataTransfer();
		data.items.add(new File([await (await fetch("/v1/image?size=64&id=%s")).blob()], "%s.png", { type: "image/png" }));
		window.dispatchEvent(%s); return true; })()`
	await := func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
	for name, construct := range map[string]string{
		"dropped": `new DragEvent("drop", { dataTransfer: data, cancelable: true })`,
		"pasted":  `new ClipboardEvent("paste", { clipboardData: data })`,
	} {
		v.do(chromedp.Evaluate(fmt.Sprintf(event, first[0], name, construct), nil, await))
		v.until(fmt.Sprintf(`document.querySelector("#said").textContent.includes("images like %s.png")`, name))
		if ids := v.ids(); ids[0] != seventh {
			t.Errorf("%s: the nearest is %s", name, ids[0])
		}
	}

	// What is no image is said.
	v.do(chromedp.SetUploadFiles("#file", []string{text}, chromedp.ByQuery))
	v.until(`document.querySelector("#said").classList.contains("wrong")`)
	if !strings.Contains(v.said(), "not an image") {
		t.Errorf("of a text the page says %q", v.said())
	}

	// Everything has a name for those who do not see it.
	if bare := v.nameless(); len(bare) > 0 {
		t.Errorf("without a name: %v", bare)
	}

	// A link leads to a query.
	v.do(chromedp.Navigate("about:blank"), chromedp.Navigate(link))
	v.until(fmt.Sprintf(`document.querySelector("#said").textContent.includes("images like %s")`, first[2]))

	// Dark, and on a phone.
	v.scheme("dark")
	if paper := js[string](v, `getComputedStyle(document.querySelector("#side")).backgroundColor`); paper != "rgb(22, 27, 36)" {
		t.Errorf("in the dark the page is %s", paper)
	}
	v.looks("images")
}

// box is where the map is.
func (v visitor) box() (x, y, w, h float64) {
	v.t.Helper()
	b := js[[4]float64](v, `(() => { const b = document.querySelector("#map").getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()`)
	return b[0], b[1], b[2], b[3]
}

// lasso draws around the left part of the map.
func (v visitor) lasso(part float64) {
	v.t.Helper()
	x, y, w, h := v.box()
	left, top, right, bottom := x+2, y+2, x+2+(w-4)*part, y+h-2
	path := [][2]float64{{left, top}, {right, top}, {right, (top + bottom) / 2}, {right, bottom}, {left, bottom}, {left, top + 5}}
	v.do(chromedp.MouseEvent(input.MousePressed, path[0][0], path[0][1], chromedp.ButtonLeft))
	for _, p := range path[1:] {
		v.do(chromedp.MouseEvent(input.MouseMoved, p[0], p[1], chromedp.ButtonLeft))
	}
	v.do(chromedp.MouseEvent(input.MouseReleased, path[5][0], path[5][1], chromedp.ButtonLeft))
}

// pickAPoint moves over the map until a tip shows, and presses there.
func (v visitor) pickAPoint() {
	v.t.Helper()
	x, y, w, h := v.box()
	for row := 1.0; row < 20; row++ {
		for column := 1.0; column < 20; column++ {
			px, py := x+w*column/20, y+h*row/20
			v.do(chromedp.MouseEvent(input.MouseMoved, px, py))
			if !js[bool](v, `document.querySelector("#tip").hidden`) {
				v.do(chromedp.MouseClickXY(px, py))
				return
			}
		}
	}
	v.t.Fatal("there is no point on the map")
}
