package serve

import (
	"errors"
	"image/color"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestPicturesOfWhatWasAdded(t *testing.T) {
	dir := t.TempDir()
	keep := Pictures(filepath.Join(dir, "pictures"))
	s, err := New(DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), about, &colours{}, gallery(t), Journal{Path: filepath.Join(dir, "journal"), Pictures: keep}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	if w := ask(t, s, "PUT", "/v1/images?id=new%2F..%2Fodd", "image/png", plain(t, 1, 2, 3, 5)); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, tc := range []struct {
		name, id, kind string
		body           []byte
		side           int // of its picture, 0 for none
		colour         color.RGBA
	}{
		{"a small image", "a/%C3%BC%20new.png", "image/png", plain(t, 10, 20, 30, 5), 5, color.RGBA{10, 20, 30, 255}},
		{"another in its place", "a/%C3%BC%20new.png", "image/png", plain(t, 200, 20, 30, 7), 7, color.RGBA{200, 20, 30, 255}},
		{"a large one", "b.png", "image/png", plain(t, 0, 0, 255, 700), pictureSide, color.RGBA{0, 0, 254, 255}},
		{"one in the place of an image of the gallery", "warm/red", "image/png", plain(t, 9, 9, 9, 3), 3, color.RGBA{9, 9, 9, 255}},
		{"a vector in the place of an image", "b.png", "application/json", []byte(`{"vector":[1,0,0,0,0,0]}`), 0, color.RGBA{}},
	} {
		if w := ask(t, s, "PUT", "/v1/images?id="+tc.id, tc.kind, tc.body); w.Code >= 300 {
			t.Fatalf("%s: %d %s", tc.name, w.Code, w.Body)
		}
		id := map[string]string{"a/%C3%BC%20new.png": "a/ü new.png"}[tc.id]
		if id == "" {
			id = tc.id
		}
		m, err := keep.Open(id)
		if tc.side == 0 {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := m.Bounds().Dx(); got != tc.side || color.RGBAModel.Convert(m.At(1, 1)) != tc.colour {
			t.Errorf("%s: %d pixels of %v", tc.name, got, m.At(1, 1))
		}
	}
	ask(t, s, "DELETE", "/v1/images?id=warm/red", "", nil)
	if _, err := keep.Open("warm/red"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a picture stays after its image: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(string(keep), "*", "*")); err != nil || len(left) != 1 {
		t.Errorf("left are %v", left)
	}
	const id = "no-folder-for-it"
	if err := os.WriteFile(filepath.Dir(keep.path(id)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if w := ask(t, s, "PUT", "/v1/images?id="+id, "image/png", plain(t, 1, 2, 3, 5)); w.Code != http.StatusCreated {
		t.Errorf("an image whose picture cannot be kept: %d %s", w.Code, w.Body)
	}
	s.service.Load().journal.fail(errors.New("the disk is full"))
	for _, method := range []string{"PUT", "DELETE"} { // what is refused changes nothing
		if w := ask(t, s, method, "/v1/images?id=a/%C3%BC%20new.png", "image/png", plain(t, 1, 2, 3, 5)); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
		if m, err := keep.Open("a/ü new.png"); err != nil || m.Bounds().Dx() != 7 {
			t.Errorf("%s that was refused changes the picture (%v)", method, err)
		}
	}
}

// TestThePictureIsOfTheLastWrite writes the same image in one batch, whose order is that of the journal.
func TestThePictureIsOfTheLastWrite(t *testing.T) {
	s, _ := testServer(t, nil)
	v := s.service.Load()
	v.keep = Pictures(t.TempDir())
	put := func(side int) edit { return edit{change{"x", "", vectorOf(1, 2, 3)}, plain(t, 1, 2, 3, side)} }
	gone := edit{change: change{id: "x"}}
	for name, tc := range map[string]struct {
		edits []edit
		side  int // 0 for no picture
	}{
		"replaced":          {[]edit{put(2), put(3)}, 3},
		"deleted":           {[]edit{put(2), gone}, 0},
		"deleted and added": {[]edit{put(2), gone, put(4)}, 4},
		"by a vector":       {[]edit{put(2), {change: change{"x", "", vectorOf(1, 2, 3)}}}, 0},
	} {
		if _, err := v.commit(t.Context(), tc.edits); err != nil {
			t.Fatal(err)
		}
		m, err := v.keep.Open("x")
		if tc.side == 0 && !errors.Is(err, fs.ErrNotExist) || tc.side > 0 && (err != nil || m.Bounds().Dx() != tc.side) {
			t.Errorf("%s: another picture, or none (%v); want one of %d pixels", name, err, tc.side)
		}
	}
}

func TestAMountedServerAnswersUnderItsPath(t *testing.T) {
	first, _ := testServer(t, nil)
	second, m := testServer(t, nil)
	first.Mount("/b", second)
	ask(t, first, "PUT", "/v1/images?id=only-first", "image/png", plain(t, 1, 2, 3, 5))
	for target, want := range map[string]int{
		"/b/v1/neighbours?id=warm/red": 200, "/v1/neighbours?id=warm/red": 200, "/v1/neighbours?id=only-first": 200,
		"/b/v1/neighbours?id=only-first": 404, "/b": 404, "/bv1/info": 404, "/b/b/v1/info": 404,
	} {
		if w := get(first, target); w.Code != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if len(m.batches) != 0 {
		t.Errorf("the second embedded %v", m.batches)
	}
	first.leave()
	if w := get(first, "/b/readyz"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("the second goes on when the first stops: %d", w.Code)
	}
}

// get asks for a path that openapi.json need not know.
func get(s *Server, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	r.Host = "localhost:8080"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}
