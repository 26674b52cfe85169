package explore

import (
	"net/http"
	"strings"

	"alike/report"
	"alike/serve"
	"alike/train/doctor"
)

// Training is how the training of a network goes, or went.
type Training struct {
	Version string `json:"-"` // another one whenever there is more to see

	Name     string           `json:"name"`  // of the run
	Title    string           `json:"title"` // what is trained, in a few words
	Data     string           `json:"data"`  // on what
	State    string           `json:"state"` // a sentence
	Step     int              `json:"step"`
	Total    int              `json:"total"` // steps, 0 where that is not known yet
	Going    bool             `json:"going"`
	Looked   bool             `json:"looked"` // whether the doctor has seen anything
	Verdicts []doctor.Verdict `json:"verdicts"`
	Curves   []report.Curve   `json:"-"`
}

// drawn is a curve for the page.
type drawn struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	SVG   string `json:"svg"`
}

// trainings answers with how the trainings go; with their curves, unless the client has seen those.
func (p *Page) trainings(w http.ResponseWriter, r *http.Request) error {
	values, err := serve.Parameters(r, "seen")
	if err != nil {
		return err
	}
	var all []Training
	var versions []string
	for _, look := range p.Trainings {
		t, err := look()
		if err != nil {
			return serve.Fail(http.StatusInternalServerError, "%v", err)
		}
		all, versions = append(all, t), append(versions, t.Version)
	}
	answer := struct {
		Runs   []Training `json:"runs"`
		Seen   string     `json:"seen"`
		Curves []drawn    `json:"curves,omitempty"`
	}{all, strings.Join(versions, " "), nil}
	if answer.Seen != values.Get("seen") {
		for _, c := range curves(all) {
			answer.Curves = append(answer.Curves, drawn{c.Name, c.Title, string(c.SVG())})
		}
	}
	return serve.Answer(w, http.StatusOK, answer)
}

// curves are those of a training, or of two in one drawing each.
func curves(of []Training) []report.Curve {
	if len(of) == 0 {
		return nil
	}
	all := of[0].Curves
	if len(of) < 2 {
		return all
	}
	var both []report.Curve
	for _, c := range all {
		for _, other := range of[1].Curves {
			if other.Name == c.Name && c.Other == nil && other.Other == nil { // one that shows two things already has no room
				c.Label, c.Other, c.OtherLabel = "A", other.Points, "B"
				if c.Reference != other.Reference {
					c.ReferenceLabel = ""
				}
				both = append(both, c)
			}
		}
	}
	return both
}
