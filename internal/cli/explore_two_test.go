package cli

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

func TestTwoRunsSideBySideInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	ctx := browser(t)
	v := visitor{t, ctx}
	one, two := trainedRun(t), trainedRun(t, "--seed", "2", "--set", "loss.temperature=0.1")
	site := exploring(t, one, two, "--split", "test")
	v.do(log.Enable(), runtime.Enable(), chromedp.Navigate(site))
	v.until(`document.body.dataset.done === "yes" && document.body.dataset.done1 === "yes"`)
	id := v.ids()[5]
	v.do(chromedp.Click("#results li:nth-child(6) button", chromedp.ByQuery))
	v.until(fmt.Sprintf(`document.querySelector("#said").textContent.includes("images like %s by each")`, id))

	// Both lists, and what they share, as the command line finds it.
	ids := func(list string) []string {
		return js[[]string](v, `[...document.querySelectorAll("`+list+` button")].map((b) => b.dataset.id)`)
	}
	a, b := ids("#results"), ids("#others")
	for list, run := range map[string]string{"#results": one, "#others": two} {
		got := ids(list)
		found := must(t, "search", run, "--split", "test", "--query", id, "--k", "4", "-q")
		for i, line := range strings.Split(strings.TrimSpace(found), "\n")[2:] { // behind the heading and itself
			if !strings.HasSuffix(line, got[i]) {
				t.Errorf("%s has %s in place %d, 'alike search' finds %q", list, got[i], i+1, line)
			}
		}
	}
	if slices.Equal(a, b) {
		t.Error("both networks find the same in the same order")
	}
	ten := 0
	for _, id := range a[:10] {
		if slices.Contains(b[:10], id) {
			ten++
		}
	}
	if want := fmt.Sprintf("%d of the first 10", ten); !strings.Contains(v.said(), want) {
		t.Errorf("the page says %q, want %s", v.said(), want)
	}
	if badge, want := js[string](v, `document.querySelector("#results li:first-child .badge").textContent`), fmt.Sprintf("B %d", slices.Index(b, a[0])+1); badge != want {
		t.Errorf("the first of A is marked %q, want %q", badge, want)
	}
	if bare := v.nameless(); len(bare) > 0 {
		t.Errorf("without a name: %v", bare)
	}
	v.looks("two")

	// The map of the other, and walking on from its list.
	v.do(chromedp.Click("[data-side='1']", chromedp.ByQuery))
	v.until(`document.querySelector("#about").textContent.includes(` + fmt.Sprintf("%q", two) + `)`)
	v.do(chromedp.Click("#others li:nth-child(2) button", chromedp.ByQuery))
	v.until(fmt.Sprintf(`document.querySelector("#said").textContent.includes("images like %s by each")`, b[1]))
	photo := filepath.Join(t.TempDir(), "photo.png")
	if err := os.WriteFile(photo, asPNG(t, ball()), 0o644); err != nil {
		t.Fatal(err)
	}
	v.do(chromedp.SetUploadFiles("#file", []string{photo}, chromedp.ByQuery))
	v.until(`document.querySelector("#said").textContent.includes("images like photo.png by each")`)

	// Their curves.
	v.do(chromedp.Click("#tab-training", chromedp.ByQuery))
	v.until(`document.querySelectorAll("[data-curve=loss] path.other").length === 2`) // the line, and its name's
	if n := js[int](v, `document.querySelectorAll(".run").length`); n != 2 {
		t.Errorf("%d runs", n)
	}
	v.looks("two-training")
}

// ball is an image that no data set has.
func ball() image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 100, 80))
	for i := range 8000 {
		x, y := i%100, i/100
		c := color.RGBA{230, 230, 240, 255}
		if (x-50)*(x-50)+(y-40)*(y-40) < 900 {
			c = color.RGBA{220, 40, uint8(2 * x), 255}
		}
		m.SetRGBA(x, y, c)
	}
	return m
}

func TestScoresAndAddedImagesInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	ctx := browser(t)
	v := visitor{t, ctx}
	dir := trainedRun(t)
	must(t, "eval", "knn", dir, "--data", sprites, "-q")
	site, stop := page(t, dir, "--split", "test")
	v.do(log.Enable(), runtime.Enable(), chromedp.Navigate(site))
	v.until(`document.body.dataset.done === "yes"`)
	colours := js[[]string](v, `[...document.querySelector("#colour").options].map((o) => o.text)`)
	if !slices.Equal(colours, []string{"Class", "Cluster", "knn_accuracy", "Agreement", "Similarity"}) {
		t.Fatalf("points can be coloured by %v", colours)
	}
	colour := func(n int) {
		v.do(chromedp.Evaluate(fmt.Sprintf(`{ const c = document.querySelector("#colour"); c.selectedIndex = %d; c.dispatchEvent(new Event("change")); }`, n), nil))
	}
	for n := 2; n < 5; n++ {
		colour(n)
		v.until(fmt.Sprintf(`document.querySelector("#said").textContent.startsWith("%s is ")`, colours[n]))
		notes := js[[]float64](v, `[...document.querySelectorAll("#results b")].map((b) => Number(b.lastChild.textContent))`)
		if len(notes) != 60 || !slices.IsSorted(notes) {
			t.Errorf("%s lists %v", colours[n], notes)
		}
		legend := js[[]int](v, `[...document.querySelectorAll("#legend small")].map((s) => Number(s.textContent))`)
		sum := 0
		for _, count := range legend {
			sum += count
		}
		if sum != 60 || len(legend) < 2 {
			t.Errorf("%s has a legend of %v", colours[n], legend)
		}
	}
	colour(3)
	v.do(chromedp.Click("#legend button", chromedp.ByQuery))
	v.until(`document.querySelector("#said").textContent.includes("images have 0.00 to 0.20")`)
	v.looks("scores")
	stop()

	// An image is added, found, found again when the program is started anew, and removed.
	index, photo := filepath.Join(t.TempDir(), "sprites.index"), filepath.Join(t.TempDir(), "my ball.png")
	must(t, "embed", dir, "--out", index, "--split", "test", "-q")
	if err := os.WriteFile(photo, asPNG(t, ball()), 0o644); err != nil {
		t.Fatal(err)
	}
	const added = "added/my-ball.png"
	loaded := fmt.Sprintf(`document.querySelector("#query").naturalWidth === 100 && document.querySelector("#said").textContent.includes("images like %s")`, added)
	site, stop = page(t, index, "--edit")
	v.do(chromedp.Navigate(site))
	v.until(`document.body.dataset.done === "yes"`)
	v.do(chromedp.SetUploadFiles("#file", []string{photo}, chromedp.ByQuery))
	v.until(`document.querySelector("#said").textContent.includes("images like my ball.png")`)
	v.do(chromedp.Click("#add", chromedp.ByQuery))
	v.until(loaded)
	if !strings.Contains(v.said(), added+" is in the gallery now") {
		t.Errorf("the page says %q", v.said())
	}
	v.shot("added")
	stop()
	site, stop = page(t, index, "--edit")
	v.do(chromedp.Navigate("about:blank"), chromedp.Navigate(site+"#"+added))
	v.until(loaded)
	v.until(`document.body.dataset.done === "yes" && document.querySelector("#about").textContent.startsWith("61 images")`)
	v.do(chromedp.Click("#results li:first-child button", chromedp.ByQuery)) // among whose neighbours it is
	v.until(`!document.querySelector("#said").textContent.includes("images like added")`)
	v.until(fmt.Sprintf(`[...document.querySelectorAll("#results img")].some((i) => i.closest("[data-id='%s']") && i.naturalWidth === 100)`, added))
	v.do(chromedp.Click("#back", chromedp.ByQuery))
	v.until(loaded)
	v.do(chromedp.Click("#remove", chromedp.ByQuery))
	v.until(`document.querySelector("#remove").textContent === "Really remove?"`)
	v.do(chromedp.Click("#remove", chromedp.ByQuery))
	v.until(fmt.Sprintf(`document.querySelector("#said").textContent === "%s is out of the gallery."`, added))
	stop()
	left, err := filepath.Glob(filepath.Join(index, "serve.pictures", "*", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("pictures are left: %v", left)
	}
}
