package serve

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// certificate writes a certificate of this machine and its key.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key, pool = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := os.ReadFile(cert)
	pool.AppendCertsFromPEM(text)
	return cert, key, pool
}

func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	s, _ := opened(t, func(c *Config) { c.TLSCert, c.TLSKey = cert, key })
	addr, stop := listen(t, s)
	defer stop()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("https://" + addr + "/v1/info")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 || resp.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%s by %s, TLS %x", resp.Status, resp.Proto, resp.TLS.Version)
	}
	if plain, err := http.Get("http://" + addr + "/v1/info"); err == nil && plain.StatusCode < 400 {
		t.Errorf("without TLS: %s", plain.Status)
	}
	c := DefaultConfig()
	c.TLSCert, c.TLSKey = key, cert
	if _, err := New(c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "TLS: ") {
		t.Errorf("the files in the other order: %v", err)
	}
}

func TestPanicIsOneFailedRequest(t *testing.T) {
	var log bytes.Buffer
	s, err := New(DefaultConfig(), slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("GET", "/boom", func(http.ResponseWriter, *http.Request) error { panic("a bug of ours") })
	w := ask(t, s, "GET", "/boom", "", nil)
	if w.Code != 500 || strings.Contains(w.Body.String(), "bug") || !strings.Contains(log.String(), "a bug of ours") || !strings.Contains(log.String(), "run_test.go") {
		t.Errorf("%d %s\n%s", w.Code, w.Body, log.String())
	}
	if n := len(s.guard.slots); n != 0 {
		t.Errorf("%d requests are still counted", n)
	}
}

// Many clients write, search and embed at the same time; each sees its own writes.
func TestManyClientsAtOnce(t *testing.T) {
	s, _ := opened(t, func(*Config) {})
	addr, stop := listen(t, s)
	client := &http.Client{}
	defer client.CloseIdleConnections()
	call := func(method, path, kind string, body []byte, want int) []byte {
		r, err := http.NewRequest(method, "http://"+addr+path, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return nil
		}
		r.Header.Set("Content-Type", kind)
		resp, err := client.Do(r)
		if err != nil {
			t.Error(err)
			return nil
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(resp.Body)
		if resp.StatusCode != want {
			t.Errorf("%s %s: %d %s, want %d", method, path, resp.StatusCode, b.Bytes(), want)
		}
		return b.Bytes()
	}
	picture := plain(t, 200, 30, 10, 8)
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			vector, _ := json.Marshal(map[string]any{"vector": []float32{1, float32(c), 0, -1, 0, 1}})
			for n := range 15 {
				id := fmt.Sprintf("c%d/%d", c, n)
				call("PUT", "/v1/images?id="+id, "application/json", vector, 201)
				if found := call("POST", "/v1/search?k=20&path="+fmt.Sprintf("c%d", c), "application/json", vector, 200); !bytes.Contains(found, []byte(`"`+id+`"`)) {
					t.Errorf("%s is not found by who added it: %s", id, found)
				}
				call("POST", "/v1/embed", "image/png", picture, 200)
				if n%3 == 0 {
					call("DELETE", "/v1/images?id="+id, "", nil, 200)
					call("GET", "/v1/neighbours?id="+id, "", nil, 404)
				}
			}
		})
	}
	wg.Wait()
	if n := s.service.Load().store.Len(); n != 4+8*10 {
		t.Errorf("%d images, want %d", n, 4+8*10)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
