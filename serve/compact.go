package serve

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"alike/internal/atomicfile"
)

// A journal of a gallery that it cannot be folded into would grow for ever. So, when it is long, it
// is written anew as what its changes amount to, in three steps:
//
//  1. the new journal is written to PATH.compact, by way of PATH.new, and is on the disk
//  2. it is copied over PATH, and is on the disk
//  3. PATH.compact is removed
//
// While that lasts no write is acknowledged. Whoever finds a PATH.compact begins at step 2: it is whole,
// and nothing was acknowledged since. PATH stays the same file, with its lock.

// slack is how long a journal may be beside twice what its changes amount to.
const slack = 8 << 20

// perFrame is the number of changes of a frame in a journal that is written anew.
const perFrame = 256

// changes calls visit with changes one after another, and returns the first error.
type changes func(visit func(change) error) error

// compact writes the journal anew if it is long for what its changes amount to.
func (j *journal) compact(all changes) error {
	if j.broken != nil || j.bytes.Load() <= 2*j.amount+j.slack {
		return nil
	}
	j.amount = journalHeader
	err := all(func(c change) error {
		j.amount += int64(8 + len(c.id) + len(c.class) + 4*len(c.vector))
		return nil
	})
	if err != nil || j.bytes.Load() <= 2*j.amount+j.slack {
		return err
	}
	if err := j.rewrite(all); err != nil {
		j.amount = j.bytes.Load() // not again before it has doubled
		return fmt.Errorf("journal %s cannot be made shorter: %w", j.path, err)
	}
	return nil
}

// rewrite is the three steps.
func (j *journal) rewrite(all changes) error {
	next := j.path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = writeChanges(f, j.header, all)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	if err := atomicfile.Rename(next, j.path+".compact"); err != nil {
		return j.fail(err) // it may have that name all the same, and would undo what is acknowledged from now on
	}
	return j.takeOver()
}

// writeChanges writes a journal of frames.
func writeChanges(w io.Writer, header []byte, all changes) error {
	to := bufio.NewWriterSize(w, 1<<20)
	if _, err := to.Write(header); err != nil {
		return err
	}
	var batch []change
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		_, err := to.Write(frameOf(batch))
		batch = batch[:0]
		return err
	}
	err := all(func(c change) error {
		if batch = append(batch, c); len(batch) == perFrame {
			return flush()
		}
		return nil
	})
	return errors.Join(err, flush(), to.Flush())
}

// forgetNew removes what a server that was killed in step 1 left.
func (j *journal) forgetNew() error {
	if err := os.Remove(j.path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// takeOver is steps 2 and 3, if there is something to take over. After an error the file's state is
// unknown: nothing more is taken until the next start, which takes over again.
func (j *journal) takeOver() (err error) {
	defer func() {
		if err != nil {
			j.fail(err)
		}
	}()
	aside := j.path + ".compact"
	from, err := os.Open(aside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err = j.file.Seek(0, io.SeekStart); err == nil {
		err = j.file.Truncate(0)
	}
	var n int64
	if err == nil {
		n, err = io.Copy(j.file, from)
	}
	if err = errors.Join(err, from.Close()); err != nil {
		return err
	}
	if err = j.file.Sync(); err != nil {
		return err
	}
	j.bytes.Store(n)
	if err = os.Remove(aside); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(j.path))
}
