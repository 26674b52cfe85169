// Package tensorboard writes what TensorBoard reads: event files with scalars, histograms
// and images, and the files of its projector.
package tensorboard

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is CRC-32C, masked as TFRecord has it: a checksum of bytes that hold checksums
// themselves would be weak.
func Checksum(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// writeRecord writes a TFRecord, little endian: the length in 8 bytes, its checksum in
// 4, the data, its checksum in 4.
func writeRecord(w io.Writer, data []byte) error {
	b := make([]byte, 0, len(data)+16)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, Checksum(b))
	b = append(b, data...)
	b = binary.LittleEndian.AppendUint32(b, Checksum(data))
	_, err := w.Write(b)
	return err
}
