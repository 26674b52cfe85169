package export

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"errors"
	"os"
	"path"
	"path/filepath"
	"time"

	"alike/dataset"
)

// archive is a tar file.
type archive struct {
	file *os.File
	tar  *tar.Writer
}

func newTar(out string) (*archive, error) {
	f, err := os.Create(out)
	if err != nil {
		return nil, err
	}
	return &archive{f, tar.NewWriter(f)}, nil
}

func (a *archive) add(x entry) error { return a.write(x.name, x.png) }

func (a *archive) write(name string, content []byte) error {
	err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0), Format: tar.FormatPAX})
	if err == nil {
		_, err = a.tar.Write(content)
	}
	return err
}

func (a *archive) close() error { return errors.Join(a.tar.Close(), a.file.Close()) }

// zipped is a zip file; PNGs are stored, since they are compressed already.
type zipped struct {
	file *os.File
	zip  *zip.Writer
}

func newZip(out string) (writer, error) {
	f, err := os.Create(out)
	if err != nil {
		return nil, err
	}
	return zipped{f, zip.NewWriter(f)}, nil
}

func (z zipped) add(x entry) error {
	w, err := z.zip.CreateHeader(&zip.FileHeader{Name: x.name, Method: zip.Store})
	if err == nil {
		_, err = w.Write(x.png)
	}
	return err
}

func (z zipped) close() error { return errors.Join(z.zip.Close(), z.file.Close()) }

// shards are tar files of a split each, with KEY.png and KEY.cls.
type shards struct {
	root string
	open map[string]*archive // by split
}

func newShards(out string) (writer, error) {
	return &shards{out, map[string]*archive{}}, os.Mkdir(out, 0o755)
}

func (s *shards) add(x entry) (err error) {
	split := cmp.Or(x.split, dataset.All)
	a := s.open[split]
	if a == nil {
		if a, err = newTar(filepath.Join(s.root, split+".tar")); err != nil {
			return err
		}
		s.open[split] = a
	}
	key := path.Base(x.name)
	if err := a.write(key, x.png); err != nil || x.class == "" {
		return err
	}
	return a.write(key[:len(key)-len(".png")]+".cls", []byte(x.class))
}

func (s *shards) close() error {
	var errs []error
	for _, a := range s.open {
		errs = append(errs, a.close())
	}
	return errors.Join(errs...)
}
