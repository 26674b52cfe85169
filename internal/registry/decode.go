package registry

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// unknownField is how the YAML library says that a field is not there.
var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// Decode reads a YAML document into v, over what v holds. A key that v does not
// have is an error, which names it and its line. An empty document changes nothing.
func Decode(document []byte, v any) error {
	dec := yaml.NewDecoder(bytes.NewReader(document))
	dec.KnownFields(true)
	err := dec.Decode(v)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if faults := (*yaml.TypeError)(nil); errors.As(err, &faults) {
		return errors.New(unknownField.ReplaceAllString(strings.Join(faults.Errors, "; "), "there is no key $1"))
	}
	return err
}
