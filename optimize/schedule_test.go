package optimize_test

import (
	"strconv"
	"strings"
	"testing"

	"alike/optimize"
)

func TestScheduleAgreesWithReferenceValues(t *testing.T) {
	type test struct {
		ID     string
		Params struct {
			LR           float64 `json:"base_lr"`
			Batch        int     `json:"batch_size"`
			Images       int     `json:"num_examples"`
			Epochs       float64
			WarmupEpochs float64 `json:"warmup_epochs"`
			Scaling      string
		}
		Expected struct {
			Warmup int                `json:"warmup_steps"`
			Total  int                `json:"total_steps"`
			Peak   float64            `json:"peak_lr"`
			At     map[string]float64 `json:"lr_at_step"`
		}
	}
	for _, r := range references[test](t, "lr_schedule") {
		t.Run(r.ID, func(t *testing.T) {
			s := optimize.Schedule{
				LR: r.Params.LR, Scaling: r.Params.Scaling, Epochs: r.Params.Epochs,
				WarmupEpochs: r.Params.WarmupEpochs, Batch: r.Params.Batch, Images: r.Params.Images,
			}
			if err := s.Validate(); err != nil {
				t.Error(err)
			}
			if s.Warmup() != r.Expected.Warmup || s.Total() != r.Expected.Total {
				t.Errorf("warm-up %d of %d steps, want %d of %d", s.Warmup(), s.Total(), r.Expected.Warmup, r.Expected.Total)
			}
			closeTo(t, "peak", []float64{s.Peak()}, []float64{r.Expected.Peak}, 1e-9, 1e-11)
			for step, want := range r.Expected.At {
				i, err := strconv.Atoi(step)
				if err != nil {
					t.Fatal(err)
				}
				closeTo(t, "rate at step "+step, []float64{s.At(i)}, []float64{want}, 1e-9, 1e-11)
			}
		})
	}
}

func TestShortSchedules(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		epochs, warmupEpochs float64
		want                 []float64
	}{
		{"no epochs are no steps", 0, 10, nil},
		{"without warm-up the first step has the peak rate", 2, 0, []float64{1, 0.75, 0.25}},
		{"a warm-up as long as the run", 3, 3, []float64{0, 1. / 3, 2. / 3, 1}},
		{"a warm-up longer than the run", 1, 3, []float64{0, 1. / 3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := optimize.Schedule{LR: 1, Scaling: optimize.ScalingNone, Epochs: tc.epochs, WarmupEpochs: tc.warmupEpochs, Batch: 10, Images: 10}
			var got []float64
			for step := range s.Total() {
				got = append(got, s.At(step))
			}
			closeTo(t, "rates", got, tc.want, 1e-15, 1e-15)
		})
	}
}

func TestScheduleValidateReportsAllFaults(t *testing.T) {
	err := optimize.Schedule{Scaling: "cubic"}.Validate()
	for _, want := range []string{"lr 0", `scaling "cubic"`, "batch of 0", "0 images"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}
