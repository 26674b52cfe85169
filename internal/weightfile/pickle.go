package weightfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// Bounds of a pickle: it says what there is, the numbers are beside it. An operation makes up to 300 bytes.
const (
	mostPickle     = 64 << 20 // bytes
	mostOperations = 2 << 20
)

func readPickle(name string) (entries []entry, format string, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, "", err
	}
	return parsePickle(b)
}

// parsePickle reads what torch.save writes, in its newer form, a zip, and in the older one.
func parsePickle(b []byte) (entries []entry, format string, err error) {
	defer func() {
		if p := recover(); p != nil { // the library trusts what it reads
			err = fmt.Errorf("damaged, or nothing that PyTorch saved: %v", p)
		}
	}()
	var root any
	if bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		format = "PyTorch (zip)"
		root, err = loadZip(b)
	} else {
		format = "PyTorch (older form)"
		root, err = loadOlder(b)
	}
	if err != nil {
		return nil, "", fmt.Errorf("not a file of weights that PyTorch saved: %w", err)
	}
	err = (&collector{entries: &entries}).collect("", root, 0)
	return entries, format, err
}

// loadZip reads a zip of data.pkl and, for each storage, data/KEY.
func loadZip(b []byte) (any, error) {
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	files := map[string]*zip.File{}
	folder := ""
	for _, f := range archive.File {
		files[f.Name] = f
		switch path.Base(f.Name) {
		case "constants.pkl":
			return nil, errors.New("it is a TorchScript program; save its state_dict()")
		case "data.pkl":
			folder = path.Dir(f.Name)
		}
	}
	left := len(b) // entries are stored as they are: all that are read have no more bytes than the file
	read := func(name string, most int) ([]byte, error) {
		f := files[name]
		switch {
		case f == nil:
			return nil, fmt.Errorf("it lacks %s", name)
		case f.Method != zip.Store || f.UncompressedSize64 > uint64(min(most, left)):
			return nil, fmt.Errorf("its %s is compressed, or larger than it can be", name)
		}
		left -= int(f.UncompressedSize64)
		return readEntry(f)
	}
	stored := map[string]*storage{}
	program, err := read(path.Join(folder, "data.pkl"), mostPickle)
	if err != nil {
		return nil, err
	}
	root, _, err := unpickle(program, func(kind *storageKind, key string, count int) (*storage, error) {
		if s := stored[key]; s != nil {
			return s, nil
		}
		data, err := read(path.Join(folder, "data", key), len(b))
		if err != nil {
			return nil, err
		}
		if kind.width > 0 && len(data)/kind.width != count {
			return nil, fmt.Errorf("its storage %s has %d bytes, and is said to have %d values of %s", key, len(data), count, kind.dtype)
		}
		stored[key] = &storage{kind, data}
		return stored[key], nil
	})
	return root, err
}

// readEntry reads a file of a zip to its end, where its checksum is compared. One of 0 was not computed, which PyTorch
// can be told to do.
func readEntry(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content := bytes.NewBuffer(make([]byte, 0, f.UncompressedSize64+bytes.MinRead))
	_, err = content.ReadFrom(r)
	if errors.Is(err, zip.ErrChecksum) {
		if f.CRC32 == 0 {
			return content.Bytes(), nil
		}
		err = fmt.Errorf("its %s is damaged: it has another checksum", f.Name)
	}
	return content.Bytes(), err
}

// The first two of the pickles of an older file.
var (
	olderMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)
	olderVersion  = 1001
)

// loadOlder reads pickles that stand one behind the other: a number, a version, the system, the
// object, the keys of the storages; then these, each behind the number of its values.
func loadOlder(b []byte) (any, error) {
	var parts [5]any
	stored := map[string]*storage{}
	for i := range parts {
		object, n, err := unpickle(b[:min(len(b), mostPickle)], func(kind *storageKind, key string, _ int) (*storage, error) {
			if stored[key] == nil {
				stored[key] = &storage{kind: kind}
			}
			return stored[key], nil
		})
		if err != nil {
			return nil, err
		}
		parts[i], b = object, b[n:]
		if magic, ok := parts[0].(*big.Int); !ok || magic.Cmp(olderMagic) != 0 || i > 0 && parts[1] != olderVersion {
			return nil, errors.New("it does not begin as one")
		}
	}
	keys, ok := parts[4].(*types.List)
	if !ok {
		return nil, errors.New("it has no list of storages")
	}
	for _, k := range *keys {
		key, _ := k.(string)
		s := stored[key]
		if s == nil || s.data != nil || len(b) < 8 || s.kind.width == 0 {
			return nil, fmt.Errorf("its storage %v is unknown", k)
		}
		count := binary.LittleEndian.Uint64(b)
		if b = b[8:]; count > uint64(len(b)/s.kind.width) {
			return nil, fmt.Errorf("its storage %s is said to have %d values of %s, and %d bytes are left", key, count, s.kind.dtype, len(b))
		}
		end := int(count) * s.kind.width
		s.data, b = b[:end:end], b[end:]
	}
	return parts[3], nil
}

