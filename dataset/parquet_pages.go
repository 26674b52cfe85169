package dataset

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// This file reads the columns of a Parquet file whose size nobody can vouch for:
// its metadata through parquet-go, its pages here, because that library lets a
// page's header say how much memory is taken.

// The largest footer and page header that are read.
const (
	maxFooter     = 64 << 20
	maxPageHeader = 16 << 20
)

// plainDictionary is RLEDictionary in files of the format's first version.
const plainDictionary format.Encoding = 2

// perValue is the memory of a value besides its bytes.
const perValue = 64

// leaf is a column that holds values.
type leaf struct {
	path     []string
	index    int // among the leaves
	kind     format.Type
	width    int // bytes of a number, 0 for what is none
	levels   int // how many of the path's parts may be missing
	repeated bool
}

// name is the column that the leaf is in.
func (l leaf) name() string {
	if len(l.path) == 0 {
		return ""
	}
	return l.path[0]
}

// value is one value of a column.
type value struct {
	null, isText bool
	number       int64
	bytes        []byte
}

// parquetFile is a Parquet file whose footer was read.
type parquetFile struct {
	r      io.ReaderAt
	size   int64
	meta   format.FileMetaData
	leaves []leaf
}

var errParquet = errors.New("it is damaged or cut short; download it again")

func newParquet(r io.ReaderAt, size int64) (p *parquetFile, err error) {
	defer func() {
		if fault := recover(); fault != nil { // of the library, on hostile metadata
			err = fmt.Errorf("its footer is not read (%v): %w", fault, errParquet)
		}
	}()
	const magic = "PAR1"
	head, tail := make([]byte, 4), make([]byte, 8)
	if size < 12 {
		return nil, fmt.Errorf("it has %d bytes: %w", size, errParquet)
	}
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, err
	}
	if _, err := r.ReadAt(tail, size-8); err != nil && err != io.EOF {
		return nil, err
	}
	if string(head) != magic || string(tail[4:]) != magic {
		return nil, fmt.Errorf("it begins with %q and ends with %q, want %s: it is no Parquet file, encrypted or cut short", head, tail[4:], magic)
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > min(size-12, maxFooter) {
		return nil, fmt.Errorf("its footer has %d bytes of %d: %w", n, size, errParquet)
	}
	footer := make([]byte, n)
	if _, err := r.ReadAt(footer, size-8-n); err != nil {
		return nil, err
	}
	p = &parquetFile{r: r, size: size}
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), footer, &p.meta); err != nil {
		return nil, fmt.Errorf("its footer is not read (%w): %w", err, errParquet)
	}
	return p, p.findLeaves()
}

// findLeaves walks the schema, which lists the elements of its tree depth first.
func (p *parquetFile) findLeaves() error {
	type node struct {
		leaf
		left int32 // children to come
	}
	var above []node
	for i, e := range p.meta.Schema {
		n := node{left: e.NumChildren.V}
		if len(above) > 0 {
			parent := &above[len(above)-1]
			parent.left--
			n.leaf = parent.leaf
		}
		if i > 0 {
			n.path = append(slices.Clone(n.path), e.Name)
		}
		switch {
		case !e.RepetitionType.Valid:
		case e.RepetitionType.V == format.Optional:
			n.levels++
		case e.RepetitionType.V == format.Repeated:
			n.levels, n.repeated = n.levels+1, true
		}
		if e.Type.Valid {
			n.index = len(p.leaves)
			n.kind, n.width = e.Type.V, widthOf(e.Type.V)
			p.leaves = append(p.leaves, n.leaf)
		} else {
			above = append(above, n)
		}
		for len(above) > 0 && above[len(above)-1].left <= 0 {
			above = above[:len(above)-1]
		}
		if len(above) > 64 || len(above) == 0 && i < len(p.meta.Schema)-1 {
			return fmt.Errorf("its schema is no tree: %w", errParquet)
		}
	}
	return nil
}

