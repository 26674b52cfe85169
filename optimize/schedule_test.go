package optimize_test

import (
	"fmt"
	"math"
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

// TestDecays has batches of 50 out of 100 images, so that an epoch has two steps.
func TestDecays(t *testing.T) {
	isif := []optimize.Milestone{{Epoch: 120, Factor: 0.1}, {Epoch: 160, Factor: 0.05}, {Epoch: 200, Factor: 0.01}}
	for _, tc := range []struct {
		name string
		s    optimize.Schedule
		want map[int]float64 // rate of steps
	}{
		{
			"ISIF's steps",
			optimize.Schedule{LR: 0.03, Epochs: 301, Decay: optimize.DecaySteps, Milestones: isif},
			map[int]float64{0: 0.03, 239: 0.03, 240: 0.003, 319: 0.003, 320: 0.0015, 399: 0.0015, 400: 0.0003, 602: 0.0003},
		},
		{
			"an epoch's part",
			optimize.Schedule{LR: 1, Epochs: 3, Decay: optimize.DecaySteps, Milestones: []optimize.Milestone{{Epoch: 1.5, Factor: 0.5}}},
			map[int]float64{2: 1, 3: 0.5, 6: 0.5},
		},
		{
			"steps after a warm-up",
			optimize.Schedule{LR: 1, Epochs: 4, WarmupEpochs: 2, Decay: optimize.DecaySteps, Milestones: []optimize.Milestone{{Epoch: 1, Factor: 0.5}, {Epoch: 3, Factor: 0.2}}},
			map[int]float64{0: 0, 1: 0.25, 2: 0.5, 3: 0.75, 4: 0.5, 5: 0.5, 6: 0.2, 8: 0.2},
		},
		{
			"a milestone beyond the end",
			optimize.Schedule{LR: 1, Epochs: 2, Decay: optimize.DecaySteps, Milestones: isif},
			map[int]float64{0: 1, 4: 1},
		},
		{
			"a constant rate",
			optimize.Schedule{LR: 0.03, Epochs: 4, WarmupEpochs: 1, Decay: optimize.DecayConstant},
			map[int]float64{0: 0, 1: 0.015, 2: 0.03, 8: 0.03},
		},
		{
			"cosine by name",
			optimize.Schedule{LR: 1, Epochs: 1.5, Decay: optimize.DecayCosine}, // 4 steps
			map[int]float64{0: 1, 2: 0.5},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.s.Scaling, tc.s.Batch, tc.s.Images = optimize.ScalingNone, 50, 100
			if err := tc.s.Validate(); err != nil {
				t.Fatal(err)
			}
			for step, want := range tc.want {
				if step >= tc.s.Total() {
					t.Errorf("step %d: the run has %d", step, tc.s.Total())
				}
				closeTo(t, fmt.Sprintf("rate of step %d", step), []float64{tc.s.At(step)}, []float64{want}, 1e-15, 1e-15)
			}
		})
	}
}

func TestMilestonesAreValidated(t *testing.T) {
	step := func(epoch, factor float64) optimize.Milestone {
		return optimize.Milestone{Epoch: epoch, Factor: factor}
	}
	for _, tc := range []struct {
		name, decay string
		milestones  []optimize.Milestone
		want        string // "" for none
	}{
		{"steps without milestones", optimize.DecaySteps, nil, "needs milestones"},
		{"milestones of a cosine", optimize.DecayCosine, []optimize.Milestone{step(1, 0.1)}, "milestones: are for decay steps"},
		{"an unknown decay", "linear", nil, `decay "linear": must be cosine, steps or constant`},
		{"out of order", optimize.DecaySteps, []optimize.Milestone{step(20, 0.1), step(10, 0.01)}, "epoch 10: must come after 20"},
		{"twice the same", optimize.DecaySteps, []optimize.Milestone{step(20, 0.1), step(20, 0.01)}, "epoch 20: must come after 20"},
		{"at the beginning", optimize.DecaySteps, []optimize.Milestone{step(0, 0.1)}, "epoch 0: must come after 0"},
		{"not a number", optimize.DecaySteps, []optimize.Milestone{step(math.NaN(), 0.1)}, "epoch NaN"},
		{"a factor of 0", optimize.DecaySteps, []optimize.Milestone{step(1, 1), step(2, 0)}, "milestones: 2: factor 0"},
		{"a rise", optimize.DecaySteps, []optimize.Milestone{step(1, 2)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := optimize.Schedule{LR: 1, Scaling: optimize.ScalingNone, Batch: 1, Images: 1, Decay: tc.decay, Milestones: tc.milestones}
			err := s.Validate()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func TestScheduleValidateReportsAllFaults(t *testing.T) {
	err := optimize.Schedule{Scaling: "cubic", HeadLR: -1}.Validate()
	for _, want := range []string{"lr 0", "head_lr -1", `scaling "cubic"`, "batch of 0", "0 images"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}
