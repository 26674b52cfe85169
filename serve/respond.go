package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	"alike/dataset"
)

// failure is an answer that is no success: a status and one sentence.
type failure struct {
	status  int
	message string
}

func (f *failure) Error() string { return f.message }

// Fail is the error of a handler that is answered by this status and one sentence.
func Fail(status int, format string, args ...any) error {
	return &failure{status, fmt.Sprintf(format, args...)}
}

// failureOf gives an error its status. What is our own fault is not explained to
// the client; the log has it under the request's id.
func failureOf(err error) *failure {
	var (
		known    *failure
		tooLarge *http.MaxBytesError
		pixels   *dataset.PixelsError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooLarge):
		return &failure{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes; send less at once", tooLarge.Limit)}
	case errors.As(err, &pixels):
		return &failure{http.StatusRequestEntityTooLarge, "the image: " + pixels.Error()}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &failure{http.StatusRequestTimeout, "the request came too slowly; send it faster or smaller"}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{http.StatusServiceUnavailable, "there was no time to answer; try later, or ask for less"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &failure{http.StatusBadRequest, "the body is cut short"}
	case errors.Is(err, context.Canceled):
		return &failure{499, "the client has gone"}
	}
	return &failure{http.StatusInternalServerError, "something went wrong here; the log says what, under this request_id"}
}

// Answer writes v as JSON.
func Answer(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone
	return nil
}

// refuse writes a failure.
func refuse(w http.ResponseWriter, f *failure, request string) {
	switch f.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="alike"`)
	}
	_ = Answer(w, f.status, map[string]string{"error": f.message, "request_id": request})
}
