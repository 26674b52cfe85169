package serve

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// bomb is a PNG that claims to have side x side pixels.
func bomb(side uint32) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		binary.Write(&b, binary.BigEndian, uint32(len(data)))
		body := append([]byte(kind), data...)
		b.Write(body)
		binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(body))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, side), side)
	chunk("IHDR", append(head, 8, 2, 0, 0, 0))
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(make([]byte, 1<<20))
	w.Close()
	chunk("IDAT", z.Bytes())
	chunk("IEND", nil)
	return b.Bytes()
}

func TestHostileRequests(t *testing.T) {
	s, _ := testServer(t, func(c *Config) { c.MaxBody, c.MaxPixels, c.MaxBatch = 100_000, 10_000, 2 })
	picture := plain(t, 1, 2, 3, 10)
	kind, two := form(t, picture, picture)
	three, threeBody := form(t, picture, picture, picture)
	empty, emptyBody := form(t)
	vector := func(v string) []byte { return []byte(`{"vector":` + v + `}`) }
	const asJSON = "application/json"
	for _, tc := range []struct {
		name, method, target, kind string
		body                       []byte
		status                     int
		want                       string
	}{
		{"no path", "GET", "/v2/embed", "", nil, 404, "no such path"},
		{"a path that climbs", "GET", "/v1/../../etc/passwd", "", nil, 404, "no such path"},
		{"a path that climbs, encoded", "GET", "/v1/%2e%2e/%2e%2e/etc/passwd", "", nil, 404, "no such path"},
		{"double slashes", "GET", "//healthz", "", nil, 404, "no such path"},
		{"another method", "GET", "/v1/embed", "", nil, 405, "/v1/embed takes POST"},
		{"an invented method", "BREW", "/v1/images", "", nil, 405, "/v1/images takes DELETE, PUT"},
		{"a parameter that is not known", "POST", "/v1/search?kk=3", "image/png", picture, 400, `want k, class, path, each once`},
		{"a parameter twice", "POST", "/v1/search?k=3&k=4", "image/png", picture, 400, "each once"},
		{"bad encoding", "POST", "/v1/search?k=%zz", "image/png", picture, 400, "percent-encoded"},
		{"k of 0", "POST", "/v1/search?k=0", "image/png", picture, 400, "from 1 to 1000"},
		{"k of a million", "POST", "/v1/search?k=1000000", "image/png", picture, 400, "from 1 to 1000"},
		{"a bad pattern", "POST", "/v1/search?path=%5B", "image/png", picture, 400, "want a pattern"},
		{"k of words", "POST", "/v1/search?k=many", "image/png", picture, 400, "from 1 to 1000"},
		{"no body", "POST", "/v1/embed", "image/png", nil, 400, "the image is empty"},
		{"text", "POST", "/v1/embed", "image/png", []byte("hello, I am no image"), 422, "not an image"},
		{"a type that is no image", "POST", "/v1/embed", "text/html", picture, 415, "Content-Type"},
		{"JSON for embed", "POST", "/v1/embed", asJSON, vector("[1]"), 415, "want an image"},
		{"half an image", "POST", "/v1/embed", "image/png", picture[:len(picture)/2], 422, "cut short"},
		{"a bomb", "POST", "/v1/embed", "image/png", bomb(60_000), 413, "60000 x 60000 pixels"},
		{"a lie of a million pixels", "POST", "/v1/embed", "image/png", bomb(100), 422, "damaged"},
		{"too large a body", "POST", "/v1/embed", "image/png", make([]byte, 100_001), 413, "more than 100000 bytes"},
		{"a form", "POST", "/v1/embed", kind, two, 200, ""},
		{"too many images", "POST", "/v1/embed", three, threeBody, 413, "more than 2 images"},
		{"two images to search for", "POST", "/v1/search", kind, two, 413, "more than 1 images"},
		{"a form of nothing", "POST", "/v1/embed", empty, emptyBody, 400, "no image"},
		{"a form cut short", "POST", "/v1/embed", kind, two[:len(two)-30], 400, "cut short"},
		{"a form cut in an image", "POST", "/v1/embed", kind, two[:200], 400, "cut short"},
		{"a form without boundary", "POST", "/v1/embed", "multipart/form-data", two, 400, "no boundary"},
		{"a form of another boundary", "POST", "/v1/embed", "multipart/form-data; boundary=x", two, 400, "cut short"},
		{"no JSON", "POST", "/v1/search", asJSON, []byte("vector"), 400, "the JSON cannot be read"},
		{"JSON cut short", "POST", "/v1/search", asJSON, []byte(`{"vector":[1,`), 400, "the JSON cannot be read"},
		{"JSON twice", "POST", "/v1/search", asJSON, []byte(`{"vector":[1,1,1,1,1,1]}{}`), 400, "something follows"},
		{"an unknown field", "POST", "/v1/search", asJSON, []byte(`{"vektor":[1]}`), 400, "unknown field"},
		{"deep JSON", "POST", "/v1/search", asJSON, []byte(strings.Repeat("[", 50_000)), 400, "the JSON cannot be read"},
		{"a vector of text", "POST", "/v1/search", asJSON, vector(`"x"`), 400, "the JSON cannot be read"},
		{"a short vector", "POST", "/v1/search", asJSON, vector("[1,2]"), 400, "2 values, want the model's 6"},
		{"a vector of zeros", "POST", "/v1/search", asJSON, vector("[0,0,0,0,0,0]"), 400, "no direction"},
		{"a vector beyond float32", "POST", "/v1/search", asJSON, vector("[1e39,0,0,0,0,0]"), 400, "the JSON cannot be read"},
		{"no id", "PUT", "/v1/images", asJSON, vector("[1,1,1,1,1,1]"), 400, "id is needed"},
		{"neighbours of nothing", "GET", "/v1/neighbours", "", nil, 404, "no such image"},
		{"a compressed body", "POST", "/v1/embed", "image/png", picture, 415, "Content-Encoding"},
	} {
		var header []string
		if tc.name == "a compressed body" {
			header = []string{"Content-Encoding", "gzip"}
		}
		w := ask(t, s, tc.method, tc.target, tc.kind, tc.body, header...)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: %d %s; want %d with %q", tc.name, w.Code, w.Body, tc.status, tc.want)
		}
	}
	for _, id := range []string{"../x", "a/../b", "/etc/passwd", "a//b", "a/./b", ".", "..", `a\b`, "a\x00b", "a\nb", "\xff", strings.Repeat("a", 1025)} {
		w := ask(t, s, "PUT", "/v1/images?id="+url.QueryEscape(id), asJSON, vector("[1,1,1,1,1,1]"))
		if w.Code != 400 || !strings.Contains(w.Body.String(), `"error":"id`) {
			t.Errorf("id %q: %d %s", id, w.Code, w.Body)
		}
	}
	if n := s.service.Load().store.Len(); n != 4 {
		t.Errorf("%d images after all this, want the 4", n)
	}
}

