package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"alike/dataset"
	"alike/index"
)

// maxID is the most bytes of an image's id, and of a class's name.
const maxID = 1024

// Parameters reads the request's parameters, which must be among the known ones.
func Parameters(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, Fail(http.StatusBadRequest, "the parameters cannot be read; write them as name=value&name=value, percent-encoded")
	}
next:
	for name, v := range values {
		for _, k := range known {
			if name == k && len(v) == 1 {
				continue next
			}
		}
		want := "none"
		if len(known) > 0 {
			want = strings.Join(known, ", ") + ", each once"
		}
		return nil, Fail(http.StatusBadRequest, "parameter %.40q: want %s", name, want)
	}
	return values, nil
}

// query reads what is to be found, but for the vector.
func (s *Server) query(values url.Values) (query, error) {
	q := query{k: min(10, s.config.MaxK), class: values.Get("class"), path: values.Get("path")}
	if text := values.Get("k"); text != "" {
		var err error
		if q.k, err = strconv.Atoi(text); err != nil || q.k < 1 || q.k > s.config.MaxK {
			return q, Fail(http.StatusBadRequest, "k %.20q: want a whole number from 1 to %d", text, s.config.MaxK)
		}
	}
	if err := (index.Filter{Path: q.path}).Validate(); err != nil || len(q.path) > maxID {
		return q, Fail(http.StatusBadRequest, "path %.60q: want a pattern for ids, with *, ? and [a-z] within a name", q.path)
	}
	return q, nil
}

// name checks an id or the name of a class.
func name(what, text string) error {
	switch {
	case len(text) > maxID:
		return Fail(http.StatusBadRequest, "%s: it has %d bytes, want at most %d", what, len(text), maxID)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return Fail(http.StatusBadRequest, "%s: want UTF-8 without control characters", what)
	}
	return nil
}

// newID checks the id of an image that is to be added. Ids are often paths: one
// that leads out of its folder would be a trap for whoever writes files by them.
func newID(id string) error {
	if id == "" {
		return Fail(http.StatusBadRequest, "id is needed: the name of the image, e.g. ?id=cats/1.jpg")
	}
	if err := name("id", id); err != nil {
		return err
	}
	if strings.Contains(id, `\`) || path.IsAbs(id) || path.Clean(id) != id || id == "." || strings.HasPrefix(id, "../") || id == ".." {
		return Fail(http.StatusBadRequest, "id %.60q: want a name or a relative path with single slashes and without . or .. in it", id)
	}
	return nil
}

// isJSON says whether the body is JSON, or refuses its type.
func isJSON(r *http.Request) (bool, error) {
	kind, err := bodyType(r)
	return kind == "application/json", err
}

// bodyType is the media type of the body: JSON, several parts, or an image.
func bodyType(r *http.Request) (string, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return "", Fail(http.StatusUnsupportedMediaType, "Content-Encoding %.40q: want none", e)
	}
	header := r.Header.Get("Content-Type")
	if header == "" {
		return "application/octet-stream", nil
	}
	kind, _, err := mime.ParseMediaType(header)
	if err == nil && (kind == "application/json" || kind == "multipart/form-data" || kind == "application/octet-stream" || strings.HasPrefix(kind, "image/")) {
		return kind, nil
	}
	return "", Fail(http.StatusUnsupportedMediaType, "Content-Type %.60q: want an image (image/jpeg, ...), multipart/form-data or application/json", header)
}

// readJSON reads the body, one JSON object with known fields.
func readJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err = d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), "json: ")
		return Fail(http.StatusBadRequest, "the JSON cannot be read (%.120s)", reason)
	}
	return nil
}

// vector checks a vector of a client.
func (v *service) vector(values []float32) error {
	if len(values) != v.model.Dim() {
		return Fail(http.StatusBadRequest, "vector: it has %d values, want the model's %d", len(values), v.model.Dim())
	}
	for _, x := range values {
		if x != 0 {
			return nil
		}
	}
	return Fail(http.StatusBadRequest, "vector: all its values are 0, so that it has no direction")
}

// views reads the images of the body, at most that many, as the network sees them. look, unless it
// is nil, is shown each.
func (s *Server) views(r *http.Request, v *service, most int, look func(dataset.Image) error) ([][]float32, error) {
	kind, err := bodyType(r)
	switch {
	case err != nil:
		return nil, err
	case kind == "application/json":
		return nil, Fail(http.StatusUnsupportedMediaType, "the body is JSON, want an image or multipart/form-data")
	case kind != "multipart/form-data":
		view, err := s.view(r.Context(), v, r.Body, look)
		return [][]float32{view}, err
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, Fail(http.StatusBadRequest, "the multipart body has no boundary")
	}
	var all [][]float32
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, multipartFault(err)
		}
		if len(all) == most {
			return nil, Fail(http.StatusRequestEntityTooLarge, "the request has more than %d images; send fewer at once", most)
		}
		view, err := s.view(r.Context(), v, part, look)
		if err != nil {
			if f := failureOf(multipartFault(err)); f.status < 500 {
				return nil, &failure{f.status, fmt.Sprintf("image %d: %s", len(all)+1, f.message)}
			}
			return nil, err
		}
		all = append(all, view)
	}
	if len(all) == 0 {
		return nil, Fail(http.StatusBadRequest, "the request has no image")
	}
	return all, nil
}

// multipartFault is the client's fault, unless it is one that is known.
func multipartFault(err error) error {
	if failureOf(err).status != http.StatusInternalServerError {
		return err
	}
	return Fail(http.StatusBadRequest, "the multipart body cannot be read (%.80s)", err)
}

// view reads one image and drops it for what the network sees of it. Only as many
// are decoded at a time as there are cores: that bounds the memory for pixels.
func (s *Server) view(ctx context.Context, v *service, body io.Reader, look func(dataset.Image) error) ([]float32, error) {
	file, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	if len(file) == 0 {
		return nil, Fail(http.StatusBadRequest, "the image is empty")
	}
	select {
	case s.decode <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.decode }()
	img, err := dataset.Decode(file, s.config.MaxPixels)
	if pixels := (*dataset.PixelsError)(nil); errors.As(err, &pixels) {
		return nil, err
	}
	if err != nil {
		return nil, Fail(http.StatusUnprocessableEntity, "the image: %.200s", err)
	}
	if look != nil {
		if err := look(img); err != nil {
			return nil, err
		}
	}
	return v.model.Prepare(img), nil
}
