package train

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"alike/encoder"
	"alike/internal/weightfile"
)

// newStore is where training starts: an empty store, or one with the encoder's
// weights of another run's last checkpoint or of a file.
func (c *Config) newStore(b compute.Backend, log *slog.Logger) (*model.Store, error) {
	store := model.NewStore()
	if c.Init == "" {
		return store, nil
	}
	if slices.Contains(weightfile.Suffixes, strings.ToLower(filepath.Ext(c.Init))) {
		if err := c.initFromFile(b, store, log); err != nil {
			return nil, fmt.Errorf("init: %w", err)
		}
		return store, nil
	}
	other, err := Open(c.Init)
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	x, err := encoder.Encoders.New(other.Config.Encoder)
	if err != nil {
		return nil, fmt.Errorf("init: %s: %w", c.Init, err)
	}
	y, err := encoder.Encoders.New(c.Encoder)
	if err != nil {
		return nil, err
	}
	if other.Config.Encoder.Name != c.Encoder.Name || !reflect.DeepEqual(x, y) {
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
