package eval

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"alike/internal/atomicfile"
)

// ErrNoOutcomes marks a score whose outcomes were not kept: it is no mean over
// queries, or it was measured before outcomes were kept.
var ErrNoOutcomes = errors.New("no outcomes")

// The head of a file of outcomes; docs/format/outcomes.md describes it.
const (
	outcomesMagic   = "alikeout"
	outcomesVersion = 1
	outcomesHead    = len(outcomesMagic) + 4 + 8
)

// OutcomesDir is the folder in which the outcomes of a file of scores are kept.
func OutcomesDir(scores string) string { return filepath.Join(filepath.Dir(scores), "outcomes") }

// outcomesPath is where a score's outcomes are kept, given the file of scores: the
// name is of the metric, of what its protocol shares with comparable ones, and of the
// weights. So a score that is measured again replaces its own outcomes only.
func outcomesPath(scores string, s Score) string {
	h := sha256.New()
	for _, f := range compared("", s.Protocol) {
		if !f.zero { // so that a field that is added later renames nothing
			fmt.Fprintf(h, "%s=%v\n", f.name, f.value)
		}
	}
	subject := "pixels"
	if s.Subject.WeightsSHA256 != "" {
		subject = fmt.Sprintf("%.12s", s.Subject.WeightsSHA256)
	}
	return filepath.Join(OutcomesDir(scores), fmt.Sprintf("%s-%.12x-%s.gz", s.Metric, h.Sum(nil), subject))
}

// saveOutcomes keeps a score's outcomes beside the file of scores, if it has any.
func saveOutcomes(scores string, s Score) error {
	if s.Outcomes == nil {
		return nil
	}
	path := outcomesPath(scores, s)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint32([]byte(outcomesMagic), outcomesVersion)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(s.Outcomes)))
	return atomicfile.WriteAll(atomicfile.File{Path: path, Write: func(w io.Writer) error {
		z := gzip.NewWriter(w)
		_, err := z.Write(head)
		return errors.Join(err, binary.Write(z, binary.LittleEndian, s.Outcomes), z.Close())
	}})
}

// ReadOutcomes returns the outcomes of a score that Append wrote to a file: a value
// for each query, in order, whose mean the score is. The error is ErrNoOutcomes
// where none were kept.
func ReadOutcomes(scores string, s Score) ([]float64, error) {
	path := outcomesPath(scores, s)
	file, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s of %s has %w", s.Metric, s.Subject.Name, ErrNoOutcomes)
	}
	if err != nil {
		return nil, err
	}
	damaged := func(why any) error {
		return fmt.Errorf("%s: damaged: %v; measure %s again", path, why, s.Metric)
	}
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, damaged(err)
	}
	var head [outcomesHead]byte
	if _, err := io.ReadFull(z, head[:]); err != nil {
		return nil, damaged(err)
	}
	version, n := binary.LittleEndian.Uint32(head[len(outcomesMagic):]), binary.LittleEndian.Uint64(head[len(outcomesMagic)+4:])
	switch {
	case string(head[:len(outcomesMagic)]) != outcomesMagic:
		return nil, damaged("it does not begin with " + outcomesMagic)
	case version > outcomesVersion:
		return nil, fmt.Errorf("%s has format version %d, this alike reads up to %d: it needs a newer alike", path, version, outcomesVersion)
	case n != uint64(s.Protocol.Queries.Images):
		return nil, damaged(fmt.Sprintf("it has %d outcomes, the score %d queries", n, s.Protocol.Queries.Images))
	}
	outcomes := make([]float64, n)
	if err := binary.Read(z, binary.LittleEndian, outcomes); err != nil {
		return nil, damaged(err)
	}
	if _, err := z.Read(head[:1]); err != io.EOF { // which is where the checksum is compared
		return nil, damaged("it goes on after its last value, or its checksum is wrong")
	}
	return outcomes, nil
}