func TestTokens(t *testing.T) {
	const token = "0123456789abcdef"
	s, _ := testServer(t, func(c *Config) { c.Addr, c.Token = "0.0.0.0:80", token })
	for _, tc := range []struct {
		target, header string
		status         int
	}{
		{"/v1/info", "", 401},
		{"/v1/info", token, 401},
		{"/v1/info", "Basic " + token, 401},
		{"/v1/info", "Bearer " + token + "x", 401},
		{"/v1/info", "Bearer ", 401},
		{"/v1/info", "Bearer " + token, 200},
		{"/metrics", "", 401},
		{"/metrics", "Bearer " + token, 200},
		{"/healthz", "", 200},
		{"/readyz", "", 200},
		{"/openapi.json", "", 200},
	} {
		w := ask(t, s, "GET", tc.target, "", nil, "Authorization", tc.header)
		if w.Code != tc.status || tc.status == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s with %q: %d, want %d", tc.target, tc.header, w.Code, tc.status)
		}
	}
}

func TestPagesOfOthersAreRefused(t *testing.T) {
	s, _ := testServer(t, nil)
	if w := ask(t, s, "DELETE", "/v1/images?id=warm/red", "", nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); w.Code != 403 {
		t.Errorf("a request of another site's page: %d", w.Code)
	}
	r, _ := http.NewRequest("GET", "/v1/info", nil)
	for host, status := range map[string]int{"evil.example": 421, "evil.example:8080": 421, "localhost": 200, "127.0.0.1:9": 200, "[::1]:9": 200, "": 421} {
		r.Host = host
		if _, err := s.guard.enter(r, false); status == 200 && err != nil || status != 200 && failureOf(err).status != status {
			t.Errorf("for host %q: %v, want %d", host, err, status)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"can be reached from other machines": func(c *Config) { c.Addr = ":8080" },
		"by anyone: demand a token":          func(c *Config) { c.Addr = "192.168.1.5:80" },
		"want HOST:PORT":                     func(c *Config) { c.Addr = "localhost" },
		"TLS needs both files":               func(c *Config) { c.TLSCert = "x" },
		"the token has 3 characters":         func(c *Config) { c.Token = "abc" },
		"rate -1: must be at least 0":        func(c *Config) { c.Rate = -1 },
		"rate NaN: must be at least 0":       func(c *Config) { c.Rate = math.NaN() },
		"time-outs must be above 0":          func(c *Config) { c.Timeout = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, c := range []Config{{Addr: ":80", Insecure: true}, {Addr: ":80", Token: "0123456789abcdef"}, {Addr: "[::1]:80"}, {Addr: "localhost:80"}} {
		d := DefaultConfig()
		d.Addr, d.Insecure, d.Token = c.Addr, c.Insecure, c.Token
		if err := d.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestRates(t *testing.T) {
	s, _ := testServer(t, func(c *Config) { c.Rate = 3 })
	var codes []int
	for range 5 {
		codes = append(codes, ask(t, s, "GET", "/v1/info", "", nil).Code)
	}
	if fmt.Sprint(codes) != "[200 200 200 429 429]" {
		t.Errorf("%v", codes)
	}
	if s.guard.limiter("[2001:db8::1]:5") != s.guard.limiter("[2001:db8::ffff]:6") || s.guard.limiter("10.0.0.1:5") == s.guard.limiter("10.0.0.2:5") {
		t.Error("clients are told apart by other than an address, or a network of IPv6")
	}
	for i := range maxClients + 10 {
		s.guard.limiter(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255))
	}
	if n := len(s.guard.clients); n > maxClients {
		t.Errorf("%d clients are remembered", n)
	}
}

func TestConcurrencyIsLimited(t *testing.T) {
	s, m := testServer(t, func(c *Config) { c.MaxConcurrent = 2 })
	m.gate = make(chan struct{})
	picture := plain(t, 1, 1, 1, 2)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { ask(t, s, "POST", "/v1/embed", "image/png", picture) })
	}
	for len(s.guard.slots) < 2 {
		time.Sleep(time.Millisecond)
	}
	w := ask(t, s, "GET", "/v1/info", "", nil)
	if w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a third request: %d", w.Code)
	}
	if w := ask(t, s, "GET", "/healthz", "", nil); w.Code != 200 {
		t.Errorf("health under load: %d", w.Code)
	}
	close(m.gate)
	wg.Wait()
}

// listen runs the server on a port of its own until the test ends.
func listen(t testing.TB, s *Server) (addr string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	return l.Addr().String(), sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
}

// opened is a server that closes with Run, not with the test.
func opened(t testing.TB, change func(*Config)) (*Server, *colours) {
	t.Helper()
	c := DefaultConfig()
	change(&c)
	s, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	m := &colours{}
	if _, err := s.Open(t.Context(), about, m, gallery(t), Journal{Path: t.TempDir() + "/journal"}); err != nil {
		t.Fatal(err)
	}
	return s, m
}

func TestSlowClientsAndManyHeaders(t *testing.T) {
	s, _ := opened(t, func(c *Config) { c.ReadTimeout = 200 * time.Millisecond })
	addr, stop := listen(t, s)
	defer stop()
	answerTo := func(send func(c net.Conn)) string {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		go send(c)
		b, _ := io.ReadAll(c)
		return string(b)
	}
	slow := answerTo(func(c net.Conn) {
		fmt.Fprint(c, "POST /v1/embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nx")
	})
	if !strings.HasPrefix(slow, "HTTP/1.1 408 ") || !strings.Contains(slow, `"error":"the request came too slowly`) {
		t.Errorf("a body that does not come is answered by %q", slow)
	}
	headers := answerTo(func(c net.Conn) {
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
		for i := range 1_000_000 {
			if _, err := fmt.Fprintf(c, "X-%d: 1\r\n", i); err != nil {
				return
			}
		}
	})
	if !strings.HasPrefix(headers, "HTTP/1.1 431 ") && headers != "" { // or the connection is cut before the answer is read
		t.Errorf("a million headers are answered by %q", headers)
	}
	if never := answerTo(func(c net.Conn) { fmt.Fprint(c, "GET /healthz HT") }); strings.Contains(never, "200") {
		t.Errorf("half a request line is answered by %q", never)
	}
	gone := answerTo(func(c net.Conn) {
		fmt.Fprint(c, "POST /v1/embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
		c.(*net.TCPConn).CloseWrite()
	})
	if !strings.HasPrefix(gone, "HTTP/1.1 400 ") || !strings.Contains(gone, "cut short") {
		t.Errorf("a body that ends early is answered by %q", gone)
	}
}

func TestStoppingAnswersWhatWasAsked(t *testing.T) {
	s, m := opened(t, func(*Config) {})
	m.gate = make(chan struct{})
	addr, stop := listen(t, s)
	type reply struct {
		status int
		err    error
	}
	replies := make(chan reply, 1)
	go func() {
		r, _ := http.NewRequest("PUT", "http://"+addr+"/v1/images?id=last", bytes.NewReader(plain(t, 3, 3, 3, 3)))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			replies <- reply{0, err}
			return
		}
		resp.Body.Close()
		replies <- reply{resp.StatusCode, nil}
	}()
	for len(s.guard.slots) == 0 {
		time.Sleep(time.Millisecond)
	}
	stopped := make(chan error)
	go func() { stopped <- stop() }()
	for !s.leaving.Load() {
		time.Sleep(time.Millisecond)
	}
	close(m.gate)
	if r := <-replies; r.status != 201 {
		t.Errorf("a write that was asked for before the stop: %+v", r)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