// unpickle reads one object from the beginning of b, and returns how many bytes it took. find returns the
// storage of a key, which is said to have count values.
func unpickle(b []byte, find func(kind *storageKind, key string, count int) (*storage, error)) (object any, n int, err error) {
	if n, err = pickleLength(b); err != nil {
		return nil, 0, err
	}
	u := pickle.NewUnpickler(bytes.NewReader(b[:n]))
	u.FindClass = findClass
	u.PersistentLoad = func(id any) (any, error) {
		t, ok := id.(*types.Tuple)
		if !ok || t.Len() < 5 || t.Get(0) != "storage" {
			return nil, errors.New("it refers to something that is no storage")
		}
		kind, isKind := t.Get(1).(*storageKind)
		key, isKey := t.Get(2).(string)
		count, isCount := t.Get(4).(int)
		if !isKind || !isKey || !isCount || count < 0 {
			return nil, errors.New("it refers to a storage of an unknown kind")
		}
		return find(kind, key, count)
	}
	object, err = u.Load()
	return object, n, err
}

// pickleArguments say what follows an operation of a pickle: so many bytes; with a negative number, a length
// of so many bytes and then as much as it says; or lines.
var pickleArguments = map[byte]int{
	'J': 4, 'K': 1, 'M': 2, 'G': 8, 'h': 1, 'j': 4, 'q': 1, 'r': 4, 0x80: 1, 0x82: 1, 0x83: 2, 0x84: 4, 0x95: 8,
	'T': -4, 'U': -1, 'X': -4, 'B': -4, 'C': -1, 0x8a: -1, 0x8b: -4, 0x8c: -1, 0x8d: -8, 0x8e: -8, 0x96: -8,
}

var pickleLines = map[byte]int{'F': 1, 'I': 1, 'L': 1, 'P': 1, 'S': 1, 'V': 1, 'g': 1, 'p': 1, 'c': 2, 'i': 2}

// pickleLength finds the end of the first pickle, and refuses lengths beyond it: the library would make room for
// whatever is stated before it reads.
func pickleLength(b []byte) (int, error) {
	const mostDigits = 1024 // of whole numbers, which the library reads in quadratic time
	cut := errors.New("it ends early")
	for at, operations := 0, 0; at < len(b); operations++ {
		if operations == mostOperations {
			return 0, fmt.Errorf("it has more than %d operations", mostOperations)
		}
		op := b[at]
		at++
		if op == '.' {
			return at, nil
		}
		for range pickleLines[op] {
			line := bytes.IndexByte(b[at:], '\n')
			if line < 0 || op == 'L' && line > mostDigits {
				return 0, cut
			}
			at += line + 1
		}
		n := pickleArguments[op]
		if n < 0 {
			if len(b)-at < -n {
				return 0, cut
			}
			var length [8]byte
			copy(length[:], b[at:at-n])
			at -= n
			stated := binary.LittleEndian.Uint64(length[:])
			if stated > uint64(len(b)-at) || op == 0x8b && stated > mostDigits {
				return 0, fmt.Errorf("it states a length of %d where %d bytes are left", stated, len(b)-at)
			}
			n = int(stated)
		}
		if op == 0x95 && len(b)-at >= 8 { // a frame holds operations, and must end before the file does
			if stated := binary.LittleEndian.Uint64(b[at:]); stated > uint64(len(b)-at-8) {
				return 0, fmt.Errorf("it states a length of %d where %d bytes are left", stated, len(b)-at-8)
			}
		}
		if n > len(b)-at {
			return 0, cut
		}
		at += n
	}
	return 0, cut
}
