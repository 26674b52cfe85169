package doctor

import (
	"slices"
	"strings"
	"testing"
)

// looks are records of a network that moves, ten steps apart; set says what else was seen.
func looks(n int, set func(i int, r *Record)) []Record {
	records := make([]Record, n)
	for i := range records {
		records[i] = Record{Step: 10 * (i + 1), Probe: &Probe{Layers: []Layer{{Name: "conv1", Weight: 1, Update: 0.001}}}}
		set(i, &records[i])
	}
	return records
}

func TestDiagnose(t *testing.T) {
	labelled := func(chance float64, knn ...float64) []Record {
		return looks(len(knn), func(i int, r *Record) {
			r.Accuracy, r.Queries, r.Chance, r.KNN = 0.9, 1000, chance, knn[i]
		})
	}
	waits := func(share ...float64) []Record {
		return looks(len(share), func(i int, r *Record) { r.DataWait = share[i] })
	}
	hard := func(share ...float64) []Record {
		return looks(len(share), func(i int, r *Record) { r.Probe.HardNegatives = share[i] })
	}
	equals := func(hard float64, positives ...int) []Record {
		return looks(3, func(_ int, r *Record) {
			r.Probe.NegativeSimilarity, r.Probe.HardNegatives, r.Probe.Positives = 0.995, hard, Histogram{-1, 1, positives}
		})
	}
	loud := looks(5, func(_ int, r *Record) { r.Loss, r.Probe.CollapsedLoss = 9, 5 })
	for _, tc := range []struct {
		name    string
		patient Patient
		records []Record
		illness string // none if empty
		says    []string
	}{
		{"a run that waits for a third of its time", Patient{}, waits(0, 0.31, 0.31, 0.31), Starved, []string{"31 % of its time since step 20"}},
		{"a run that waits now and then", Patient{}, waits(0.5, 0.31, 0.2, 0.31), "", nil},
		{"labels that say nothing to a network that learns from them", Patient{Supervised: true}, hard(0.1, 0.5, 0.5, 0.5, 0.5, 0.5), Labels, []string{"50 % are nearer", "since step 20"}},
		{"labels that neighbours name no better than chance", Patient{}, labelled(0.1, 0.09, 0.1, 0.1), Labels, []string{"10 % of the images, no more than chance (10 %)"}},
		{"labels that neighbours name well", Patient{}, labelled(0.1, 0.09, 0.5, 0.8), "", nil},
		{"of two classes one has 19 of 20 images", Patient{}, labelled(0.95, 0.94, 0.95, 0.95), "", nil},
		{"two classes alike", Patient{}, labelled(0.5, 0.52, 0.51, 0.5), Labels, []string{"50 %"}},
		{"no neighbours were looked for since the first step", Patient{}, labelled(0.1, 0.1, 0.1, 0.1), "", nil},
		{"equal embeddings", Patient{}, equals(0.5, 0, 4), Collapsed, nil},
		{"nearly equal embeddings in which every positive is the nearest", Patient{}, equals(0, 0, 4), "", nil},
		{"nearly equal embeddings of a method without positives", Patient{}, equals(0, 0, 0), Collapsed, nil},
		{"a low temperature", Patient{Loss: "ntxent", Sharpness: 10}, loud, Sharp, []string{"the temperature 0.1 is too low", "try --set loss.temperature=0.5"}},
		{"a very low temperature", Patient{Loss: "ntxent", Sharpness: 1000}, loud, Sharp, []string{"try --set loss.temperature=0.05"}},
		{"a high scale", Patient{Loss: "ice", Sharpness: 64}, loud, Sharp, []string{"the scale 64 is too high", "try --set loss.scale=6.4"}},
		{"a temperature that nobody calls low", Patient{Loss: "ntxent", Sharpness: 2}, loud, "", nil},
	} {
		found := Diagnose(tc.patient, tc.records)
		if tc.illness == "" {
			if len(found) > 0 {
				t.Errorf("%s: %v", tc.name, found)
			}
			continue
		}
		if len(found) != 1 || found[0].Illness != tc.illness || slices.ContainsFunc(tc.says, func(s string) bool { return !strings.Contains(found[0].String(), s) }) {
			t.Errorf("%s: got %v, want %s with %q", tc.name, found, tc.illness, tc.says)
		}
	}
}
