package augment

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"runtime"
	"testing"

	"alike/internal/rng"
)

// The recipes of SimCLR keep their bits from one version to the next, so that runs
// repeat. Change a sum only with the reason in the change log.
func TestSimCLRKeepsItsBits(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the sums are those of amd64: other architectures round math.Exp differently")
	}
	for _, tc := range []struct {
		size int
		want string
	}{
		{32, "dcbee0a1ffec88bd86d02cdcfff95ecbefad5a4eb40b468e7bf6d0b3ce160ff1"},
		{96, "8111bb3dbf5c57dd2397df3849cc033052651f93a004e69c3a763e96bc69b322"},
	} {
		p := mustNew(t, SimCLR(tc.size), tc.size)
		sum, buf, view := sha256.New(), &Scratch{}, make([]float32, 3*tc.size*tc.size)
		for key := range uint64(60) {
			img := noise(key, 20+int(key*7%90), 110-int(key*11%100))
			p.View(view, img, rng.New(rng.View, 1, 0, key, 0), buf)
			for _, v := range view {
				sum.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
			}
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != tc.want {
			t.Errorf("size %d: views have the sum %s, want %s", tc.size, got, tc.want)
		}
	}
}
