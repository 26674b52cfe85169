// Package registry names interchangeable parts: losses, methods, encoders,
// data formats, optimisers. A part adds itself in an init function; list,
// help texts, documentation tables and conformance tests range over Names.
package registry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validator is what a registered part must offer: all its faults at once.
type Validator interface{ Validate() error }

// Registry maps names to constructors of parts with their defaults.
// The zero value with Kind set is ready for use. Add may only be called from
// init functions; after that a Registry is read-only and may be shared.
type Registry[T Validator] struct {
	// Kind is what error messages call a part: "loss", "encoder".
	Kind string

	entries map[string]entry[T]
}

type entry[T Validator] struct {
	summary  string
	defaults func() T
}

// Add registers the constructor of a part under its name, with one line that
// says what it is and where it comes from. It panics on a duplicate.
func (r *Registry[T]) Add(name, summary string, defaults func() T) {
	if _, ok := r.entries[name]; ok {
		panic(fmt.Sprintf("%s %q is registered twice", r.Kind, name))
	}
	if r.entries == nil {
		r.entries = map[string]entry[T]{}
	}
	r.entries[name] = entry[T]{summary, defaults}
}

// Names returns the registered names in alphabetical order.
func (r *Registry[T]) Names() []string { return slices.Sorted(maps.Keys(r.entries)) }

// Summary returns the line given to Add, or "" for an unknown name.
func (r *Registry[T]) Summary(name string) string { return r.entries[name].summary }

// Default returns the named part with its defaults.
func (r *Registry[T]) Default(name string) (T, error) {
	e, ok := r.entries[name]
	if !ok {
		var none T
		return none, fmt.Errorf("unknown %s %q; have %s", r.Kind, name, strings.Join(r.Names(), ", "))
	}
	return e.defaults(), nil
}

// New returns the part that choice names: its defaults, overlaid with the
// choice's parameters, validated. A parameter it does not have is an error.
func (r *Registry[T]) New(choice Choice) (T, error) {
	v, err := r.Default(choice.Name)
	if err != nil {
		return v, err
	}
	if err := Decode(choice.params, v); err != nil {
		return v, below(r.Kind, err)
	}
	return v, each(v.Validate(), func(err error) error { return fmt.Errorf("%s %q: %w", r.Kind, choice.Name, err) })
}

// below puts the faults of a part below its key.
func below(key string, err error) error {
	return each(err, func(err error) error {
		if f, ok := err.(*Fault); ok {
			return &Fault{key + "." + f.Path, f.Unknown, f.Text}
		}
		return fmt.Errorf("%s: %w", key, err)
	})
}

// each applies f to an error, or to each of those that it joins.
func each(err error, f func(error) error) error {
	if err == nil {
		return nil
	}
	all, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return f(err)
	}
	var errs []error
	for _, e := range all.Unwrap() {
		errs = append(errs, each(e, f))
	}
	return errors.Join(errs...)
}

// Resolve returns the choice with every parameter of the part spelt out, for
// a saved configuration that does not change when a default does.
func (r *Registry[T]) Resolve(choice Choice) (Choice, error) {
	v, err := r.New(choice)
	if err != nil {
		return choice, err
	}
	return Choose(choice.Name, v)
}
