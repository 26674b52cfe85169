package weaviate

import (
	"fmt"
	"net"
	"regexp"
	"strings"
)

// Address names a collection of a Weaviate server or cluster: weaviate://HOST:PORT/Collection,
// or weaviates:// for TLS. HOST:PORT may be several, separated by commas: nodes of one cluster,
// each asked if the one before does not answer.
type Address struct {
	Hosts      []string
	TLS        bool
	Collection string
}

const (
	plain  = "weaviate://"
	secure = "weaviates://"
)

// Is says whether a name is an Address, right or not.
func Is(name string) bool { return strings.HasPrefix(name, plain) || strings.HasPrefix(name, secure) }

// collectionName is what the server takes as one.
var collectionName = regexp.MustCompile(`^[A-Z][_0-9A-Za-z]*$`)

// ParseAddress reads an Address.
func ParseAddress(text string) (a Address, err error) {
	rest, tls := strings.CutPrefix(text, secure)
	if !tls {
		rest = strings.TrimPrefix(text, plain)
	}
	hosts, collection, _ := strings.Cut(rest, "/")
	a = Address{strings.Split(hosts, ","), tls, collection}
	for _, h := range a.Hosts {
		host, port, err := net.SplitHostPort(h)
		if err != nil || host == "" || port == "" || strings.ContainsAny(h, "@?#%") {
			return Address{}, fmt.Errorf("%s: %q is no HOST:PORT; want weaviate://HOST:PORT/Collection", text, h)
		}
	}
	if !collectionName.MatchString(collection) {
		return Address{}, fmt.Errorf("%s: %q is no name of a collection: it begins with a capital letter, then letters, digits and _, e.g. weaviate://%s/Photos", text, collection, hosts)
	}
	return a, nil
}

func (a Address) String() string {
	scheme := plain
	if a.TLS {
		scheme = secure
	}
	return scheme + strings.Join(a.Hosts, ",") + "/" + a.Collection
}
