package method

import "testing"

func TestDefaultsFollowTheImageSide(t *testing.T) {
	for _, tc := range []struct {
		side    int
		encoder string
		batch   int
		peak    float64
		blur    bool
	}{
		{32, "resnet18", 512, 2.0, false}, // the readme's rate of 1.0 is scaled by 512/256
		{224, "resnet50", 4096, 4.8, true},
	} {
		r := (&SimCLR{}).Defaults(tc.side)
		r.Schedule.Batch = r.Batch
		if r.Encoder.Name != tc.encoder || r.Batch != tc.batch || r.Schedule.Peak() != tc.peak || (r.Views.Blur.P > 0) != tc.blur {
			t.Errorf("side %d: %s, batch %d, peak rate %g, blur %g", tc.side, r.Encoder.Name, r.Batch, r.Schedule.Peak(), r.Views.Blur.P)
		}
	}
}
