package explore

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg"
	_ "image/png"
	"log/slog"
	"math"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"alike/index"
	"alike/report"
	"alike/serve"
	"alike/train/doctor"
)

// ask sends a request to a server with the page.
func ask(s *serve.Server, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func site(t *testing.T, trainings ...func() (Training, error)) (*serve.Server, *Gallery) {
	t.Helper()
	s, err := serve.New(serve.DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g := &Gallery{Name: "photos.index"}
	g.AddTo(s)
	if err := (&Page{Galleries: []*Gallery{g}, Trainings: trainings}).AddTo(s); err != nil {
		t.Fatal(err)
	}
	return s, g
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
	seen := map[string]bool{}
	for again := true; again; { // the files that those load
		again = false
		for _, m := range regexp.MustCompile(`from "\./([^"]+)"`).FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				continue
			}
			seen[m[1]], again = true, true
			w := ask(s, "/"+m[1])
			if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
				t.Errorf("%s: %d %s", m[1], w.Code, w.Header().Get("Content-Type"))
			}
			body += w.Body.String()
		}
	}
	if len(seen) < 5 {
		t.Errorf("the page loads %v", seen)
	}
	if found := regexp.MustCompile(`https?://[a-z.]+|style="|onclick=|eval\(|innerHTML`).FindAllString(body, -1); len(strings.Join(found, "")) != len(found)*len("http://www.w") { // the namespace of SVG
		t.Errorf("the page holds %q", found)
	}
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
}

