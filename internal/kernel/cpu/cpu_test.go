package cpu

import "testing"

func TestNames(t *testing.T) {
	for _, lv := range []Level{Generic, AVX2, AVX512} {
		if got, err := Parse(lv.String()); err != nil || got != lv {
			t.Errorf("Parse(%q) is %v, %v", lv.String(), got, err)
		}
	}
	if _, err := Parse("sse"); err == nil {
		t.Error("sse is no level, but Parse took it")
	}
}

func TestLevelsEndWithTheDetectedOne(t *testing.T) {
	levels := Levels()
	if levels[0] != Generic || levels[len(levels)-1] != Detect() {
		t.Errorf("levels %v, detected %v", levels, Detect())
	}
}

func TestPeakGrowsWithTheVectors(t *testing.T) {
	for _, lv := range Levels() {
		peak := PeakGFLOPS(lv)
		t.Logf("%v: %.1f GFLOP/s a core", lv, peak)
		if !(peak > 0.1) {
			t.Errorf("%v: peak is %g GFLOP/s", lv, peak)
		}
	}
}
