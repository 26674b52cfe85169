package tensorboard

import (
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Event is what was seen at one step. Fields have the numbers of TensorFlow's event.proto and
// summary.proto.
type Event struct {
	Time   float64 // seconds since 1970
	Step   int
	Values []Value
}

// Value is a tagged value of an event.
type Value struct {
	Tag string
	put func(summary []byte) []byte
}

// Scalar is a number over steps.
func Scalar(tag string, x float64) Value {
	return Value{tag, func(b []byte) []byte {
		b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
		return protowire.AppendFixed32(b, math.Float32bits(float32(x)))
	}}
}

// Image is a PNG of known size.
func Image(tag string, png []byte, width, height int) Value {
	return Value{tag, func(b []byte) []byte {
		var m []byte
		for i, x := range []int{height, width, 3} { // and 3 colours
			m = protowire.AppendTag(m, protowire.Number(i+1), protowire.VarintType)
			m = protowire.AppendVarint(m, uint64(x))
		}
		m = protowire.AppendTag(m, 4, protowire.BytesType)
		return message(b, 4, protowire.AppendBytes(m, png))
	}}
}

// Histogram is counts of values between edges, of which there is one more. What each bin
// holds is taken to be at its middle.
func Histogram(tag string, edges []float64, counts []int) Value {
	return Value{tag, func(b []byte) []byte {
		least, most := edges[len(edges)-1], edges[0]
		var n, sum, squares float64
		// The first bucket ends where the first bin begins: it holds nothing.
		limits, buckets := protowire.AppendFixed64(nil, math.Float64bits(edges[0])), protowire.AppendFixed64(nil, 0)
		for i, c := range counts {
			x, w := (edges[i]+edges[i+1])/2, float64(c)
			if c > 0 {
				least, most = min(least, edges[i]), max(most, edges[i+1])
			}
			n, sum, squares = n+w, sum+w*x, squares+w*x*x
			limits = protowire.AppendFixed64(limits, math.Float64bits(edges[i+1]))
			buckets = protowire.AppendFixed64(buckets, math.Float64bits(w))
		}
		var m []byte
		for i, x := range []float64{least, most, n, sum, squares} {
			m = double(m, protowire.Number(i+1), x)
		}
		return message(b, 5, message(message(m, 6, limits), 7, buckets))
	}}
}

func double(b []byte, field protowire.Number, x float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), math.Float64bits(x))
}

// message appends a field of bytes, be they a message, packed numbers or text.
func message(b []byte, field protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), content)
}

// WriteVersion begins an event file that was begun at a time in seconds since 1970.
func WriteVersion(w io.Writer, time float64) error {
	return writeRecord(w, message(double(nil, 1, time), 3, []byte("brain.Event:2")))
}

// Write writes an event.
func (e Event) Write(w io.Writer) error {
	var summary []byte
	for _, v := range e.Values {
		summary = message(summary, 1, v.put(message(nil, 1, []byte(v.Tag))))
	}
	b := double(nil, 1, e.Time)
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(e.Step))
	return writeRecord(w, message(b, 5, summary))
}
