package embed

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Shard is one of Of parts of a data set, the first being 1, for as many machines. The
// zero value is all of it. To which an image belongs depends on its ID alone, so it
// stays there when others come and go.
type Shard struct{ Number, Of int }

// ParseShard reads "2/8".
func ParseShard(text string) (s Shard, err error) {
	if n, err := fmt.Sscanf(text, "%d/%d", &s.Number, &s.Of); err != nil || n != 2 || fmt.Sprintf("%d/%d", s.Number, s.Of) != text {
		return Shard{}, fmt.Errorf("%q: want a part of parts, e.g. 2/8", text)
	}
	if s.Of < 1 || s.Number < 1 || s.Number > s.Of {
		return Shard{}, fmt.Errorf("%q: the parts are 1/%d to %d/%d", text, s.Of, s.Of, s.Of)
	}
	return s, nil
}

// Has tells whether the image of that ID belongs to the shard.
func (s Shard) Has(id string) bool {
	if s.Of <= 1 {
		return true
	}
	h := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint64(h[:])%uint64(s.Of) == uint64(s.Number-1)
}
