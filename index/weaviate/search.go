package weaviate

import (
	"context"
	"errors"
	"fmt"

	"github.com/weaviate/weaviate-go-client/v5/weaviate/filters"
	"github.com/weaviate/weaviate-go-client/v5/weaviate/graphql"

	"alike/eval"
	"alike/index"
)

// SearchWhere returns for each query its k most similar objects, best first, as the server's
// graph finds them: it may miss some. A filter may name classes; Index of a hit is -1.
func (c *Collection) SearchWhere(ctx context.Context, queries *eval.Features, k int, f index.Filter) ([][]index.Hit, error) {
	if queries.D != c.About.Dim {
		return nil, fmt.Errorf("search: the queries' embeddings have %d values, those of %s %d: they come from different models or layers", queries.D, c.Address, c.About.Dim)
	}
	if f.Path != "" {
		return nil, errors.New("search: a collection can be filtered by classes, not by a pattern for ids; search an index for that")
	}
	hits := make([][]index.Hit, queries.N)
	for q := range hits {
		var err error
		if hits[q], err = c.search(ctx, queries.Data[q*queries.D:][:queries.D], k, f.Classes); err != nil {
			return nil, err
		}
	}
	return hits, nil
}

func (c *Collection) search(ctx context.Context, query []float32, k int, classes []string) ([]index.Hit, error) {
	get := c.client.GraphQL().Get().WithClassName(c.Address.Collection).WithLimit(k).
		WithNearVector((&graphql.NearVectorArgumentBuilder{}).WithVector(query)).
		WithFields(graphql.Field{Name: propertyID}, graphql.Field{Name: propertyLabel}, graphql.Field{Name: propertyPath},
			graphql.Field{Name: "_additional", Fields: []graphql.Field{{Name: "distance"}}})
	if len(classes) > 0 {
		get = get.WithWhere(filters.Where().WithPath([]string{propertyLabel}).WithOperator(filters.ContainsAny).WithValueText(classes...))
	}
	var answer struct {
		Get map[string][]struct {
			ImageID    string
			Label      string
			Path       string
			Additional struct{ Distance float32 } `json:"_additional"`
		}
	}
	if err := c.graphQL(ctx, get.Build(), &answer); err != nil {
		return nil, err
	}
	var hits []index.Hit
	for _, o := range answer.Get[c.Address.Collection] {
		hits = append(hits, index.Hit{Index: -1, ID: o.ImageID, Class: o.Label, Path: o.Path, Similarity: 1 - o.Additional.Distance})
	}
	return hits, nil
}
