package serve

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// handler answers a request, or returns why it does not.
type handler struct {
	serve func(w http.ResponseWriter, r *http.Request) error
	open  bool // needs no token and counts against no limit
}

// Handle adds a route. It must be called before Run.
func (s *Server) Handle(method, path string, serve func(w http.ResponseWriter, r *http.Request) error) {
	s.handle(method, path, handler{serve: serve})
}

func (s *Server) handle(method, path string, h handler) {
	if s.routes[path] == nil {
		s.routes[path] = map[string]handler{}
	}
	s.routes[path][method] = h
}

// Mount lets another server answer what is asked under a path, such as "/b": a second
// gallery at one address. It must be called before Run, which ends the other, too.
func (s *Server) Mount(path string, other *Server) { s.mounted[path] = other }

// ServeHTTP implements http.Handler: it names the request, lets it in, answers
// and logs it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for path, other := range s.mounted {
		if strings.HasPrefix(r.URL.Path, path+"/") {
			http.StripPrefix(path, other).ServeHTTP(w, r)
			return
		}
	}
	start, request := time.Now(), requestID(r)
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	w.Header().Set("X-Request-Id", request)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	route, err := s.dispatch(rec, r, request)
	reason := ""
	if err != nil {
		f := failureOf(err)
		reason = err.Error()
		if !rec.wrote {
			refuse(rec, f, request)
		}
	}
	took := time.Since(start)
	s.metrics.request(route, r.Method, rec.status, took)
	level := slog.LevelInfo
	if rec.status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("request_id", request), slog.String("method", r.Method), slog.String("route", route),
		slog.Int("status", rec.status), slog.Int64("bytes_in", max(0, r.ContentLength)), slog.Int64("bytes_out", rec.bytes), slog.Float64("seconds", took.Seconds()), slog.String("client", r.RemoteAddr)}
	if reason != "" {
		attrs = append(attrs, slog.String("error", reason))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// dispatch finds the route and runs its handler.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, request string) (route string, err error) {
	methods, ok := s.routes[r.URL.Path]
	if !ok {
		return "none", Fail(http.StatusNotFound, "there is no such path here; GET /openapi.json says what there is")
	}
	route = r.URL.Path
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves out the body
	}
	h, ok := methods[method]
	if !ok {
		allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		w.Header().Set("Allow", allowed)
		return route, Fail(http.StatusMethodNotAllowed, "%s takes %s", route, allowed)
	}
	leave, err := s.guard.enter(r, h.open)
	if err != nil {
		return route, err
	}
	defer leave()
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	if r.ContentLength > s.config.MaxBody {
		return route, &http.MaxBytesError{Limit: s.config.MaxBody}
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.config.Timeout+s.config.ReadTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Body = http.MaxBytesReader(w, r.Body, s.config.MaxBody)
	defer func() {
		if p := recover(); p != nil {
			s.log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("request_id", request), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return route, h.serve(w, r)
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	wrote  bool
}

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// requestID is the client's own X-Request-Id, if it is a plain word, or a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	plain := func(c rune) bool {
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_' || c == '.'
	}
	if id != "" && len(id) <= 64 && strings.TrimFunc(id, plain) == "" && !strings.ContainsFunc(id, func(c rune) bool { return !plain(c) }) {
		return id
	}
	return rand.Text()[:16]
}
