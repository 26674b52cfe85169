package augment

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"alike/internal/registry"
)

// Parse reads steps from a line like
//
//	crop(0.08, 1) flip jitter(0.5) gray(0.2) blur(p=0.5, sigma=[0.1, 2])
//
// A step is a name of Augmentations, in brackets first the numbers that may stand
// without a name, then parameters by their names in a configuration file. What is left
// out has the step's default. The line must make a valid Config.
func Parse(line string) (Config, error) {
	var c Config
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		var written string
		var err error
		if written, rest, err = cutStep(rest); err != nil {
			return nil, fmt.Errorf("views: %w", err)
		}
		step, err := parseStep(written)
		if err != nil {
			return nil, fmt.Errorf("views: %w", err)
		}
		c = append(c, step)
	}
	return c, c.Validate()
}

// cutStep splits a line behind its first step.
func cutStep(line string) (step, rest string, err error) {
	end := strings.IndexAny(line, "( \t\n")
	if end < 0 {
		return line, "", nil
	}
	if open := strings.TrimLeft(line[end:], " \t\n"); open[0] != '(' { // the line does not end with a space
		return line[:end], line[end:], nil
	}
	closing := strings.IndexByte(line, ')')
	if closing < 0 {
		return "", "", fmt.Errorf("%s has no closing bracket: want one, as in flip(0.5)", line)
	}
	return line[:closing+1], line[closing+1:], nil
}

// parseStep reads one step: a name, and parameters in brackets.
func parseStep(written string) (Step, error) {
	name, list, brackets := strings.Cut(written, "(")
	name = strings.TrimSpace(name)
	if brackets {
		list = strings.TrimSuffix(list, ")")
	}
	step, err := Augmentations.Default(name)
	if err != nil {
		return nil, err
	}
	var numbers []float64
	var named [][2]string
	for _, arg := range arguments(list) {
		key, value, ok := strings.Cut(arg, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if ok {
			named = append(named, [2]string{key, value})
			continue
		}
		x, err := strconv.ParseFloat(key, 64)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %q is not a number: want one, or KEY=VALUE with a key of %s", name, key, keys(step))
		case len(named) > 0:
			return nil, fmt.Errorf("%s: %s comes after %s=: want numbers without names first", name, key, named[0][0])
		}
		numbers = append(numbers, x)
	}
	if len(numbers) > 0 {
		if err := step.numbers(numbers); err != nil {
			return nil, fmt.Errorf("%s: %s without names: %w", name, count(len(numbers)), err)
		}
	}
	for i, kv := range named {
		if slices.ContainsFunc(named[:i], func(other [2]string) bool { return other[0] == kv[0] }) {
			return nil, fmt.Errorf("%s: %s is set twice: want it once", name, kv[0])
		}
		if err := setField(step, kv[0], kv[1]); err != nil {
			return nil, err
		}
	}
	return step, nil
}

func count(n int) string {
	if n == 1 {
		return "1 number"
	}
	return fmt.Sprintf("%d numbers", n)
}

// arguments splits a list at its commas, those within square brackets left out.
func arguments(list string) (args []string) {
	depth, start := 0, 0
	for i, r := range list {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == ',' && depth == 0:
			args = append(args, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	if last := strings.TrimSpace(list[start:]); last != "" || len(args) > 0 {
		args = append(args, last)
	}
	return args
}

// settings are the parameters of a step by their keys.
func settings(step Step) (map[string]any, error) {
	document, err := yaml.Marshal(step)
	if err != nil {
		return nil, err
	}
	m := map[string]any{}
	return m, yaml.Unmarshal(document, &m)
}

func keys(step Step) string {
	m, _ := settings(step)
	if len(m) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// overlay sets parameters of a step by their keys.
func overlay(step Step, values map[string]any) error {
	document, err := yaml.Marshal(values)
	if err != nil {
		return err
	}
	return registry.Decode(document, step)
}

// setField sets one parameter to a value as a configuration file writes it.
func setField(step Step, key, value string) error {
	m, err := settings(step)
	if err != nil {
		return err
	}
	now, ok := m[key]
	if !ok {
		return fmt.Errorf("%s: there is no parameter %q; have %s", step.name(), key, keys(step))
	}
	var v any
	if yaml.Unmarshal([]byte(value), &v) != nil || v == nil || overlay(step, map[string]any{key: v}) != nil {
		return fmt.Errorf("%s: %s is %q: want something like %s", step.name(), key, value, example(now))
	}
	return nil
}

// example writes a value as Parse reads it.
func example(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	var parts []string
	for _, x := range list {
		parts = append(parts, fmt.Sprint(x))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// MarshalYAML implements yaml.Marshaler: the list of steps, every parameter spelt out.
func (c Config) MarshalYAML() (any, error) {
	list := make([]registry.Choice, len(c))
	for i, step := range c {
		var err error
		if list[i], err = registry.Choose(step.name(), step); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// UnmarshalYAML implements yaml.Unmarshaler. A list of steps replaces the present
// ones, each either a mapping with a name or written as for Parse; so does a line for
// Parse. A mapping changes parameters of present steps by their names:
//
//	views: crop(0.08, 1) flip gray(0.2)
//	views: [crop, {name: blur, p: 0.5}]
//	views: {crop: {area: [0.2, 1]}}
func (c *Config) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.ScalarNode:
		parsed, err := Parse(n.Value)
		*c = parsed
		return err
	case yaml.MappingNode:
		return c.change(n)
	case yaml.SequenceNode:
	default:
		return fmt.Errorf("line %d: views: want a list of steps", n.Line)
	}
	var list Config
	for _, item := range n.Content {
		step, err := decodeStep(item)
		if err != nil {
			return fmt.Errorf("line %d: views: %w", item.Line, err)
		}
		list = append(list, step)
	}
	*c = list
	return nil
}

func decodeStep(item *yaml.Node) (Step, error) {
	if item.Kind == yaml.ScalarNode {
		return parseStep(item.Value)
	}
	var choice registry.Choice
	if err := item.Decode(&choice); err != nil {
		return nil, err
	}
	return Augmentations.New(choice)
}

// change overlays parameters on the steps that a mapping names.
func (c *Config) change(n *yaml.Node) error {
	list := slices.Clone(*c)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, values := n.Content[i].Value, n.Content[i+1]
		at, err := c.find(name)
		if err != nil {
			return fmt.Errorf("line %d: %w", values.Line, err)
		}
		present, err := registry.Choose(name, list[at])
		if err != nil {
			return err
		}
		if list[at], err = Augmentations.New(present); err != nil { // a copy: the present one may be shared
			return err
		}
		document, err := yaml.Marshal(values)
		if err != nil {
			return err
		}
		if err := registry.Decode(document, list[at]); err != nil {
			return fmt.Errorf("line %d: views: %s: %w", values.Line, name, err)
		}
	}
	*c = list
	return nil
}

// find is the position of the only step of a name.
func (c Config) find(name string) (int, error) {
	found := -1
	var names []string
	for i, step := range c {
		names = append(names, step.name())
		if step.name() == name {
			if found >= 0 {
				return 0, fmt.Errorf("views: %s occurs more than once: want the list of all steps, not a change", name)
			}
			found = i
		}
	}
	if found < 0 {
		return 0, fmt.Errorf("views: there is no %s to change; have %s; a list of steps replaces them", name, strings.Join(names, ", "))
	}
	return found, nil
}
