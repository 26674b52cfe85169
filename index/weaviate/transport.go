package weaviate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// transport sends the client's requests. It repeats those that a server was too busy for,
// or that got no answer, to the next node if there are several, ever more slowly and for at
// most patience. All that is sent may be repeated: objects have IDs of their own.
type transport struct {
	hosts    []string
	at       atomic.Int32 // the host that is asked
	base     http.RoundTripper
	window   *window
	token    string
	timeout  time.Duration // of one try
	patience time.Duration
	wait     time.Duration // before the second try; each further one waits twice as long
	reached  atomic.Bool   // a server has answered
}

const longestWait = 5 * time.Second

// again is why a request is to be repeated.
type again struct {
	why   string
	after time.Duration // that the server asks to wait
}

func (a *again) Error() string { return a.why }

// pause is a pause that grows, for so long in all.
func (t *transport) pause(long time.Duration) pause {
	return pause{next: t.wait, until: time.Now().Add(long)}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	p := t.pause(t.patience)
	for try := 1; ; try++ {
		at := t.at.Load()
		resp, err := t.try(req, t.hosts[int(at)%len(t.hosts)])
		var repeat *again
		if err == nil || !errors.As(err, &repeat) {
			return resp, err
		}
		t.at.CompareAndSwap(at, at+1)
		if !t.reached.Load() {
			if try >= len(t.hosts) {
				return nil, fmt.Errorf("no Weaviate server answers at %s (%s); start it, or name the HOST:PORT where it listens", strings.Join(t.hosts, ", "), repeat.why)
			}
			continue
		}
		if err := p.sleep(req.Context(), repeat.after); err != nil {
			if errors.Is(err, errNoPatience) {
				err = fmt.Errorf("the Weaviate server at %s does not take a request for %s (%s); what it has acknowledged is there: try again later", strings.Join(t.hosts, ", "), t.patience, repeat.why)
			}
			return nil, err
		}
	}
}

// try sends a request once, and reads all of the answer.
func (t *transport) try(req *http.Request, host string) (resp *http.Response, err error) {
	if err := t.window.enter(req.Context()); err != nil {
		return nil, err
	}
	answered := false
	defer func() { t.window.leave(answered) }()
	ctx, cancel := context.WithTimeout(req.Context(), t.timeout)
	defer cancel()
	r := req.Clone(ctx)
	r.URL.Host, r.Host = host, ""
	if t.token != "" {
		r.Header.Set("Authorization", "Bearer "+t.token)
	}
	if req.GetBody != nil {
		if r.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	resp, err = t.base.RoundTrip(r)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	switch {
	case req.Context().Err() != nil:
		return nil, context.Cause(req.Context())
	case err != nil:
		return nil, &again{why: reason(err)}
	}
	t.reached.Store(true)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		if t.token == "" {
			return nil, fmt.Errorf("the Weaviate server at %s demands a token; put it in the environment's %s", host, TokenVariable)
		}
		return nil, fmt.Errorf("the Weaviate server at %s refuses the token in %s: %s", host, TokenVariable, sentence(resp.StatusCode, body))
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return nil, &again{sentence(resp.StatusCode, body), time.Duration(seconds) * time.Second}
	}
	answered = true
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// reason is why there was no answer, in few words.
func reason(err error) string {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return "it does not answer in time"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

// pause waits between tries.
type pause struct {
	next  time.Duration
	until time.Time
}

var errNoPatience = errors.New("patience is at an end")

// sleep waits, twice as long as the last time but at least as long as is asked for.
func (p *pause) sleep(ctx context.Context, atLeast time.Duration) error {
	wait := max(p.next, atLeast)
	if time.Now().Add(wait).After(p.until) {
		return errNoPatience
	}
	p.next = min(2*p.next, longestWait)
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
