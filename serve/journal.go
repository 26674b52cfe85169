package serve

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"alike/internal/atomicfile"
)

// journal is the write-ahead log: what was changed in the gallery, in order. A
// change is in it, and on the disk, before it is acknowledged.
// docs/format/journal.md has the bytes.
type journal struct {
	path   string
	file   *os.File
	header []byte
	bytes  atomic.Int64 // its size
	broken error        // the file's state is unknown: nothing can be promised any more
	amount int64        // bytes of what the changes amounted to when that was last looked at
	slack  int64        // see compact
}

const (
	journalMagic   = "alikelog"
	journalVersion = 1
	journalHeader  = 8 + 4 + 4 + 32 + 4 // magic, version, D, the model, checksum
	frameHeader    = 4 + 4 + 4          // length, checksum of the length, checksum of the payload
	maxFrame       = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// change is one write: an image put into the gallery, or, without a vector,
// taken out of it.
type change struct {
	id, class string
	vector    []float32
}

// Recovery says what was found in a journal.
type Recovery struct {
	Changes int   // that were replayed
	Torn    int64 // bytes of a last write that was cut short; it was never acknowledged
}

// openJournal opens or begins the journal of embeddings of dim values by the
// model of that hash, locks it, and calls apply with each change in it, in
// order. The caller closes it.
func openJournal(path string, dim int, model [32]byte, apply func(change) error) (*journal, Recovery, error) {
	j, r, err := recoverJournal(path, dim, model, apply)
	if err != nil {
		err = fmt.Errorf("journal %s: %w", path, err)
	}
	return j, r, err
}

func recoverJournal(path string, dim int, model [32]byte, apply func(change) error) (j *journal, found Recovery, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, found, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := atomicfile.Lock(f); err != nil {
		return nil, found, fmt.Errorf("another server writes to it (%w); stop that one or name another file", err)
	}
	want := headerOf(dim, model)
	j = &journal{path: path, file: f, header: want, amount: journalHeader, slack: slack}
	if err := errors.Join(j.takeOver(), j.forgetNew()); err != nil {
		return nil, found, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, found, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, found, err
	}
	if len(text) < journalHeader { // new, or cut short while it was begun: nothing was acknowledged
		if !bytes.HasPrefix(want, text) && !zero(text) {
			return nil, found, errors.New("it is no journal of alike; name another file")
		}
		text = want
		if err := begin(f, want); err != nil {
			return nil, found, err
		}
	}
	if err := checkHeader(text[:journalHeader], want); err != nil {
		return nil, found, err
	}
	at := journalHeader
	for at < len(text) {
		payload, err := frame(text[at:])
		if err != nil {
			return nil, found, fmt.Errorf("byte %d: %w; what follows was acknowledged and would be lost: restore the file from a copy, or move it away to go on without", at, err)
		}
		if payload == nil {
			found.Torn = int64(len(text) - at)
			break
		}
		changes, err := parseChanges(payload, dim)
		if err != nil {
			return nil, found, fmt.Errorf("byte %d: %w", at, err)
		}
		for _, c := range changes {
			if err := apply(c); err != nil {
				return nil, found, fmt.Errorf("byte %d: %w", at, err)
			}
		}
		found.Changes += len(changes)
		at += frameHeader + len(payload)
	}
	if found.Torn > 0 {
		if err := errors.Join(f.Truncate(int64(at)), f.Sync()); err != nil {
			return nil, found, err
		}
	}
	if _, err := f.Seek(int64(at), io.SeekStart); err != nil {
		return nil, found, err
	}
	j.bytes.Store(int64(at))
	return j, found, nil
}

func begin(f *os.File, header []byte) error {
	_, err := f.WriteAt(header, 0)
	return errors.Join(err, f.Sync(), atomicfile.SyncDir(filepath.Dir(f.Name())))
}

func headerOf(dim int, model [32]byte) []byte {
	b := append(make([]byte, 0, journalHeader), journalMagic...)
	b = binary.LittleEndian.AppendUint32(b, journalVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(dim))
	b = append(b, model[:]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func checkHeader(got, want []byte) error {
	body, sum := got[:journalHeader-4], binary.LittleEndian.Uint32(got[journalHeader-4:])
	switch {
	case !bytes.HasPrefix(got, []byte(journalMagic)):
		return errors.New("it is no journal of alike; name another file")
	case crc32.Checksum(body, castagnoli) != sum:
		return errors.New("its header is damaged; restore the file from a copy, or move it away to go on without")
	case binary.LittleEndian.Uint32(got[8:]) != journalVersion:
		return fmt.Errorf("its version is %d, want %d: a newer alike wrote it", binary.LittleEndian.Uint32(got[8:]), journalVersion)
	case !bytes.Equal(got, want):
		return errors.New("its vectors come from another model or layer; serve that one, or name another file and add the images again")
	}
	return nil
}

// frame returns the payload of the frame that b begins with, nil if it is the
// last one and cut short, or an error if it is damaged otherwise. A frame is
// synced before the next is begun, so only the last can be cut short.
func frame(b []byte) ([]byte, error) {
	if len(b) < frameHeader || zero(b[:frameHeader]) && !followed(b) {
		return nil, nil // a page of the file may be on the disk without the one before it, which then is zeros
	}
	n := int(binary.LittleEndian.Uint32(b))
	if crc32.Checksum(b[:4], castagnoli) != binary.LittleEndian.Uint32(b[4:]) || n > maxFrame {
		return nil, errors.New("a frame's length is damaged")
	}
	if len(b) < frameHeader+n {
		return nil, nil
	}
	payload := b[frameHeader : frameHeader+n]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[8:]) {
		if len(b) == frameHeader+n {
			return nil, nil
		}
		return nil, errors.New("a frame is damaged")
	}
	return payload, nil
}

// followed says whether a whole frame comes after the first byte of b.
func followed(b []byte) bool {
	for b = b[1:]; len(b) >= frameHeader; b = b[1:] {
		if n := int(binary.LittleEndian.Uint32(b)); n > 0 && n <= len(b)-frameHeader &&
			crc32.Checksum(b[:4], castagnoli) == binary.LittleEndian.Uint32(b[4:]) &&
			crc32.Checksum(b[frameHeader:frameHeader+n], castagnoli) == binary.LittleEndian.Uint32(b[8:]) {
			return true
		}
	}
	return false
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// append writes changes as one frame and returns when they are on the disk.
// After an error nothing more is taken: whether the disk has them is unknown.
func (j *journal) append(changes []change) error {
	if j.broken != nil {
		return j.broken
	}
	b := frameOf(changes)
	if len(b) > frameHeader+maxFrame {
		return fmt.Errorf("journal %s: %d bytes at once, want at most %d", j.path, len(b)-frameHeader, maxFrame)
	}
	_, err := j.file.Write(b)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return j.fail(err)
	}
	j.bytes.Add(int64(len(b)))
	return nil
}

// fail refuses all writes from now on, and says so.
func (j *journal) fail(err error) error {
	j.broken = fmt.Errorf("journal %s cannot be written (%w); writes are refused until the server is started again", j.path, err)
	return j.broken
}

// frameOf is a frame of changes.
func frameOf(changes []change) []byte {
	b := make([]byte, frameHeader, 1024)
	for _, c := range changes {
		b = appendChange(b, c)
	}
	payload := b[frameHeader:]
	binary.LittleEndian.PutUint32(b, uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[:4], castagnoli))
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(payload, castagnoli))
	return b
}

