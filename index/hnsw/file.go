package hnsw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// A file of a graph is, little endian:
//
//	magic "alikhnsw", version (uint32), n, M, ef_construction (uint32), seed (uint64)
//	entry, length of upper, number of twins (uint32)
//	levels [n] uint8, padded to a multiple of 4
//	lowest [n, 1+2M] uint32, upper uint32, twins [.., 2] uint32: a row, and the node that it equals
//
// Whoever keeps it keeps its checksum.
const (
	magic       = "alikhnsw"
	fileVersion = 1
	headerBytes = len(magic) + 4*4 + 8 + 3*4
)

// Encode returns the graph as a file.
func (g *Graph) Encode() []byte {
	twins := 0
	for _, t := range g.twins {
		twins += len(t)
	}
	b := make([]byte, 0, headerBytes+g.n+4*(1+len(g.lowest)+len(g.upper)+2*twins))
	b = append(b, magic...)
	for _, v := range []int{fileVersion, g.n, g.M, g.EfConstruction} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	b = binary.LittleEndian.AppendUint64(b, g.Seed)
	for _, v := range []uint32{g.entry, uint32(len(g.upper)), uint32(twins)} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = append(append(b, g.levels...), make([]byte, padding(g.n))...)
	for _, words := range [][]uint32{g.lowest, g.upper} {
		for _, w := range words {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(g.twins)) {
		for _, row := range g.twins[node] {
			b = binary.LittleEndian.AppendUint32(b, row)
			b = binary.LittleEndian.AppendUint32(b, node)
		}
	}
	return b
}

func padding(n int) int { return (4 - n%4) % 4 }

// Read reads a graph of n rows. It checks every link, so that no file makes a walk leave it.
func Read(r io.Reader, n int) (*Graph, error) {
	head := make([]byte, headerBytes)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(magic)]) != magic {
		return nil, errors.New("it is no graph of alike")
	}
	field := func(i int) int { return int(binary.LittleEndian.Uint32(head[len(magic)+4*i:])) }
	if v := field(0); v != fileVersion {
		return nil, fmt.Errorf("it has version %d of the format, this program reads version %d", v, fileVersion)
	}
	p := Params{M: field(2), EfConstruction: field(3), Seed: binary.LittleEndian.Uint64(head[len(magic)+16:])}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if field(1) != n || n < 1 {
		return nil, fmt.Errorf("it is of %d rows, want %d", field(1), n)
	}
	g := newGraph(n, p)
	levels := make([]byte, n+padding(n))
	if _, err := io.ReadFull(r, levels); err != nil {
		return nil, fmt.Errorf("it is cut short: %w", err)
	}
	if field(7) != len(g.upper) || !slices.Equal(levels[:n], g.levels) {
		return nil, errors.New("its layers are not those that its seed draws")
	}
	twins := make([]uint32, 2*min(field(8), n))
	for _, words := range [][]uint32{g.lowest, g.upper, twins} {
		if err := binary.Read(r, binary.LittleEndian, words); err != nil {
			return nil, fmt.Errorf("it is cut short: %w", err)
		}
	}
	g.entry, g.twins = uint32(field(6)), map[uint32][]uint32{}
	for t := range slices.Chunk(twins, 2) {
		if int(t[0]) >= n || int(t[1]) >= n {
			return nil, fmt.Errorf("it speaks of rows %d, of %d", t, n)
		}
		g.twins[t[1]] = append(g.twins[t[1]], t[0])
	}
	return g, g.check()
}

// check says whether a walk stays within the graph.
func (g *Graph) check() error {
	if int(g.entry) >= g.n {
		return fmt.Errorf("its entry is row %d of %d", g.entry, g.n)
	}
	for node := range uint32(g.n) {
		for layer := range int(g.levels[node]) + 1 {
			count := g.lowest[int(node)*(1+2*g.M)]
			if layer > 0 {
				count = g.upper[int(g.at[node])+(layer-1)*(1+g.M)]
			}
			if int(count) > g.capacity(layer) {
				return fmt.Errorf("row %d has %d links in layer %d, want at most %d", node, count, layer, g.capacity(layer))
			}
			for _, l := range g.links(layer, node) {
				if int(l) >= g.n || int(g.levels[l]) < layer {
					return fmt.Errorf("row %d links to row %d in layer %d", node, l, layer)
				}
			}
		}
	}
	return nil
}
