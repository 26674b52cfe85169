package dataset

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"alike/internal/mmap"
)

func init() {
	Formats.Add("packed", Format{
		Summary: "decoded images in one file, as 'alike data pack' writes it",
		Detect:  isPacked,
		Open:    openPacked,
	})
}

// A packed file is a header, records and an index; docs/format/packed.md has the
// details. All numbers are little endian, all sums CRC-32C.
const (
	packedMagic   = "alikpack"
	packedVersion = 1
	headerBytes   = 64 // bytes
	recordBytes   = 24 // bytes before the pixels of an image
	entryBytes    = 28 // bytes of an image in the index, besides its ID's
)

// castagnoli is the polynomial that CPUs have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sumOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// header is the beginning of a packed file.
type header struct {
	side        uint32   // the shorter side that images were scaled down to, 0 for none
	source      [16]byte // identifies what was packed
	indexAt     uint64   // 0 as long as packing has not finished
	indexLength uint64
	indexSum    uint32
}

func (h header) encode() []byte {
	b := make([]byte, headerBytes)
	copy(b, packedMagic)
	binary.LittleEndian.PutUint32(b[8:], packedVersion)
	binary.LittleEndian.PutUint32(b[12:], h.side)
	copy(b[16:], h.source[:])
	binary.LittleEndian.PutUint64(b[32:], h.indexAt)
	binary.LittleEndian.PutUint64(b[40:], h.indexLength)
	binary.LittleEndian.PutUint32(b[48:], h.indexSum)
	binary.LittleEndian.PutUint32(b[60:], sumOf(b[:60]))
	return b
}

func decodeHeader(r io.ReaderAt) (h header, err error) {
	b := make([]byte, headerBytes)
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return h, fmt.Errorf("it has fewer than the %d bytes of a header (%w); copy it again", len(b), err)
	}
	version := binary.LittleEndian.Uint32(b[8:])
	switch {
	case string(b[:8]) != packedMagic:
		return h, fmt.Errorf("it begins with %q, want %q: it was not written by 'alike data pack'", b[:8], packedMagic)
	case version != packedVersion:
		return h, fmt.Errorf("it has version %d of the format, this program reads version %d; pack the data again", version, packedVersion)
	case sumOf(b[:60]) != binary.LittleEndian.Uint32(b[60:]):
		return h, errors.New("its header is damaged (the checksum is wrong); copy it again or pack the data again")
	}
	h.side = binary.LittleEndian.Uint32(b[12:])
	copy(h.source[:], b[16:])
	h.indexAt = binary.LittleEndian.Uint64(b[32:])
	h.indexLength = binary.LittleEndian.Uint64(b[40:])
	h.indexSum = binary.LittleEndian.Uint32(b[48:])
	return h, nil
}

// packedSplit is a split of a packed file. Images that are mapped share its
// memory: reading them costs no decoding and no copy.
type packedSplit struct {
	title   string
	classes []string
	images  []packedEntry
	store   storage
	checked []atomic.Bool // whose checksum was found right
}

// packedEntry is an image in the index.
type packedEntry struct {
	at            int64
	width, height int
	sum           uint32
	label         int
	id            string
}

func (p *packedSplit) Name() string      { return p.title }
func (p *packedSplit) Len() int          { return len(p.images) }
func (p *packedSplit) Label(i int) int   { return p.images[i].label }
func (p *packedSplit) ID(i int) string   { return p.images[i].id }
func (p *packedSplit) Classes() []string { return p.classes }

// Image checks the image's checksum when it is asked for it the first time.
func (p *packedSplit) Image(i int) (Image, error) {
	e := p.images[i]
	pix, err := p.store.at(e.at, 3*e.width*e.height)
	if err != nil {
		return Image{}, fmt.Errorf("its pixels cannot be read (%w); copy the file again or pack the data again", err)
	}
	if !p.checked[i].Load() {
		if sum := sumOf(pix); sum != e.sum {
			return Image{}, fmt.Errorf("its pixels are damaged (checksum %08x, want %08x); copy the file again or pack the data again", sum, e.sum)
		}
		p.checked[i].Store(true)
	}
	return Image{e.width, e.height, pix}, nil
}

// storage is where pixels are: memory that shows a file, or the file.
type storage struct {
	mapped []byte // nil where files cannot be mapped
	file   io.ReaderAt
}

func (s storage) at(offset int64, n int) ([]byte, error) {
	if s.mapped != nil {
		return s.mapped[offset:][:n:n], nil
	}
	b := make([]byte, n)
	read, err := s.file.ReadAt(b, offset)
	if read == n {
		err = nil
	}
	return b, err
}

func isPacked(name string) bool {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [len(packedMagic)]byte
	_, err = io.ReadFull(f, b[:])
	return err == nil && string(b[:]) == packedMagic
}

// openPacked opens a packed file. It stays open, or mapped, until the process
// ends: images may be in use anywhere.
func openPacked(_ context.Context, name string, o Options) (*Source, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, reason(err)
	}
	s, err := readPacked(filepath.Base(name), f, info.Size(), o)
	if err != nil {
		f.Close()
		return nil, err
	}
	mapped, err := mmap.File(f, info.Size())
	if err != nil {
		return s, nil // some file systems cannot be mapped: images are read from the file
	}
	for _, d := range s.Splits {
		d.(*packedSplit).store.mapped = mapped
	}
	return s, f.Close()
}

