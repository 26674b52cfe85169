package train

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"alike/dataset"
	"alike/dataset/builtin"
	"alike/internal/registry"
)

// TestInit starts a run with another run's encoder: the same weights but for the
// head, and the same embedding h before the first step.
func TestInit(t *testing.T) {
	images, err := builtin.Sprites(t.Context(), dataset.Train, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, dir := engine(t, ""), t.TempDir()
	first, err := Create(filepath.Join(dir, "first"), methodConfig(t, "simclr", "", images))
	if err != nil {
		t.Fatal(err)
	}
	trained(t, first, images, b, Options{Steps: 3})
	c := methodConfig(t, "ice", "", images)
	c.Encoder, c.Init = first.Config.Encoder, first.Dir
	second, err := Create(filepath.Join(dir, "second"), c)
	if err != nil {
		t.Fatal(err)
	}
	trained(t, second, images, b, Options{Steps: 1})
	embed := func(m *Model, err error) []float32 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		h, err := m.Embed(t.Context(), images, "h", nil)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	want := embed(first.Model(b, -1))
	for name, h := range map[string][]float32{"the checkpoint of step 0": embed(second.Model(b, 0)), "the untrained network": embed(second.Untrained(b))} {
		for i, v := range want {
			if h[i] != v {
				t.Fatalf("%s: h[%d] is %g, want %g", name, i, h[i], v)
			}
		}
	}
	c.Encoder = registry.Choice{Name: "resnet14"}
	if _, err := c.newStore(b, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "the encoder of "+first.Dir+" is resnet8, that of this run resnet14") {
		t.Errorf("another encoder: %v", err)
	}
	c.Init = filepath.Join(dir, "none")
	if _, err := c.newStore(b, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "is not a run") {
		t.Errorf("no run: %v", err)
	}
}