func widthOf(t format.Type) int {
	switch t {
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	}
	return 0
}

// chunkReader reads the values of a column in a row group.
type chunkReader struct {
	leaf
	codec  format.CompressionCodec
	rows   int // that are still to come
	dict   []value
	used   *int64
	o      Options
	values []value
}

// column reads the values of a leaf in a row group. All sizes are checked
// against those of the file or o.MaxBytes before memory is taken.
func (p *parquetFile) column(group int, l leaf, used *int64, o Options) ([]value, error) {
	rg := &p.meta.RowGroups[group]
	if l.index >= len(rg.Columns) {
		return nil, fmt.Errorf("row group %d lacks the column %s: %w", group, strings.Join(l.path, "."), errParquet)
	}
	m := &rg.Columns[l.index].MetaData
	from, length := m.DataPageOffset, m.TotalCompressedSize
	if d := m.DictionaryPageOffset; d > 0 && d < from {
		from = d
	}
	if from < 4 || length < 0 || from > p.size || length > p.size-from {
		return nil, fmt.Errorf("column %s lies outside the file: %w", strings.Join(l.path, "."), errParquet)
	}
	if rg.NumRows < 0 || rg.NumRows > o.MaxBytes/perValue {
		return nil, fmt.Errorf("row group %d has %d rows: %w", group, rg.NumRows, o.tooLarge())
	}
	c := &chunkReader{leaf: l, codec: m.Codec, rows: int(rg.NumRows), used: used, o: o}
	for to := from + length; from < to && c.rows > 0; {
		n, err := c.page(io.NewSectionReader(p.r, from, to-from))
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", strings.Join(l.path, "."), err)
		}
		from += n
	}
	if c.rows > 0 {
		return nil, fmt.Errorf("column %s lacks %d of its %d rows: %w", strings.Join(l.path, "."), c.rows, rg.NumRows, errParquet)
	}
	return c.values, nil
}

// take counts n bytes of memory.
func (c *chunkReader) take(n int) error {
	if *c.used += int64(n); *c.used > c.o.MaxBytes {
		return c.o.tooLarge()
	}
	return nil
}

// page reads the page at the beginning of r and returns its length in the file.
func (c *chunkReader) page(r *io.SectionReader) (int64, error) {
	h, n, err := pageHeader(r)
	if err != nil {
		return 0, err
	}
	stored, size := int64(h.CompressedPageSize), int(h.UncompressedPageSize)
	if stored < 0 || size < 0 || stored > r.Size()-n {
		return 0, fmt.Errorf("a page of %d bytes is beyond its column: %w", stored, errParquet)
	}
	data := make([]byte, stored)
	if _, err := r.ReadAt(data, n); err != nil {
		return 0, err
	}
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		err = c.dictionary(data, size, int(h.DictionaryPageHeader.V.NumValues))
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		d := &h.DataPageHeader.V
		err = c.dataV1(data, size, int(d.NumValues), d.Encoding)
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		err = c.dataV2(data, size, &h.DataPageHeaderV2.V)
	case h.Type != format.IndexPage:
		err = fmt.Errorf("page type %v is unknown: %w", h.Type, errParquet)
	}
	return n + stored, err
}

// pageHeader decodes a header of unknown length.
func pageHeader(r *io.SectionReader) (h format.PageHeader, n int64, err error) {
	for try := int64(4 << 10); ; try *= 8 {
		b := make([]byte, min(try, r.Size()))
		if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
			return h, 0, err
		}
		in := new(thrift.CompactProtocol).NewReaderFromBytes(b)
		h = format.PageHeader{}
		if err = thrift.NewDecoder(in).Decode(&h); err == nil {
			return h, int64(in.BytesRead()), nil
		}
		if try >= min(r.Size(), maxPageHeader) {
			return h, 0, fmt.Errorf("a page header is not read (%w): %w", err, errParquet)
		}
	}
}