// Idle says in an error that a server has the journal open. One that is not there is idle.
func Idle(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() // which frees the lock
	if err := atomicfile.Lock(f); err != nil {
		return fmt.Errorf("a server has %s open (%w); stop it first", path, err)
	}
	return nil
}

// reset forgets all changes: they are kept elsewhere.
func (j *journal) reset() error {
	_, err := j.file.Seek(journalHeader, io.SeekStart)
	if err := errors.Join(err, j.file.Truncate(journalHeader), j.file.Sync()); err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	j.bytes.Store(journalHeader)
	return nil
}

// close frees the file and its lock.
func (j *journal) close() error { return j.file.Close() }

// appendChange writes a change: the lengths of id and class, the number of
// values (0 takes the image out), then those.
func appendChange(b []byte, c change) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(c.id)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(c.class)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.vector)))
	b = append(append(b, c.id...), c.class...)
	for _, v := range c.vector {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func parseChanges(b []byte, dim int) ([]change, error) {
	var all []change
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, errors.New("a change is cut short")
		}
		id, class, n := int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:])), int(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if n != 0 && n != dim {
			return nil, fmt.Errorf("a vector of %d values, want %d", n, dim)
		}
		if len(b) < id+class+4*n {
			return nil, errors.New("a change is cut short")
		}
		c := change{id: string(b[:id]), class: string(b[id : id+class])}
		b = b[id+class:]
		for k := range n {
			c.vector = append(c.vector, math.Float32frombits(binary.LittleEndian.Uint32(b[4*k:])))
		}
		b = b[4*n:]
		all = append(all, c)
	}
	return all, nil
}
