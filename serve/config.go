package serve

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Config says where a server listens, who may ask, and how much. DefaultConfig
// has sensible limits.
type Config struct {
	Addr     string // host:port
	Token    string // that clients show; "" for none
	Insecure bool   // anyone who reaches the server may ask
	TLSCert  string // files; "" for plain HTTP
	TLSKey   string

	MaxBody       int64         // bytes of a request's body
	MaxPixels     int           // of an image
	MaxBatch      int           // images of a request
	MaxK          int           // hits of a search
	MaxConcurrent int           // requests at a time
	Rate          float64       // requests a second of a client; 0 for any number
	ReadTimeout   time.Duration // for a client to send its request
	Timeout       time.Duration // for the server to answer, beside ReadTimeout: both begin with the request
	Drain         time.Duration // for requests to end when the server stops
}

// DefaultConfig listens on this machine only.
func DefaultConfig() Config {
	return Config{
		Addr:    "127.0.0.1:8080",
		MaxBody: 32 << 20, MaxPixels: 50_000_000, MaxBatch: 32, MaxK: 1000, MaxConcurrent: 256,
		ReadTimeout: 30 * time.Second, Timeout: 30 * time.Second, Drain: 30 * time.Second,
	}
}

// Validate says all that is wrong.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	_, _, err := net.SplitHostPort(c.Addr)
	check(err == nil, "address %q: want HOST:PORT, e.g. 127.0.0.1:8080", c.Addr)
	check(err != nil || c.Token != "" || c.Insecure || c.loopback(),
		"address %s can be reached from other machines, by anyone: demand a token, or say --insecure", c.Addr)
	check((c.TLSCert == "") == (c.TLSKey == ""), "TLS needs both files: the certificate and its key")
	check(c.Token == "" || len(c.Token) >= 16, "the token has %d characters, want at least 16, e.g. of 'openssl rand -hex 16'", len(c.Token))
	check(c.MaxBody >= 1024, "body limit %d: must be at least 1024 bytes", c.MaxBody)
	check(c.MaxPixels >= 1, "pixel limit %d: must be at least 1", c.MaxPixels)
	check(c.MaxBatch >= 1 && c.MaxBatch <= 1024, "batch limit %d: must be 1 to 1024 images", c.MaxBatch)
	check(c.MaxK >= 1, "hit limit %d: must be at least 1", c.MaxK)
	check(c.MaxConcurrent >= 1, "concurrency limit %d: must be at least 1", c.MaxConcurrent)
	check(c.Rate >= 0, "rate %g: must be at least 0 requests a second", c.Rate)
	check(c.ReadTimeout > 0 && c.Timeout > 0 && c.Drain >= 0, "time-outs must be above 0")
	return errors.Join(errs...)
}

// loopback says whether only this machine reaches the address.
func (c Config) loopback() bool {
	host, _, _ := net.SplitHostPort(c.Addr)
	return isLoopback(host)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// key identifies what made the vectors of a journal.
func (a About) key() [32]byte { return sha256.Sum256([]byte(a.WeightsSHA256 + " " + a.Layer)) }
