package dataset

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"

	"alike/internal/atomicfile"
)

// Packing says how Pack packs.
type Packing struct {
	// Side is what the shorter side of larger images is scaled down to, the ratio
	// kept; 0 leaves all images as they are. Images are never scaled up.
	Side  int
	Scale func(img Image, width, height int) (Image, error) // needed with Side

	Strict   bool                  // the first image that cannot be read is an error
	MaxBad   float64               // share of images that may be skipped; 0 is 0.1
	Progress func(done, total int) // called after each image, may be nil
}

// Packed is what Pack wrote.
type Packed struct {
	Images  int
	Resumed int       // images that an earlier, stopped Pack had done
	Bytes   int64     // of the file
	Skipped []Skipped // images that could not be read, by the source or now
}

// Pack writes the decoded images of all splits to one file that Open reads
// without decoding. It writes to a file beside it, NAME.partial, and renames that
// when it is whole. A stopped or killed Pack goes on where it was: every image
// has a checksum there, so what was written only in part is written again.
//
// The packed data set has the classes, splits, order, labels, IDs and, without
// Side, the pixels of the source, so training on it gives the same weights.
// Images that cannot be read are left out, as Open does.
func Pack(ctx context.Context, s *Source, name string, o Packing) (Packed, error) {
	if _, err := os.Lstat(name); err == nil {
		return Packed{}, fmt.Errorf("%s is there already: remove it, or choose another name", name)
	}
	p := packer{Packing: o, source: s, partial: name + ".partial", sets: map[string][]packedEntry{}}
	p.splits = slices.Sorted(maps.Keys(s.Splits))
	for _, split := range p.splits {
		p.total += s.Splits[split].Len()
	}
	if p.total == 0 {
		return Packed{}, fmt.Errorf("%s has no images to pack", s.Spec)
	}
	f, err := os.OpenFile(p.partial, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return Packed{}, err
	}
	err = p.pack(ctx, f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = atomicfile.Rename(p.partial, name)
	}
	return p.done, err
}

// packer is a Pack on its way.
type packer struct {
	Packing
	source  *Source
	partial string
	splits  []string
	total   int // images of the source

	head header
	at   int64                    // where the next record goes
	next int                      // the image that it is for
	sets map[string][]packedEntry // what is written
	done Packed
}

// image is image n of all splits together.
func (p *packer) image(n int) (split string, d Dataset, i int) {
	for _, split := range p.splits {
		d := p.source.Splits[split]
		if n < d.Len() {
			return split, d, n
		}
		n -= d.Len()
	}
	panic("dataset: no such image")
}

func (p *packer) pack(ctx context.Context, f *os.File) error {
	p.head = header{side: uint32(p.Side), source: p.fingerprint()}
	p.done.Skipped = slices.Clone(p.source.Skipped)
	if err := p.resume(f); err != nil {
		return err
	}
	p.done.Resumed = p.done.Images
	w := bufio.NewWriterSize(f, 1<<20)
	err := p.write(ctx, w)
	if err = errors.Join(err, w.Flush()); err != nil {
		return err
	}
	if err := p.checkSkipped(); err != nil {
		return err
	}
	return p.finish(f)
}

// checkSkipped says whether too much had to be left out.
func (p *packer) checkSkipped() error {
	bad := len(p.done.Skipped)
	limit := Options{MaxBad: p.MaxBad}.withDefaults().MaxBad
	if p.done.Images == 0 {
		return fmt.Errorf("%s: none of its images can be read, the first is %s: %w", p.source.Spec, p.done.Skipped[0].Name, p.done.Skipped[0].Err)
	}
	if total := p.done.Images + bad; bad > 1 && float64(bad) > limit*float64(total) {
		return fmt.Errorf("%s: %d of %d images cannot be read, more than %g %%; the first is %s: %w; allow more with --max-bad, or repair them and remove %s",
			p.source.Spec, bad, total, 100*limit, p.done.Skipped[0].Name, p.done.Skipped[0].Err, p.partial)
	}
	return nil
}

// fingerprint identifies the source's splits, classes, labels and IDs.
func (p *packer) fingerprint() (sum [16]byte) {
	h := sha256.New()
	for _, split := range p.splits {
		d := p.source.Splits[split]
		fmt.Fprintf(h, "%q %d %q\n", split, d.Len(), d.Classes())
		for i := range d.Len() {
			fmt.Fprintf(h, "%d %q\n", d.Label(i), d.ID(i))
		}
	}
	copy(sum[:], h.Sum(nil))
	return sum
}

// resume reads what an earlier Pack wrote, and cuts off what is not whole.
func (p *packer) resume(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	p.at = headerBytes
	if info.Size() >= headerBytes {
		h, err := decodeHeader(f)
		switch {
		case err != nil:
			return fmt.Errorf("%s cannot be gone on with: %w, or remove it to begin anew", p.partial, err)
		case h.side != p.head.side || h.source != p.head.source:
			return fmt.Errorf("%s was begun with other images or another --size: remove it to begin anew, or choose another name", p.partial)
		}
		if err := p.scan(f, info.Size()); err != nil {
			return err
		}
	}
	if err := f.Truncate(p.at); err != nil {
		return err
	}
	if _, err := f.WriteAt(p.head.encode(), 0); err != nil {
		return err
	}
	_, err = f.Seek(p.at, io.SeekStart)
	return err
}

