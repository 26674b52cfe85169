package embed

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"alike/internal/atomicfile"
)

// hash is an image's content hash.
type hash [sha256.Size]byte

func (h hash) String() string { return hex.EncodeToString(h[:]) }

func parseHash(text string) (h hash, err error) {
	n, err := hex.Decode(h[:], []byte(text))
	if err == nil && n != len(h) || len(text) != 2*len(h) {
		err = fmt.Errorf("%q is no SHA-256", text)
	}
	return h, err
}

// A journal holds what a job has embedded so far: a header that says by what, then
// records, each with its checksum:
//
//	magic "alikpart", identity [32]
//	number of images n (uint32), CRC-32C of the rest of the record (uint32)
//	n content hashes [32], n vectors [1+views, D] float32
//
// All is little endian. What was written only in part, by a process that was killed,
// is cut off.
type journal struct {
	file *os.File
	end  int64
}

const (
	journalMagic = "alikpart"
	headerBytes  = len(journalMagic) + sha256.Size
	frameBytes   = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// identity is what makes vectors comparable.
func (j Job) identity() hash {
	a := j.About
	b, err := json.Marshal([]any{a.Dim, j.Views, a.Layer, a.Normalized, a.Size, a.Model.WeightsSHA256, a.Model.Preprocessing, a.Model.Seed, a.Model.Engine})
	if err != nil {
		panic(err) // strings and numbers
	}
	return sha256.Sum256(b)
}

// openJournal opens or begins a journal and calls each with the images in it and the
// offsets of their vectors. One of another identity is begun anew.
func openJournal(path string, id hash, width int, each func(h hash, at int64)) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Lock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: another process is writing to it (%w)", path, err)
	}
	j := &journal{file: f}
	if err := j.recover(id, width, each); err != nil {
		f.Close()
		return nil, err
	}
	return j, nil
}

func (j *journal) recover(id hash, width int, each func(hash, int64)) error {
	r := bufio.NewReaderSize(j.file, 1<<20)
	header := make([]byte, headerBytes)
	_, err := io.ReadFull(r, header)
	begin := append([]byte(journalMagic), id[:]...)
	if err != nil || string(header) != string(begin) {
		if err := j.file.Truncate(0); err != nil {
			return err
		}
		_, err := j.file.WriteAt(begin, 0)
		j.end = int64(headerBytes)
		return err
	}
	j.end = int64(headerBytes)
	var frame [frameBytes]byte
	var body []byte
	for {
		if _, err := io.ReadFull(r, frame[:]); err != nil {
			break
		}
		n := int(binary.LittleEndian.Uint32(frame[:]))
		if n < 1 || n > perBatch {
			break
		}
		size := n * (sha256.Size + 4*width)
		if cap(body) < size {
			body = make([]byte, size)
		}
		body = body[:size]
		if _, err := io.ReadFull(r, body); err != nil || crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(frame[4:]) {
			break
		}
		vectors := j.end + frameBytes + int64(n*sha256.Size)
		for i := range n {
			each(hash(body[i*sha256.Size:]), vectors+int64(4*width*i))
		}
		j.end += frameBytes + int64(size)
	}
	return j.file.Truncate(j.end)
}

// record is a batch of images that were embedded.
type record struct {
	hashes  []hash
	vectors []byte
}

func (r *record) add(h hash, vector []float32) {
	r.hashes = append(r.hashes, h)
	for _, v := range vector {
		r.vectors = binary.LittleEndian.AppendUint32(r.vectors, math.Float32bits(v))
	}
}

// append writes a record by one call, and returns the offset of its first vector. It is
// safe from the end of the process; sync makes it safe from that of the machine.
func (j *journal) append(r *record) (at int64, err error) {
	if len(r.hashes) == 0 {
		return j.end, nil
	}
	b := make([]byte, frameBytes, frameBytes+len(r.hashes)*sha256.Size+len(r.vectors))
	for _, h := range r.hashes {
		b = append(b, h[:]...)
	}
	at = j.end + int64(len(b))
	b = append(b, r.vectors...)
	binary.LittleEndian.PutUint32(b, uint32(len(r.hashes)))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[frameBytes:], castagnoli))
	if _, err := j.file.WriteAt(b, j.end); err != nil {
		return 0, err
	}
	j.end += int64(len(b))
	return at, nil
}

// read reads the vector at an offset.
func (j *journal) read(at int64, vector []float32) error {
	b := make([]byte, 4*len(vector))
	if _, err := j.file.ReadAt(b, at); err != nil {
		return err
	}
	for i := range vector {
		vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return nil
}

func (j *journal) sync() error { return j.file.Sync() }

func (j *journal) close() error { return j.file.Close() }

// remove removes the file: its vectors are elsewhere now.
func (j *journal) remove() error { return errors.Join(j.file.Close(), os.Remove(j.file.Name())) }