// readPacked reads the header and the index.
func readPacked(title string, r io.ReaderAt, size int64, o Options) (*Source, error) {
	h, err := decodeHeader(r)
	if err != nil {
		return nil, err
	}
	switch {
	case h.indexAt == 0:
		return nil, errors.New("packing it was not finished; the same 'alike data pack' goes on with it")
	case h.indexAt < headerBytes || h.indexAt > uint64(size) || h.indexLength != uint64(size)-h.indexAt:
		return nil, fmt.Errorf("it has %d bytes, want an index of %d at %d: it is cut short or damaged; copy it again", size, h.indexLength, h.indexAt)
	case h.indexLength > uint64(o.MaxBytes):
		return nil, o.tooLarge()
	}
	b := make([]byte, h.indexLength)
	if n, err := r.ReadAt(b, int64(h.indexAt)); n < len(b) {
		return nil, fmt.Errorf("its index cannot be read: %w", err)
	}
	if sumOf(b) != h.indexSum {
		return nil, errors.New("its index is damaged (the checksum is wrong); copy it again or pack the data again")
	}
	p := indexParser{text: string(b), bytes: b, pixelsEnd: int64(h.indexAt), maxPixels: o.MaxPixels}
	splits := p.index(title)
	if p.err != nil {
		return nil, fmt.Errorf("its index is damaged (%w); pack the data again", p.err)
	}
	s := &Source{Splits: map[string]Dataset{}}
	for split, d := range splits {
		d.store.file = r
		s.Splits[split] = d
	}
	return s, nil
}

// indexParser reads an index; after the first fault it returns zeros.
type indexParser struct {
	text      string // strings are parts of it
	bytes     []byte
	at        int
	pixelsEnd int64
	maxPixels int
	err       error
}

func (p *indexParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// left says whether n more things of at least that size can be there.
func (p *indexParser) left(n uint32, size int) bool {
	if p.err == nil && uint64(n)*uint64(size) > uint64(len(p.bytes)-p.at) {
		p.fail("it ends at byte %d of %d", p.at, len(p.bytes))
	}
	return p.err == nil
}

func (p *indexParser) uint32() uint32 {
	if !p.left(1, 4) {
		return 0
	}
	p.at += 4
	return binary.LittleEndian.Uint32(p.bytes[p.at-4:])
}

func (p *indexParser) uint64() uint64 {
	low := p.uint32()
	return uint64(low) | uint64(p.uint32())<<32
}

func (p *indexParser) string() string {
	n := p.uint32()
	if !p.left(n, 1) {
		return ""
	}
	s := p.text[p.at : p.at+int(n)]
	p.at += int(n)
	if printable(s) != s {
		p.fail("%q is no printable text", s)
	}
	return s
}

// index reads the names of the classes, then the splits.
func (p *indexParser) index(title string) map[string]*packedSplit {
	var classes []string
	if n := p.uint32(); p.left(n, 4) {
		for range n {
			classes = append(classes, p.string())
		}
	}
	splits := map[string]*packedSplit{}
	n := p.uint32()
	for range n {
		name := p.string()
		if p.err != nil {
			return nil
		}
		if splits[name] != nil || name == "" {
			p.fail("split %q is there twice or has no name", name)
			return nil
		}
		splits[name] = p.split(fmt.Sprintf("%s (%s)", title, name), classes)
	}
	if p.err == nil && (n == 0 || p.at != len(p.bytes)) {
		p.fail("it has %d splits in %d bytes, and %d bytes behind them", n, p.at, len(p.bytes)-p.at)
	}
	return splits
}

func (p *indexParser) split(title string, classes []string) *packedSplit {
	n := p.uint32()
	if !p.left(n, entryBytes) {
		return nil
	}
	if n == 0 {
		p.fail("%s has no images", title)
	}
	s := &packedSplit{title: title, classes: classes, images: make([]packedEntry, n), checked: make([]atomic.Bool, n)}
	seen := make(map[string]bool, n)
	for i := range s.images {
		e := p.image(len(classes))
		if p.err == nil && seen[e.id] {
			p.fail("image %q is there twice", e.id)
		}
		if p.err != nil {
			return nil
		}
		s.images[i], seen[e.id] = e, true
	}
	return s
}

func (p *indexParser) image(classes int) packedEntry {
	at, w, h := p.uint64(), p.uint32(), p.uint32()
	e := packedEntry{at: int64(at), width: int(w), height: int(h), sum: p.uint32(), label: int(int32(p.uint32())), id: p.string()}
	pixels := uint64(w) * uint64(h) // of 32 bits each: no overflow
	switch {
	case p.err != nil:
	case pixels == 0 || pixels > uint64(p.maxPixels):
		p.fail("image %q has %d x %d pixels, want 1 to %d", e.id, w, h, p.maxPixels)
	case at < headerBytes || at > uint64(p.pixelsEnd) || 3*pixels > uint64(p.pixelsEnd)-at:
		p.fail("the pixels of image %q lie outside the file", e.id)
	case e.label < -1 || e.label >= classes:
		p.fail("image %q has label %d of %d classes", e.id, e.label, classes)
	}
	return e
}

// appendIndex appends what indexParser reads.
func appendIndex(b []byte, classes []string, splits []string, sets map[string][]packedEntry) []byte {
	text := func(b []byte, s string) []byte {
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(classes)))
	for _, c := range classes {
		b = text(b, c)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(splits)))
	for _, split := range splits {
		b = text(b, split)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(sets[split])))
		for _, e := range sets[split] {
			b = binary.LittleEndian.AppendUint64(b, uint64(e.at))
			for _, v := range []int{e.width, e.height, int(e.sum), e.label} {
				b = binary.LittleEndian.AppendUint32(b, uint32(v))
			}
			b = text(b, e.id)
		}
	}
	return b
}
