// Package tensorboardtest reads event files, for tests.
package tensorboardtest

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"alike/internal/tensorboard"
)

// Event is an event with its scalars; other values have their tag alone, in Tags.
type Event struct {
	Time    float64
	Step    int
	Version string
	Scalars map[string]float64
	Tags    []string
}

// Read reads the events of a file; both checksums of every record must fit, and nothing
// may be left behind the last.
func Read(b []byte) (events []Event, err error) {
	for at := 0; len(b) > 0; at++ {
		if len(b) < 12 {
			return events, fmt.Errorf("record %d: %d bytes are left, want a head of 12", at, len(b))
		}
		n := binary.LittleEndian.Uint64(b)
		if got, want := tensorboard.Checksum(b[:8]), binary.LittleEndian.Uint32(b[8:]); got != want {
			return events, fmt.Errorf("record %d: checksum of the length %#x, want %#x", at, want, got)
		}
		if uint64(len(b)) < n+16 {
			return events, fmt.Errorf("record %d: %d bytes are left, want %d", at, len(b), n+16)
		}
		data := b[12:][:n]
		if got, want := tensorboard.Checksum(data), binary.LittleEndian.Uint32(b[12+n:]); got != want {
			return events, fmt.Errorf("record %d: checksum of the data %#x, want %#x", at, want, got)
		}
		e := Event{Scalars: map[string]float64{}}
		if err := e.decode(data); err != nil {
			return events, fmt.Errorf("record %d: %w", at, err)
		}
		events, b = append(events, e), b[n+16:]
	}
	return events, nil
}

func (e *Event) decode(b []byte) error {
	return fields(b, func(field protowire.Number, number uint64, content []byte) error {
		switch field {
		case 1:
			e.Time = math.Float64frombits(number)
		case 2:
			e.Step = int(number)
		case 3:
			e.Version = string(content)
		case 5:
			return fields(content, func(_ protowire.Number, _ uint64, value []byte) error { return e.value(value) })
		}
		return nil
	})
}

func (e *Event) value(b []byte) error {
	var tag string
	return fields(b, func(field protowire.Number, number uint64, content []byte) error {
		switch field {
		case 1:
			tag = string(content)
			e.Tags = append(e.Tags, tag)
		case 2:
			e.Scalars[tag] = float64(math.Float32frombits(uint32(number)))
		}
		return nil
	})
}

// fields calls f for each field of a message.
func fields(b []byte, f func(field protowire.Number, number uint64, content []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var number uint64
		var content []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			number, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(b)
			number = uint64(x)
		case protowire.BytesType:
			content, n = protowire.ConsumeBytes(b)
		default:
			return fmt.Errorf("field %d is of kind %d", field, kind)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := f(field, number, content); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
