package registry

import (
	"fmt"
	"maps"

	"go.yaml.in/yaml/v3"
)

// Choice is a part's name with the parameters that differ from its defaults.
// In YAML it is either the bare name or a mapping with the key "name":
//
//	loss: ntxent
//	loss: {name: ntxent, temperature: 0.5}
//
// A mapping without the key changes parameters of the part that was chosen before.
type Choice struct {
	Name   string
	params []byte // YAML mapping without the name; empty for all defaults
}

// Choose returns the choice of name with every field of params, a struct with
// yaml tags, spelt out. A nil params leaves all defaults.
func Choose(name string, params any) (Choice, error) {
	if params == nil {
		return Choice{Name: name}, nil
	}
	b, err := yaml.Marshal(params)
	return Choice{Name: name, params: b}, err
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (c *Choice) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*c = Choice{Name: n.Value}
		return nil
	}
	params := map[string]yaml.Node{}
	if err := n.Decode(&params); err != nil {
		return fmt.Errorf("line %d: want a name, or a mapping with a name", n.Line)
	}
	if name, ok := params["name"]; ok {
		*c = Choice{Name: name.Value}
		delete(params, "name")
	}
	if c.Name == "" {
		return fmt.Errorf("line %d: the mapping has no name", n.Line)
	}
	if len(params) == 0 {
		return nil
	}
	all := map[string]yaml.Node{}
	if err := yaml.Unmarshal(c.params, &all); err != nil {
		return err
	}
	maps.Copy(all, params)
	var err error
	c.params, err = yaml.Marshal(all)
	return err
}

// MarshalYAML implements yaml.Marshaler.
func (c Choice) MarshalYAML() (any, error) {
	var params yaml.Node
	if err := yaml.Unmarshal(c.params, &params); err != nil {
		return nil, err
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Value: "name"}, {Kind: yaml.ScalarNode, Value: c.Name},
	}}
	if len(params.Content) == 1 && params.Content[0].Kind == yaml.MappingNode {
		out.Content = append(out.Content, params.Content[0].Content...)
	}
	return out, nil
}
