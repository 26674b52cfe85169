package explore

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg"
	_ "image/png"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"alike/index"
	"alike/serve"
)

// ask sends a request to a server with the page.
func ask(s *serve.Server, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func site(t *testing.T) (*serve.Server, *Page) {
	t.Helper()
	s, err := serve.New(serve.DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p := &Page{}
	if err := p.AddTo(s); err != nil {
		t.Fatal(err)
	}
	return s, p
}

func TestThePageLoadsItsOwnFilesOnly(t *testing.T) {
	s, _ := site(t)
	index := ask(s, "/")
	body := index.Body.String()
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(body, -1) {
		w := ask(s, "/"+m[1])
		if w.Code != 200 || w.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("%s: %d, policy %q", m[1], w.Code, w.Header().Get("Content-Security-Policy"))
		}
		body += w.Body.String()
	}
	for _, m := range regexp.MustCompile(`from "\./([^"]+)"`).FindAllStringSubmatch(body, -1) {
		w := ask(s, "/"+m[1])
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: %d %s", m[1], w.Code, w.Header().Get("Content-Type"))
		}
		body += w.Body.String()
	}
	if found := regexp.MustCompile(`https?://[a-z.]+|style="|onclick=|eval\(|innerHTML`).FindAllString(body, -1); len(strings.Join(found, "")) != len(found)*len("http://www.w") { // the namespace of SVG
		t.Errorf("the page holds %q", found)
	}
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
}

func TestPage(t *testing.T) {
	s, p := site(t)
	for _, target := range []string{"/v1/points", "/v1/map?kind=pca", "/v1/clusters", "/v1/image?id=a"} {
		if w := ask(s, target); w.Code != 503 {
			t.Errorf("%s: %d while loading", target, w.Code)
		}
	}
	f := groups(50, 8, 2, 0.3, 9)
	f.Classes = []string{"zebra", "ant"}
	for i := range f.N {
		f.IDs = append(f.IDs, fmt.Sprintf("%d.png", i))
	}
	f.Labels[49] = -1
	x, err := index.New(f)
	if err != nil {
		t.Fatal(err)
	}
	p.Open(t.Context(), slog.New(slog.DiscardHandler), x, func(id string) (image.Image, error) {
		if id == "3.png" {
			return nil, errors.New("gone")
		}
		m := image.NewRGBA(image.Rect(0, 0, 300, 40))
		if id == "4.png" {
			m = image.NewRGBA(image.Rect(0, 0, 20, 30))
		}
		for i := range 20 {
			m.SetRGBA(i, i, color.RGBA{200, 10, 10, 255})
		}
		return m, nil
	})
	if w := ask(s, "/v1/points"); w.Code != 200 || !strings.Contains(w.Body.String(), `"classes":["ant","zebra"],"neighbours":true`) ||
		!strings.Contains(w.Body.String(), `"ids":["0.png","1.png"`) || !strings.Contains(w.Body.String(), `"labels":[1,1,`) || !strings.Contains(w.Body.String(), `0,0,-1]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, target := range []string{"/v1/map?kind=pca", "/v1/clusters", "/v1/map?kind=neighbours"} {
		w := ask(s, target)
		for start := time.Now(); w.Code == 503 && time.Since(start) < time.Minute; w = ask(s, target) {
			time.Sleep(5 * time.Millisecond)
		}
		if w.Code != 200 || strings.Count(w.Body.String(), ",") < 49 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	for _, tc := range []struct {
		target string
		code   int
		want   string
		w, h   int
	}{
		{"/v1/image?id=1.png&size=128", 200, "image/jpeg", 128, 17},
		{"/v1/image?id=1.png&size=512", 200, "image/jpeg", 300, 40},
		{"/v1/image?id=4.png", 200, "image/png", 20, 30},
		{"/v1/image?id=3.png", 404, "cannot be read any more", 0, 0},
		{"/v1/image?id=none", 404, "no such image", 0, 0},
		{"/v1/image?id=../../etc/passwd", 404, "no such image", 0, 0},
		{"/v1/image?id=1.png&size=100000", 400, "want 64, 128 or 512", 0, 0},
		{"/v1/map?kind=tsne", 400, "want pca or neighbours", 0, 0},
		{"/v1/map", 400, "want pca or neighbours", 0, 0},
	} {
		w := ask(s, tc.target)
		if tc.code == 200 {
			m, _, err := image.DecodeConfig(w.Body)
			if w.Code != 200 || err != nil || m.Width != tc.w || m.Height != tc.h || w.Header().Get("Content-Type") != tc.want {
				t.Errorf("%s: %d %+v %v %v", tc.target, w.Code, m, w.Header(), err)
			}
		} else if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: %d %s", tc.target, w.Code, w.Body)
		}
	}
}