// scan reads whole records; the last image must be what the source has now.
func (p *packer) scan(f *os.File, size int64) error {
	r := bufio.NewReaderSize(io.NewSectionReader(f, headerBytes, size-headerBytes), 1<<20)
	head := make([]byte, recordBytes)
	var payload []byte
	last := -1 // the last image with pixels
	var sum uint32
	for p.next < p.total {
		if _, err := io.ReadFull(r, head); err != nil {
			break
		}
		rec, ok := decodeRecord(head)
		if !ok || rec.number != uint32(p.next) || rec.length() > uint64(size-p.at-recordBytes) {
			break
		}
		payload = slices.Grow(payload[:0], int(rec.length()))[:rec.length()]
		if _, err := io.ReadFull(r, payload); err != nil || sumOf(payload) != rec.sum {
			break
		}
		if rec.width > 0 {
			last, sum = p.next, rec.sum
		}
		p.add(rec, payload)
	}
	if last < 0 {
		return nil
	}
	img, err := p.decode(last)
	if err != nil || sumOf(img.Pix) != sum {
		_, d, i := p.image(last)
		return fmt.Errorf("%s was begun with another image %s: remove it to begin anew, or choose another name", p.partial, d.ID(i))
	}
	return nil
}

// add takes up a record that is written at p.at.
func (p *packer) add(rec packedRecord, payload []byte) {
	split, d, i := p.image(p.next)
	if rec.width > 0 {
		p.sets[split] = append(p.sets[split], packedEntry{p.at + recordBytes, int(rec.width), int(rec.height), rec.sum, d.Label(i), d.ID(i)})
		p.done.Images++
	} else {
		p.done.Skipped = append(p.done.Skipped, Skipped{d.ID(i), errors.New(string(payload))})
	}
	p.at += recordBytes + int64(len(payload))
	p.next++
}

// decode returns an image as it is packed.
func (p *packer) decode(n int) (Image, error) {
	_, d, i := p.image(n)
	img, err := d.Image(i)
	shorter := min(img.Width, img.Height)
	if err != nil || p.Side == 0 || shorter <= p.Side {
		return img, err
	}
	scaled := func(side int) int { return (2*side*p.Side + shorter) / (2 * shorter) } // rounded
	return p.Scale(img, scaled(img.Width), scaled(img.Height))
}

// write decodes what is left on all CPUs and writes it in order.
func (p *packer) write(ctx context.Context, w io.Writer) error {
	type result struct {
		img Image
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan chan result, runtime.GOMAXPROCS(0)) // as many images are in memory, and two
	go func() {
		defer close(queue)
		for n := p.next; n < p.total; n++ {
			c := make(chan result, 1)
			select {
			case queue <- c:
			case <-ctx.Done():
				return
			}
			go func() {
				img, err := p.decode(n)
				c <- result{img, err}
			}()
		}
	}()
	for c := range queue {
		r := <-c
		if ctx.Err() != nil {
			break
		}
		rec, payload := packedRecord{number: uint32(p.next), width: uint32(r.img.Width), height: uint32(r.img.Height)}, r.img.Pix
		if r.err != nil {
			_, d, i := p.image(p.next)
			if p.Strict {
				return fmt.Errorf("%s cannot be read: %w", d.ID(i), r.err)
			}
			payload = []byte(r.err.Error())
			rec.width, rec.height = 0, uint32(len(payload))
		}
		rec.sum = sumOf(payload)
		if _, err := w.Write(rec.encode()); err != nil {
			return err
		}
		if _, err := w.Write(payload); err != nil {
			return err
		}
		p.add(rec, payload)
		if p.Progress != nil {
			p.Progress(p.next, p.total)
		}
	}
	if p.next < p.total {
		return fmt.Errorf("stopped after %d of %d images; the same command goes on: %w", p.next, p.total, context.Cause(ctx))
	}
	return nil
}

// finish writes the index, and when it is on the disk the header that points to it.
func (p *packer) finish(f *os.File) error {
	splits := slices.DeleteFunc(slices.Clone(p.splits), func(s string) bool { return len(p.sets[s]) == 0 })
	index := appendIndex(nil, p.source.classes(), splits, p.sets)
	if _, err := f.WriteAt(index, p.at); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	p.head.indexAt, p.head.indexLength, p.head.indexSum = uint64(p.at), uint64(len(index)), sumOf(index)
	if _, err := f.WriteAt(p.head.encode(), 0); err != nil {
		return err
	}
	p.done.Bytes = p.at + int64(len(index))
	return f.Sync()
}

// packedRecord stands before the pixels of an image, or, with width 0, before the
// height bytes of the reason why there are none.
type packedRecord struct{ number, width, height, sum uint32 }

// length is that of what follows, in bytes.
func (r packedRecord) length() uint64 {
	if r.width == 0 {
		return uint64(r.height)
	}
	if pixels := uint64(r.width) * uint64(r.height); pixels < 1<<60 {
		return 3 * pixels
	}
	return 1 << 62
}

func (r packedRecord) encode() []byte {
	b := make([]byte, 0, recordBytes)
	for _, v := range []uint32{r.number, r.width, r.height, r.sum, 0} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return binary.LittleEndian.AppendUint32(b, sumOf(b))
}

func decodeRecord(b []byte) (r packedRecord, ok bool) {
	r.number = binary.LittleEndian.Uint32(b)
	r.width = binary.LittleEndian.Uint32(b[4:])
	r.height = binary.LittleEndian.Uint32(b[8:])
	r.sum = binary.LittleEndian.Uint32(b[12:])
	return r, sumOf(b[:20]) == binary.LittleEndian.Uint32(b[20:])
}
