package train

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/nlpodyssey/safetensors"

	"alike/internal/weightfile"
)

// initFromFile puts the encoder's weights of a file that others wrote into the store: of
// torchvision's and timm's names behind any prefix, as a network saved within another has
// them ("backbone.", "module.encoder_q."), or of lightly's, which number the parts. Batch norm's
// epsilon (1e-5) and the paddings of convolutions are the same there; of max pooling and
// shortcuts the encoder's parameters say what the file was trained with.
func (c *Config) initFromFile(b compute.Backend, store *model.Store, log *slog.Logger) error {
	tensors, err := weightfile.Read(c.Init)
	if err != nil {
		return err
	}
	want, err := c.encoderShapes(b)
	if err != nil {
		return err
	}
	prefix, rename := bestPrefix(tensors, want)
	weights := map[string]blob{}
	used := map[string]bool{}
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		source := prefix + rename(name)
		t, ok := tensors[source]
		switch {
		case !ok:
			faults = append(faults, "it lacks "+name)
		case !slices.Equal(t.Dims, want[name]):
			faults = append(faults, fmt.Sprintf("its %s is %v, want %v", source, t.Dims, want[name]))
		default:
			weights[name] = blob{dtype: safetensors.F32, dims: t.Dims, data: binaryOf(t.Data)}
			used[source] = true
		}
	}
	if len(faults) > 0 {
		const few = 3
		return fmt.Errorf("%s does not fit %s, %d of whose %d tensors it has: %s; --set encoder.shortcut=identity, encoder.stem and encoder.width make other variants",
			c.Init, c.Encoder.Name, len(used), len(want), strings.Join(faults[:min(few, len(faults))], "; "))
	}
	maps.DeleteFunc(tensors, func(name string, _ weightfile.Tensor) bool { return used[name] })
	log.Info("the encoder begins with the weights of a file", slog.String("file", c.Init), slog.Int("tensors", len(weights)),
		slog.String("prefix", prefix), slog.String("not used", fmt.Sprintf("%.10q", slices.Sorted(maps.Keys(tensors)))))
	return restore(store, "", weights)
}

// encoderShapes are the tensors of the run's encoder, in the layouts of files.
func (c *Config) encoderShapes(b compute.Backend) (map[string][]int, error) {
	p, err := c.build()
	if err != nil {
		return nil, err
	}
	store := model.NewStore()
	defer store.Finalize()
	exec, err := model.NewExec(b, store, p.encoder.Graph)
	if err == nil {
		defer exec.Finalize()
		_, err = exec.Compile(c.inputShape(PixelsFloat32, 1)) // which names all weights
	}
	if err != nil {
		return nil, compileError("encoder", err)
	}
	shapes := map[string][]int{}
	for v := range store.IterVariables() {
		if path := v.Path(); path != model.RootScopePath+model.RNGStateVariableName {
			shapes[dotted(path)] = outer(v.Shape().Dimensions)
		}
	}
	return shapes, nil
}

// sequential are the places of a ResNet's parts where it is saved as a sequence of them.
var sequential = map[string]string{"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}

func plainName(name string) string { return name }

func numberedName(name string) string {
	part, rest, _ := strings.Cut(name, ".")
	if number, ok := sequential[part]; ok {
		return number + "." + rest
	}
	return name
}

// trainedParts are the words in the prefix of a network that was trained, where another of the same tensors trails it
// (encoder_k, target, teacher).
var trainedParts = []string{"_q.", "query", "online", "student"}

func isTrained(prefix string) bool {
	return slices.ContainsFunc(trainedParts, func(word string) bool { return strings.Contains(prefix, word) })
}

// bestPrefix is what stands before the names of most of the wanted tensors in a file, and
// how these are written there. Of two with as many, that of a trained network is taken, else the first in the alphabet.
func bestPrefix(tensors map[string]weightfile.Tensor, want map[string][]int) (prefix string, rename func(string) string) {
	rename = plainName
	best := 0
	for _, way := range []func(string) string{plainName, numberedName} {
		counts := map[string]int{}
		for name := range want {
			for have := range tensors {
				if p, ok := strings.CutSuffix(have, way(name)); ok && (p == "" || strings.HasSuffix(p, ".")) {
					counts[p]++
				}
			}
		}
		for _, p := range slices.Sorted(maps.Keys(counts)) {
			if counts[p] > best || counts[p] == best && isTrained(p) && !isTrained(prefix) {
				best, prefix, rename = counts[p], p, way
			}
		}
	}
	return prefix, rename
}