func (c *chunkReader) dictionary(data []byte, size, n int) error {
	data, err := c.inflate(data, size)
	if err != nil {
		return err
	}
	if c.dict, err = c.plain(data, n); err != nil {
		return fmt.Errorf("dictionary: %w", err)
	}
	return nil
}

func (c *chunkReader) dataV1(data []byte, size, n int, encoding format.Encoding) error {
	data, err := c.inflate(data, size)
	if err != nil {
		return err
	}
	var levels []byte
	if c.levels > 0 {
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
			return errParquet
		}
		end := 4 + int(binary.LittleEndian.Uint32(data))
		levels, data = data[4:end], data[end:]
	}
	return c.data(levels, data, n, encoding)
}

func (c *chunkReader) dataV2(data []byte, size int, h *format.DataPageHeaderV2) error {
	r, d := int(h.RepetitionLevelsByteLength), int(h.DefinitionLevelsByteLength)
	if r < 0 || d < 0 || r > len(data) || d > len(data)-r || size < r+d {
		return errParquet
	}
	levels, data := data[r:r+d], data[r+d:]
	if !h.IsCompressed.Valid || h.IsCompressed.V {
		var err error
		if data, err = c.inflate(data, size-r-d); err != nil {
			return err
		}
	}
	return c.data(levels, data, int(h.NumValues), h.Encoding)
}

// data appends the n values of a page, of which some may be null.
func (c *chunkReader) data(levels, data []byte, n int, encoding format.Encoding) error {
	if n < 0 || n > c.rows {
		return fmt.Errorf("a page has %d values for the %d rows left: %w", n, c.rows, errParquet)
	}
	present := n
	var level []uint32
	if c.levels > 0 {
		var err error
		if level, err = hybrid(levels, bits.Len(uint(c.levels)), n); err != nil {
			return err
		}
		present = 0
		for _, l := range level {
			if l == uint32(c.levels) {
				present++
			}
		}
	}
	values, err := c.decode(data, present, encoding)
	if err == nil {
		err = c.take(n * perValue)
	}
	if err != nil {
		return err
	}
	for i := range n {
		if level != nil && level[i] != uint32(c.levels) {
			c.values = append(c.values, value{null: true})
			continue
		}
		c.values, values = append(c.values, values[0]), values[1:]
	}
	c.rows -= n
	return nil
}

func (c *chunkReader) decode(data []byte, n int, encoding format.Encoding) ([]value, error) {
	switch encoding {
	case format.Plain:
		return c.plain(data, n)
	case plainDictionary, format.RLEDictionary:
		if n == 0 {
			return nil, nil
		}
		if len(data) == 0 || c.dict == nil {
			return nil, errParquet
		}
		index, err := hybrid(data[1:], int(data[0]), n)
		if err != nil {
			return nil, err
		}
		values := make([]value, n)
		for i, at := range index {
			if int(at) >= len(c.dict) {
				return nil, fmt.Errorf("value %d of a dictionary of %d: %w", at, len(c.dict), errParquet)
			}
			values[i] = c.dict[at]
		}
		return values, nil
	}
	return nil, fmt.Errorf("the encoding %v is not read, only PLAIN and dictionaries; write the table with pyarrow's defaults", encoding)
}

// plain reads n values that stand one after the other.
func (c *chunkReader) plain(data []byte, n int) ([]value, error) {
	least := cmp.Or(c.width, 4) // bytes of a value
	if n < 0 || n > len(data)/least {
		return nil, fmt.Errorf("%d values in %d bytes: %w", n, len(data), errParquet)
	}
	if err := c.take(n * perValue); err != nil {
		return nil, err
	}
	values := make([]value, n)
	for i := range values {
		var err error
		switch {
		case c.kind == format.Int32:
			values[i].number = int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
		case c.kind == format.Int64:
			values[i].number = int64(binary.LittleEndian.Uint64(data[8*i:]))
		case c.kind == format.Float:
			values[i], err = whole(float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))))
		case c.kind == format.Double:
			values[i], err = whole(math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])))
		case len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4):
			return nil, fmt.Errorf("value %d of %d ends beyond its page: %w", i, n, errParquet)
		default:
			end := 4 + int(binary.LittleEndian.Uint32(data))
			values[i], data = value{isText: true, bytes: data[4:end]}, data[end:]
		}
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}

