package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"alike/train"
)

// owned are the keys that something else than --set decides.
var owned = map[string]string{
	"method":  "the METHOD behind 'train'",
	"data":    "--data",
	"split":   "what --data holds",
	"classes": "--classes",
	"size":    "--size",
}

// setKeys overlays keys like "loss.temperature=0.1" on the configuration, names
// of parts before their parameters, and then looks whether they go together.
func setKeys(cfg *train.Config, settings []string) error {
	before := cfg.Validate()
	named := func(s string) int {
		if key, _, _ := strings.Cut(s, "="); !strings.Contains(key, ".") || strings.HasSuffix(key, ".name") {
			return 0
		}
		return 1
	}
	for _, s := range slices.SortedStableFunc(slices.Values(settings), func(x, y string) int { return named(x) - named(y) }) {
		if err := setKey(cfg, s); err != nil {
			return misuse("--set %s: %w", s, err)
		}
	}
	err := cfg.Validate()
	if err != nil && before == nil && len(settings) == 1 {
		return misuse("--set %s: %w", settings[0], err)
	}
	if err != nil {
		return usageError{err}
	}
	return nil
}

func setKey(cfg *train.Config, setting string) error {
	key, value, ok := strings.Cut(setting, "=")
	if !ok {
		return errors.New("want KEY=VALUE, e.g. loss.temperature=0.1")
	}
	path := strings.Split(key, ".")
	if by, ok := owned[strings.TrimSuffix(key, ".name")]; ok {
		return fmt.Errorf("%s is decided by %s", path[0], by)
	}
	var parsed yaml.Node
	if err := yaml.Unmarshal([]byte(value), &parsed); err != nil {
		return errors.New("the value cannot be read: " + strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(parsed.Content) == 0 {
		return errors.New("it has no value")
	}
	var tree any = parsed.Content[0]
	for _, p := range slices.Backward(path) {
		tree = map[string]any{p: tree}
	}
	document, err := yaml.Marshal(tree)
	if err != nil {
		return err
	}
	if err := cfg.Overlay(document); err != nil {
		text := err.Error()
		if line, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(line, "line ") {
			text = rest // the document is ours
		}
		return errors.New(text)
	}
	return nil
}
