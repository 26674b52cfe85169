package tensorboard

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"alike/internal/atomicfile"
)

// Projector is what TensorBoard's projector shows: points with a picture and a class each.
type Projector struct {
	Name   string      // of the embedding
	Vector [][]float32 // of each point
	ID     []string
	Class  []string // "" where there is none
	Sprite []byte   // PNG of all pictures, row by row, in a grid that is as wide as high
	Side   int      // of a picture in it, pixels
}

// The projector's files.
const (
	projectorConfig   = "projector_config.pbtxt" // the name that TensorBoard looks for
	projectorVectors  = "projector/vectors.tsv"
	projectorMetadata = "projector/metadata.tsv"
	projectorSprite   = "projector/sprite.png"
)

// Write writes its files into a folder of event files.
func (p *Projector) Write(dir string) error {
	var vectors, metadata bytes.Buffer
	metadata.WriteString("id\tclass\n")
	plain := strings.NewReplacer("\t", " ", "\n", " ")
	for i, v := range p.Vector {
		for d, x := range v {
			if d > 0 {
				vectors.WriteByte('\t')
			}
			vectors.WriteString(strconv.FormatFloat(float64(x), 'g', 6, 32))
		}
		vectors.WriteByte('\n')
		fmt.Fprintf(&metadata, "%s\t%s\n", plain.Replace(p.ID[i]), plain.Replace(p.Class[i]))
	}
	config := fmt.Sprintf(`embeddings {
  tensor_name: %q
  tensor_path: %q
  metadata_path: %q
  sprite {
    image_path: %q
    single_image_dim: %d
    single_image_dim: %d
  }
}
`, p.Name, projectorVectors, projectorMetadata, projectorSprite, p.Side, p.Side)
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(projectorSprite)), 0o755); err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{{projectorVectors, vectors.Bytes()}, {projectorMetadata, metadata.Bytes()}, {projectorSprite, p.Sprite}, {projectorConfig, []byte(config)}} {
		if err := atomicfile.Write(filepath.Join(dir, filepath.FromSlash(f.name)), f.content); err != nil {
			return err
		}
	}
	return nil
}
