package cli

import (
	"encoding/json"
	"testing"
)

func TestBenchDecode(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for some seconds")
	}
	var r readingRates
	if err := json.Unmarshal([]byte(must(t, "bench", "decode", "--images", "3", "--json")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Images != 3 || !(r.Decode > 0 && r.Packed > r.Resize && r.Resize > 0) {
		t.Errorf("%+v", r)
	}
}
