// Package weaviate keeps embeddings in a collection of Weaviate, a distributed vector
// database, where one machine is not enough (docs/adr/0011-weaviate.md).
package weaviate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/weaviate/weaviate-go-client/v5/weaviate"
	wfault "github.com/weaviate/weaviate-go-client/v5/weaviate/fault"
	"github.com/weaviate/weaviate/entities/models"

	"alike/index"
)

// TokenVariable is the environment variable with the server's API key.
const TokenVariable = "WEAVIATE_API_KEY"

// Collection is a collection of a server, there or not. Goroutines may share it.
type Collection struct {
	Address Address
	// About says what the vectors are, once Find has found it or Create has made it: Count,
	// Generation and Files are empty, and Data has no hash.
	About index.About

	client    *weaviate.Client
	transport *transport
}

// mostAtOnce bounds the requests that are on their way.
const mostAtOnce = 8

// clients are never collected: the library's finaliser of a connection blocks for ever, and
// with it all finalisers of the process.
var clients struct {
	sync.Mutex
	kept []*weaviate.Client
}

// Connect returns the collection of that address. Whether a server answers
// shows later. token is an API
// key, "" for a server that lets everybody in.
func Connect(a Address, token string) (*Collection, error) {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = mostAtOnce
	t := &transport{hosts: a.Hosts, base: base, window: newWindow(mostAtOnce), token: token, timeout: time.Minute, wait: 100 * time.Millisecond}
	scheme := "http"
	if a.TLS {
		scheme = "https"
	}
	client, err := weaviate.NewClient(weaviate.Config{Scheme: scheme, Host: a.Hosts[0], ConnectionClient: &http.Client{Transport: t}})
	if err != nil {
		return nil, err
	}
	t.patience = 5 * time.Minute // from here on: the client has asked for the server's version, and can do without
	clients.Lock()
	defer clients.Unlock()
	clients.kept = append(clients.kept, client)
	return &Collection{Address: a, client: client, transport: t}, nil
}

// Properties of an object beside its vector: an Entry's.
const (
	propertyID    = "imageId" // id is the server's own
	propertyPath  = "path"
	propertyLabel = "label"
	propertyHash  = "hash"
)

// mark begins the description of a collection that Create made; what the vectors are follows in JSON.
const mark = "Embeddings by alike: "

// Find reads what the collection holds, and says whether it is there.
func (c *Collection) Find(ctx context.Context) (bool, error) {
	class, err := c.client.Schema().ClassGetter().WithClassName(c.Address.Collection).Do(ctx)
	if status(err) == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, c.explain(err)
	}
	text, ours := strings.CutPrefix(class.Description, mark)
	if !ours || json.Unmarshal([]byte(text), &c.About) != nil {
		return false, fmt.Errorf("%s was not made by alike: nothing is known of its vectors; name another collection", c.Address)
	}
	return true, nil
}

// Create makes the collection for vectors of that kind, with as many replicas of each object,
// 0 for what the server does by itself. One that is there already must be of the same kind.
func (c *Collection) Create(ctx context.Context, about index.About, replicas int) error {
	found, err := c.Find(ctx)
	if err != nil {
		return err
	}
	if !found {
		if err := c.create(ctx, about, replicas); err != nil {
			return err
		}
		if found, err = c.Find(ctx); err != nil || !found {
			return fmt.Errorf("%s was made but is not there: %w", c.Address, err)
		}
	}
	if why := about.Unlike(c.About); why != "" {
		return fmt.Errorf("%s holds other vectors: %s; name another collection, or delete that one", c.Address, why)
	}
	return nil
}

func (c *Collection) create(ctx context.Context, about index.About, replicas int) error {
	about.Count, about.Generation, about.Normalized, about.Files, about.Graph, about.Data.SHA256 = 0, 0, true, index.Files{}, nil, ""
	text, err := json.Marshal(about)
	if err != nil {
		return err
	}
	class := &models.Class{
		Class:             c.Address.Collection,
		Description:       mark + string(text),
		Vectorizer:        "none",
		VectorIndexType:   "hnsw",
		VectorIndexConfig: map[string]any{"distance": "cosine"},
		Properties: []*models.Property{
			text1(propertyID, true), text1(propertyPath, false), text1(propertyLabel, true), text1(propertyHash, false),
		},
	}
	if replicas > 0 {
		class.ReplicationConfig = &models.ReplicationConfig{
			Factor:           int64(replicas),
			AsyncEnabled:     replicas > 1, // a node that was away catches up by itself
			DeletionStrategy: models.ReplicationConfigDeletionStrategyTimeBasedResolution,
		}
	}
	err = c.client.Schema().ClassCreator().WithClass(class).Do(ctx)
	if status(err) == http.StatusUnprocessableEntity && strings.Contains(err.Error(), "already exists") {
		return nil // another job was faster
	}
	return c.explain(err)
}

// text1 is a property that holds a text as a whole.
func text1(name string, filterable bool) *models.Property {
	no := false
	return &models.Property{Name: name, DataType: []string{"text"}, Tokenization: "field", IndexFilterable: &filterable, IndexSearchable: &no}
}

// Count is the number of objects.
func (c *Collection) Count(ctx context.Context) (int, error) {
	var answer struct {
		Aggregate map[string][]struct {
			Meta struct{ Count int }
		}
	}
	query := fmt.Sprintf("{Aggregate{%s{meta{count}}}}", c.Address.Collection)
	if err := c.graphQL(ctx, query, &answer); err != nil {
		return 0, err
	}
	groups := answer.Aggregate[c.Address.Collection]
	if len(groups) != 1 {
		return 0, fmt.Errorf("%s: the server counts %d groups, want 1", c.Address, len(groups))
	}
	return groups[0].Meta.Count, nil
}

// graphQL asks a query.
func (c *Collection) graphQL(ctx context.Context, query string, answer any) error {
	r, err := c.client.GraphQL().Raw().WithQuery(query).Do(ctx)
	if err != nil {
		return c.explain(err)
	}
	for _, e := range r.Errors {
		return fmt.Errorf("%s: %s", c.Address, e.Message)
	}
	b, err := json.Marshal(r.Data)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, answer)
}

// status is that of an answer which the client did not expect, 0 if there is none.
func status(err error) int {
	var e *wfault.WeaviateClientError
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}

// explain makes a sentence of an error of the client.
func (c *Collection) explain(err error) error {
	var client *wfault.WeaviateClientError
	if errors.As(err, &client) {
		if client.DerivedFromError == nil {
			return fmt.Errorf("%s: %s", c.Address, sentence(client.StatusCode, []byte(client.Msg)))
		}
		err = client.DerivedFromError
	}
	var where *url.Error
	if errors.As(err, &where) {
		err = where.Err
	}
	return err
}

// sentence is what an answer says, if it says anything.
func sentence(status int, body []byte) string {
	var answer struct {
		Error []struct{ Message string }
	}
	if json.Unmarshal(body, &answer) == nil && len(answer.Error) > 0 {
		return answer.Error[0].Message
	}
	return fmt.Sprintf("status %d %s", status, http.StatusText(status))
}
