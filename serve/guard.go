package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// guard decides which requests are let in.
type guard struct {
	token    [32]byte // its hash, so that a comparison tells nothing of its length
	demanded bool
	local    bool // only clients of this machine, without a token
	slots    chan struct{}
	origin   *http.CrossOriginProtection
	rate     rate.Limit
	mu       sync.Mutex
	clients  map[netip.Prefix]*rate.Limiter
}

// maxClients is how many clients' rates are remembered.
const maxClients = 1 << 16

func newGuard(c Config) *guard {
	return &guard{
		token: sha256.Sum256([]byte(c.Token)), demanded: c.Token != "",
		local:  c.Token == "" && c.loopback(),
		slots:  make(chan struct{}, c.MaxConcurrent),
		origin: http.NewCrossOriginProtection(),
		rate:   rate.Limit(c.Rate), clients: map[netip.Prefix]*rate.Limiter{},
	}
}

// enter lets a request in, or says why not. The caller calls leave after it.
func (g *guard) enter(r *http.Request, open bool) (leave func(), err error) {
	if err := g.foreign(r); err != nil {
		return nil, err
	}
	if open {
		return func() {}, nil
	}
	if g.demanded {
		shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		hash := sha256.Sum256([]byte(shown))
		if subtle.ConstantTimeCompare(hash[:], g.token[:]) != 1 || !ok {
			return nil, Fail(http.StatusUnauthorized, "the token is missing or wrong; send it as 'Authorization: Bearer TOKEN'")
		}
	}
	if g.rate > 0 && !g.limiter(r.RemoteAddr).Allow() {
		return nil, Fail(http.StatusTooManyRequests, "more than %g requests a second; wait a little", float64(g.rate))
	}
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots }, nil
	default:
		return nil, Fail(http.StatusTooManyRequests, "%d requests are being answered, no more are taken; wait a little", cap(g.slots))
	}
}

// foreign refuses what a web page of another site makes a browser ask: a form
// that is sent here, or a name of its own that it lets point to this machine.
func (g *guard) foreign(r *http.Request) error {
	if g.local {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !isLoopback(strings.Trim(host, "[]")) {
			return Fail(http.StatusMisdirectedRequest, "the request is for another host than this machine; ask for localhost, or demand a token")
		}
	}
	if g.origin.Check(r) != nil {
		return Fail(http.StatusForbidden, "the request comes from a page of another site")
	}
	return nil
}

// limiter is the rate limiter of a client: an address, or in IPv6 the 64 bits that
// one customer has.
func (g *guard) limiter(remote string) *rate.Limiter {
	addr, _ := netip.ParseAddrPort(remote)
	ip, bits := addr.Addr().Unmap(), 32
	if ip.Is6() {
		bits = 64
	}
	client, _ := ip.Prefix(bits)
	g.mu.Lock()
	defer g.mu.Unlock()
	l, ok := g.clients[client]
	if !ok {
		burst := int(math.Ceil(max(1, float64(g.rate))))
		if len(g.clients) >= maxClients {
			for c, old := range g.clients { // who has rested need not be remembered
				if old.Tokens() >= float64(burst) {
					delete(g.clients, c)
				}
			}
			if len(g.clients) >= maxClients {
				clear(g.clients)
			}
		}
		l = rate.NewLimiter(g.rate, burst)
		g.clients[client] = l
	}
	return l
}
