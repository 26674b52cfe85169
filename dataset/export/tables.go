package export

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"alike/dataset"
)

// tables are Parquet files of a split each, with the columns of Hugging Face's Image feature.
type tables struct {
	root string
	open map[string]*table
}

type table struct {
	file *os.File
	rows *parquet.GenericWriter[row]
	n    int // rows of the group
	size int // bytes of their images
}

type row struct {
	Image struct {
		Bytes []byte `parquet:"bytes,plain"`
		Path  string `parquet:"path,plain"`
	} `parquet:"image"`
	Label *string `parquet:"label,optional,plain"`
}

// A row group, which writers and readers hold at once, ends when it has one of these.
const (
	perGroup  = 1000     // rows
	groupSize = 64 << 20 // bytes of images
)

func newTables(out string) (writer, error) {
	return &tables{out, map[string]*table{}}, os.Mkdir(out, 0o755)
}

func (t *tables) add(x entry) error {
	split := cmp.Or(x.split, dataset.All)
	one := t.open[split]
	if one == nil {
		f, err := os.Create(filepath.Join(t.root, split+".parquet"))
		if err != nil {
			return err
		}
		one = &table{file: f, rows: parquet.NewGenericWriter[row](f)}
		t.open[split] = one
	}
	var r row
	r.Image.Bytes, r.Image.Path = x.png, x.name
	if x.class != "" {
		r.Label = &x.class
	}
	if _, err := one.rows.Write([]row{r}); err != nil {
		return err
	}
	one.n, one.size = one.n+1, one.size+len(x.png)
	if one.n < perGroup && one.size < groupSize {
		return nil
	}
	one.n, one.size = 0, 0
	return one.rows.Flush()
}

func (t *tables) close() error {
	var errs []error
	for _, one := range t.open {
		errs = append(errs, one.rows.Close(), one.file.Close())
	}
	return errors.Join(errs...)
}