// whole is the whole number that pandas wrote as a float because others of its
// column are missing, which are NaN.
func whole(f float64) (value, error) {
	switch {
	case math.IsNaN(f):
		return value{null: true}, nil
	case f != math.Trunc(f) || math.Abs(f) > 1<<53:
		return value{}, fmt.Errorf("it holds %g; want whole numbers, or NaN for none", f)
	}
	return value{number: int64(f)}, nil
}

// inflate decompresses a page of size bytes. A page that lies about its size
// gets no more memory than it has content.
func (c *chunkReader) inflate(data []byte, size int) ([]byte, error) {
	if err := c.take(size); err != nil {
		return nil, err
	}
	var r io.Reader
	switch c.codec {
	case format.Uncompressed:
		if len(data) != size {
			return nil, fmt.Errorf("a page has %d bytes and says %d: %w", len(data), size, errParquet)
		}
		return data, nil
	case format.Snappy:
		const most = 32 // a copy of 64 bytes takes 3
		if n, err := snappy.DecodedLen(data); err != nil || n != size || n/most > len(data) {
			return nil, fmt.Errorf("a snappy page does not have the %d bytes it says: %w", size, errParquet)
		}
		out, err := snappy.Decode(nil, data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, errParquet)
		}
		return out, nil
	case format.Gzip:
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, errParquet)
		}
		r = z
	case format.Zstd:
		const window = 8 << 20 // what every decoder has to allow
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(max(window, size))))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		out, err := z.DecodeAll(data, nil)
		if err == nil && len(out) != size {
			err = fmt.Errorf("a zstd page does not have the %d bytes it says", size)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, errParquet)
		}
		return out, nil
	default:
		return nil, fmt.Errorf("the compression %v is not read, only SNAPPY, GZIP and ZSTD; write the table with pyarrow's defaults", c.codec)
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(size)+1))
	if err == nil && len(out) != size {
		err = fmt.Errorf("a page does not have the %d bytes it says", size)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, errParquet)
	}
	return out, nil
}

// hybrid reads n numbers of width bits in Parquet's mix of runs and packed
// groups of eight.
func hybrid(b []byte, width, n int) ([]uint32, error) {
	if width > 32 {
		return nil, fmt.Errorf("numbers of %d bits: %w", width, errParquet)
	}
	out := make([]uint32, 0, n)
	for len(out) < n {
		head, k := binary.Uvarint(b)
		if k <= 0 || head < 2 {
			return nil, errParquet
		}
		b = b[k:]
		count := head >> 1
		if head&1 == 0 { // a run
			size := (width + 7) / 8
			if len(b) < size {
				return nil, errParquet
			}
			var v [4]byte
			copy(v[:], b[:size])
			b = b[size:]
			for range min(count, uint64(n-len(out))) {
				out = append(out, binary.LittleEndian.Uint32(v[:]))
			}
			continue
		}
		if width > 0 && count > uint64(len(b)/width) {
			return nil, errParquet
		}
		for i := range min(8*count, uint64(n-len(out))) {
			out = append(out, packed(b, int(i)*width, width))
		}
		if width > 0 {
			b = b[int(count)*width:]
		}
	}
	return out, nil
}

// packed is the number of width bits at a bit of b.
func packed(b []byte, at, width int) (v uint32) {
	for i := range width {
		v |= uint32(b[(at+i)/8]>>((at+i)%8)&1) << i
	}
	return v
}
