package tensorboard_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/internal/tensorboard"
	"alike/internal/tensorboard/tensorboardtest"
)

// TestChecksum has the value of RFC 3720, B.4, for 32 zeros, 0x8a9136aa, rotated by 15 bits and with 0xa282ead8 added.
func TestChecksum(t *testing.T) {

	if got, want := tensorboard.Checksum(make([]byte, 32)), uint32(0x0fd7fffa); got != want {
		t.Errorf("%#x, want %#x", got, want)
	}
}

func file(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tensorboard.WriteVersion(&b, 100.5); err != nil {
		t.Fatal(err)
	}
	e := tensorboard.Event{Time: 101.25, Step: 300, Values: []tensorboard.Value{
		tensorboard.Scalar("loss", -0.5),
		tensorboard.Histogram("cosines", []float64{-1, 0, 1}, []int{2, 3}),
		tensorboard.Image("views", []byte("png"), 3, 2),
		tensorboard.Scalar("rate", 4),
	}}
	if err := e.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEventsAreReadBack(t *testing.T) {
	events, err := tensorboardtest.Read(file(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []tensorboardtest.Event{
		{Time: 100.5, Version: "brain.Event:2", Scalars: map[string]float64{}},
		{Time: 101.25, Step: 300, Scalars: map[string]float64{"loss": -0.5, "rate": 4}, Tags: []string{"loss", "cosines", "views", "rate"}},
	}
	if d := cmp.Diff(want, events); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestEveryFlippedBitIsFound needs both checksums of every record.
func TestEveryFlippedBitIsFound(t *testing.T) {
	good := file(t)
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		if _, err := tensorboardtest.Read(bad); err == nil {
			t.Fatalf("byte %d of %d can be wrong", at, len(good))
		}
	}
	if _, err := tensorboardtest.Read(good[:len(good)-1]); err == nil || !strings.Contains(err.Error(), "bytes are left") {
		t.Errorf("a cut file: %v", err)
	}
}

func TestProjectorWritesItsFiles(t *testing.T) {
	dir := t.TempDir()
	p := tensorboard.Projector{
		Name: "h", Vector: [][]float32{{1, -0.25}, {0.1, 2}}, ID: []string{"a\tb.jpg", "c.jpg"}, Class: []string{"cat", ""},
		Sprite: []byte("png"), Side: 32,
	}
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"projector/vectors.tsv":  "1\t-0.25\n0.1\t2\n",
		"projector/metadata.tsv": "id\tclass\na b.jpg\tcat\nc.jpg\t\n",
		"projector/sprite.png":   "png",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	config, err := os.ReadFile(filepath.Join(dir, "projector_config.pbtxt"))
	if err != nil || !strings.Contains(string(config), `tensor_path: "projector/vectors.tsv"`) || strings.Count(string(config), "single_image_dim: 32") != 2 {
		t.Errorf("configuration %s, %v", config, err)
	}
}
