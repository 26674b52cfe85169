package train

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"alike/encoder"
)

// newStore is where training starts: an empty store, or one with the encoder's
// weights of another run's last checkpoint.
func (c *Config) newStore() (*model.Store, error) {
	store := model.NewStore()
	if c.Init == "" {
		return store, nil
	}
	other, err := Open(c.Init)
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	a, err := encoder.Encoders.New(other.Config.Encoder)
	if err != nil {
		return nil, fmt.Errorf("init: %s: %w", c.Init, err)
	}
	b, err := encoder.Encoders.New(c.Encoder)
	if err != nil {
		return nil, err
	}
	if other.Config.Encoder.Name != c.Encoder.Name || !reflect.DeepEqual(a, b) {
		return nil, fmt.Errorf("init: the encoder of %s is %s, that of this run %s: they must be equal, parameters included (config.yaml has them)",
			c.Init, other.Config.Encoder.Name, c.Encoder.Name)
	}
	steps, err := checkpointSteps(other.checkpointsDir())
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("init: %s has no checkpoint yet", c.Init)
	}
	dir := other.checkpointDir(steps[len(steps)-1])
	if err := checkSums(dir); err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	weights, err := readTensors(filepath.Join(dir, modelFile))
	if err != nil {
		return nil, fmt.Errorf("init: %s: %w", dir, err)
	}
	for name := range weights {
		if strings.HasPrefix(name, headScope+".") || strings.HasPrefix(name, lossScope+".") {
			delete(weights, name)
		}
	}
	return store, restore(store, "", weights)
}
