// Package explore is a page in the browser on which galleries are looked at, one or two side by side:
// the images most like one, from there to the next, and a map of all embeddings; and how
// the networks behind them were trained. The page is part of the program and loads nothing from
// elsewhere.
package explore

import (
	"embed"
	"mime"
	"net/http"
	"path"

	"alike/report"
	"alike/serve"
)

//go:embed page
var files embed.FS

// policy lets the page load its own files and show images that were dropped on it,
// and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Page is what the browser shows.
type Page struct {
	Galleries []*Gallery                 // one, or two to be compared
	Trainings []func() (Training, error) // of the networks behind them, where they are known
}

// Second is the path under which the second gallery's server is to be mounted.
const Second = "/b"

// AddTo adds the page's routes to a server, which is that of the first gallery.
func (p *Page) AddTo(s *serve.Server) error {
	entries, err := files.ReadDir("page")
	if err != nil {
		return err
	}
	for _, e := range entries {
		body, err := files.ReadFile("page/" + e.Name())
		if err != nil {
			return err
		}
		route := "/" + e.Name()
		if e.Name() == "index.html" {
			route = "/"
		}
		s.Handle("GET", route, asset(mime.TypeByExtension(path.Ext(e.Name())), body))
	}
	s.Handle("GET", "/curve.css", asset("text/css; charset=utf-8", []byte(report.CurveStyle)))
	s.Handle("GET", "/curve.js", asset("text/javascript; charset=utf-8", []byte(report.CurveScript)))
	s.Handle("GET", "/v1/page", p.about)
	s.Handle("GET", "/v1/training", p.trainings)
	return nil
}

func asset(kind string, body []byte) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		_, _ = w.Write(body) // the client may have gone
		return nil
	}
}

// about answers with what the page has to show.
func (p *Page) about(w http.ResponseWriter, _ *http.Request) error {
	type one struct {
		Name    string `json:"name"`
		At      string `json:"at"`
		Ready   bool   `json:"ready"`
		Waiting string `json:"waiting,omitempty"` // for what, if it is not ready
	}
	var galleries []one
	for i, g := range p.Galleries {
		about := one{Name: g.Name, At: []string{"", Second}[i], Ready: g.shown.Load() != nil}
		if waiting := g.waiting.Load(); waiting != nil && !about.Ready {
			about.Waiting = *waiting
		}
		galleries = append(galleries, about)
	}
	return serve.Answer(w, http.StatusOK, map[string]any{"galleries": galleries, "trainings": len(p.Trainings)})
}
