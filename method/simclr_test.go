package method

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/augment"
)

func TestDefaultsFollowTheImageSide(t *testing.T) {
	for _, tc := range []struct {
		side    int
		encoder string
		batch   int
		peak    float64
		views   augment.Config
	}{
		{32, "resnet18", 512, 2.0, augment.SimCLR(32)}, // the readme's rate of 1.0 is scaled by 512/256
		{224, "resnet50", 4096, 4.8, augment.SimCLR(224)},
	} {
		r := (&SimCLR{}).Defaults(tc.side)
		r.Schedule.Batch = r.Batch
		if r.Encoder.Name != tc.encoder || r.Batch != tc.batch || r.Schedule.Peak() != tc.peak || cmp.Diff(tc.views, r.Views) != "" {
			t.Errorf("side %d: %s, batch %d, peak rate %g, views %s", tc.side, r.Encoder.Name, r.Batch, r.Schedule.Peak(), cmp.Diff(tc.views, r.Views))
		}
	}
}