func TestGallery(t *testing.T) {
	s, p := site(t)
	for _, target := range []string{"/v1/points", "/v1/map?kind=pca", "/v1/clusters", "/v1/scores", "/v1/image?id=a"} {
		if w := ask(s, target); w.Code != 503 {
			t.Errorf("%s: %d while loading", target, w.Code)
		}
	}
	p.Wait("for Godot")
	if w := ask(s, "/v1/page"); w.Code != 200 || !strings.Contains(w.Body.String(), `"galleries":[{"name":"photos.index","at":"","ready":false,"waiting":"for Godot"}],"trainings":0`) {
		t.Errorf("%d %s", w.Code, w.Body)
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
	given := Score{Name: "knn_accuracy", High: 1, Values: make([]float32, 50)}
	given.Values[7] = 1
	store := index.NewStore(x)
	p.Open(t.Context(), slog.New(slog.DiscardHandler), Images{Store: store, Scores: []Score{given}, Picture: func(id string) (image.Image, error) {
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
	}})
	if err := store.Add("added.png", "", f.Row(0)); err != nil {
		t.Fatal(err)
	}
	if w := ask(s, "/v1/page"); !strings.Contains(w.Body.String(), `"ready":true}]`) {
		t.Errorf("%s", w.Body)
	}
	if w := ask(s, "/v1/points"); w.Code != 200 || !strings.Contains(w.Body.String(), `"classes":["ant","zebra"],"neighbours":true`) ||
		!strings.Contains(w.Body.String(), `"ids":["0.png","1.png"`) || !strings.Contains(w.Body.String(), `"labels":[1,1,`) || !strings.Contains(w.Body.String(), `0,0,-1]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, target := range []string{"/v1/map?kind=pca", "/v1/clusters", "/v1/scores", "/v1/map?kind=neighbours"} {
		w := ask(s, target)
		for start := time.Now(); w.Code == 503 && time.Since(start) < time.Minute; w = ask(s, target) {
			time.Sleep(5 * time.Millisecond)
		}
		if w.Code != 200 || strings.Count(w.Body.String(), ",") < 49 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	var scores []Score
	if err := json.Unmarshal(ask(s, "/v1/scores").Body.Bytes(), &scores); err != nil || len(scores) != 3 {
		t.Fatalf("%d scores, %v", len(scores), err)
	}
	for i, name := range []string{"knn_accuracy", "Agreement", "Similarity"} {
		if scores[i].Name != name || len(scores[i].Values) != 50 || scores[i].High != 1 {
			t.Errorf("score %d is %s of %d", i, scores[i].Name, len(scores[i].Values))
		}
	}
	if scores[0].Values[7] != 1 || scores[1].Values[49] != none || scores[1].Values[0] != 1 {
		t.Errorf("%+v", scores)
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
		{"/v1/image?id=added.png", 200, "image/jpeg", 128, 17},
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

func TestAGalleryWithoutImagesIsEmpty(t *testing.T) {
	f := groups(2, 4, 1, 0.3, 9)
	f.IDs = []string{"a", "b"}
	x, err := index.New(f)
	if err != nil {
		t.Fatal(err)
	}
	store := index.NewStore(x)
	for _, id := range f.IDs {
		store.Delete(id)
	}
	s, g := site(t)
	g.Open(t.Context(), slog.New(slog.DiscardHandler), Images{Store: store})
	for target, want := range map[string]string{
		"/v1/points":       `{"ids":[],"labels":[],"classes":[],"neighbours":false}`,
		"/v1/map?kind=pca": `{"x":[],"y":[]}`,
		"/v1/clusters":     `[]`,
		"/v1/scores":       `[]`,
	} {
		w := ask(s, target)
		for start := time.Now(); w.Code == 503 && time.Since(start) < time.Minute; w = ask(s, target) {
			time.Sleep(time.Millisecond)
		}
		if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != want {
			t.Errorf("%s: %d %s, want %s", target, w.Code, got, want)
		}
	}
}

// What a browser has kept of an address is shown again only if it is still the picture there.
func TestAPictureThatWasReplacedIsSentAnew(t *testing.T) {
	f := groups(2, 4, 1, 0.3, 9)
	f.IDs = []string{"a", "b"}
	x, err := index.New(f)
	if err != nil {
		t.Fatal(err)
	}
	s, g := site(t)
	shade := color.Gray{Y: 10}
	g.Open(t.Context(), slog.New(slog.DiscardHandler), Images{Store: index.NewStore(x), Picture: func(string) (image.Image, error) {
		m := image.NewGray(image.Rect(0, 0, 20, 30))
		m.SetGray(3, 3, shade)
		return m, nil
	}})
	const target = "/v1/image?size=128&id=a"
	first := ask(s, target)
	if cache := first.Header().Get("Cache-Control"); first.Code != 200 || cache != "private, no-cache" {
		t.Errorf("%d, to be kept as %q", first.Code, cache)
	}
	again := func() int {
		r := httptest.NewRequest("GET", target, nil)
		r.Host = "localhost"
		r.Header.Set("If-None-Match", first.Header().Get("ETag"))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	if code := again(); code != 304 {
		t.Errorf("the same picture is sent again: %d", code)
	}
	shade.Y = 20
	if code := again(); code != 200 {
		t.Errorf("another picture is not sent: %d", code)
	}
}

// The twin goes through all pairs.
func TestScoresByNeighbours(t *testing.T) {
	f := groups(120, 6, 3, 1.2, 7)
	f.Classes = []string{"a", "b", "c"}
	f.Labels[3], f.Labels[60] = none, 0 // one without a label, one with a wrong one
	l := DefaultLayout()
	near, err := l.neighbours(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	scores := byNeighbours(f, near)
	cosine := func(i, j int) float64 {
		var ij, ii, jj float64
		for k := range f.D {
			x, y := float64(f.Row(i)[k]), float64(f.Row(j)[k])
			ij, ii, jj = ij+x*y, ii+x*x, jj+y*y
		}
		return ij / math.Sqrt(ii*jj)
	}
	for i := range f.N {
		var others []int
		for j := range f.N {
			if j != i {
				others = append(others, j)
			}
		}
		slices.SortFunc(others, func(a, b int) int { return cmp.Compare(cosine(i, b), cosine(i, a)) })
		same, labelled := 0.0, 0.0
		for _, j := range others[:l.Neighbours] {
			if f.Labels[j] >= 0 {
				labelled++
			}
			if f.Labels[j] == f.Labels[i] {
				same++
			}
		}
		want := same / labelled
		if f.Labels[i] < 0 {
			want = none
		}
		if got := float64(scores[0].Values[i]); math.Abs(got-want) > 1e-4 {
			t.Errorf("agreement of %d is %g, want %g", i, got, want)
		}
		if got, want := float64(scores[1].Values[i]), cosine(i, others[0]); math.Abs(got-want) > 1e-4 {
			t.Errorf("similarity of %d is %g, want %g", i, got, want)
		}
	}
	if s := scores[1]; s.Low >= s.High || s.Low < slices.Min(s.Values) {
		t.Errorf("colours from %g to %g", s.Low, s.High)
	}
	f.Classes = nil
	if scores := byNeighbours(f, near); len(scores) != 1 || scores[0].Name != "Similarity" {
		t.Errorf("without classes: %+v", scores)
	}
}

func TestTrainingsOnThePage(t *testing.T) {
	one := Training{Version: "3", Name: "<one>", Title: "simclr with resnet8", State: "Training: step 3.", Step: 3, Going: true, Verdicts: []doctor.Verdict{},
		Curves: []report.Curve{{Name: "loss", Title: "Loss", Points: []report.Point{{X: 1, Y: 5}, {X: 3, Y: 4}}, Reference: 6, ReferenceLabel: "collapsed"},
			{Name: "cosines", Title: "Cosines", Points: []report.Point{{X: 0, Y: 1}}, Other: []report.Point{{X: 0, Y: 2}}, Label: "positives", OtherLabel: "negatives"}}}
	two := Training{Version: "9", Name: "two", Verdicts: []doctor.Verdict{{Illness: "collapse", Text: "all embeddings are equal", Try: "--lr 0.1"}},
		Curves: []report.Curve{{Name: "loss", Title: "Loss", Points: []report.Point{{X: 2, Y: 7}}, Reference: 8, ReferenceLabel: "collapsed"}, {Name: "knn"}}}
	var fault error
	of := func(t *Training) func() (Training, error) { return func() (Training, error) { return *t, fault } }
	type answer struct {
		Runs   []Training
		Seen   string
		Curves []struct{ Name, Title, SVG string }
	}
	get := func(s *serve.Server, target string) (a answer) {
		t.Helper()
		w := ask(s, target)
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s", target, w.Code, w.Body)
		}
		return a
	}
	s, _ := site(t, of(&one))
	a := get(s, "/v1/training?seen=")
	if len(a.Runs) != 1 || a.Runs[0].Name != "<one>" || !a.Runs[0].Going || a.Seen != "3" || len(a.Curves) != 2 || !strings.Contains(a.Curves[0].SVG, "collapsed = 6") {
		t.Errorf("%+v", a)
	}
	if a = get(s, "/v1/training?seen=3"); len(a.Curves) != 0 || a.Runs[0].State != "Training: step 3." {
		t.Errorf("what was seen comes again: %+v", a)
	}
	one.Version, one.Step = "4", 4
	if a = get(s, "/v1/training?seen=3"); len(a.Curves) != 2 || a.Runs[0].Step != 4 {
		t.Errorf("what is new does not come: %+v", a)
	}
	both, _ := site(t, of(&one), of(&two))
	a = get(both, "/v1/training")
	if len(a.Runs) != 2 || a.Seen != "4 9" || len(a.Curves) != 1 || !strings.Contains(a.Curves[0].SVG, ">B</text>") || strings.Contains(a.Curves[0].SVG, "collapsed") {
		t.Errorf("two are not beside each other: %+v", a)
	}
	if a.Runs[1].Verdicts[0].Illness != "collapse" {
		t.Errorf("%+v", a.Runs[1])
	}
	if one.Curves[0].Other != nil {
		t.Error("the curve of one run has changed")
	}
	fault = errors.New("metrics.jsonl: line 2: no JSON")
	if w := ask(s, "/v1/training"); w.Code != 500 || !strings.Contains(w.Body.String(), "line 2: no JSON") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	none, _ := site(t)
	if a = get(none, "/v1/training"); len(a.Runs)+len(a.Curves) != 0 {
		t.Errorf("%+v", a)
	}
}
