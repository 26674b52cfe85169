package reproduce

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"alike/dataset"
	"alike/internal/atomicfile"
	"alike/internal/rng"
)

// Trial is some claims on trial at a scale.
type Trial struct {
	Lab
	Claims   []*Claim
	Scale    Scale
	Data     string // SPEC of the images
	Labelled string // SPEC of images of many classes, for claims that need labels; may be empty
	Backend  string // that all runs are trained on
	Only     string // a glob: only variants of such names are run
}

// Job is one run of a variant with a seed.
type Job struct {
	Claim   *Claim
	Variant Variant
	Seed    int // from 1
	Name    string
	Train   []string
	Done    bool

	units   float64 // of time, in runs of length 1
	seconds float64 // that it took, if it is done
}

// Title names a job for people.
func (j Job) Title() string {
	return fmt.Sprintf("%s: %s, seed %d", j.Claim.Name, j.Variant.Name, j.Seed)
}

// spec is the SPEC that a claim's runs are trained on: a packed part of the images,
// which pack writes, and that no run decodes again.
func (t *Trial) spec(c *Claim) string {
	name := fmt.Sprintf("images-%d.pack", t.Scale.Images)
	if c.Labelled {
		name = "labelled.pack"
	}
	return absolute(filepath.Join(t.Dir, name))
}

// Jobs are all runs, the first seeds first, within a seed the claims of few runs
// first: a stop leaves answers to as many questions as possible. One that two
// claims share occurs once for each.
func (t *Trial) Jobs() (jobs []Job, err error) {
	count := map[*Claim]int{}
	for _, c := range t.Claims {
		if c.Labelled && t.Labelled == "" {
			continue
		}
		for _, v := range c.Variants(t.Scale) {
			if ok, err := path.Match(cmp.Or(t.Only, "*"), v.Name); err != nil {
				return nil, fmt.Errorf("--only %q: %w", t.Only, err)
			} else if !ok {
				continue
			}
			for seed := 1; seed <= t.Scale.seeds(v); seed++ {
				j := Job{Claim: c, Variant: v, Seed: seed, Train: t.Scale.training(c, v, seed, t.spec(c)), units: cmp.Or(v.Length, 1) * cmp.Or(v.Cost, 1)}
				j.Name = t.nameOf(j.Train)
				r, err := t.Record(j.Name)
				if err != nil {
					return nil, err
				}
				j.see(r)
				jobs = append(jobs, j)
				count[c]++
			}
		}
	}
	slices.SortStableFunc(jobs, func(a, b Job) int {
		return cmp.Or(cmp.Compare(a.Seed, b.Seed), cmp.Compare(count[a.Claim], count[b.Claim]))
	})
	return jobs, nil
}

// see takes from a run's record whether the job is done, and how long it took.
func (j *Job) see(r *Record) {
	if j.Done = complete(r, j.Claim); j.Done {
		j.seconds = r.Seconds
	}
}

// complete says whether a run is done, with all measurements of a claim, or has failed.
func complete(r *Record, c *Claim) bool {
	if r == nil || !r.Done {
		return r != nil && r.Failed != ""
	}
	return !slices.ContainsFunc(c.evals(), r.misses)
}

// Left is an estimate of the time that jobs still take, from those that are done.
func (t *Trial) Left(jobs []Job) time.Duration {
	seconds, units, left := 0.0, 0.0, 0.0
	seen := map[string]bool{}
	for _, j := range jobs {
		if seen[j.Name] {
			continue
		}
		seen[j.Name] = true
		if !j.Done {
			left += j.units
			continue
		}
		seconds, units = seconds+j.seconds, units+j.units
	}
	each := t.Scale.Seconds
	if units > 0 {
		each = seconds / units
	}
	return time.Duration(each * left * float64(time.Second))
}

// Run does what is not done yet, and what no other process is doing, until ctx ends or the time is over. ended
// says whether all runs are done. said is told what goes on.
func (t *Trial) Run(ctx context.Context, limit time.Duration, said func(format string, args ...any)) (ended bool, err error) {
	start := time.Now()
	jobs, err := t.Jobs()
	if err != nil {
		return false, err
	}
	left := 0
	for did := true; did; { // what another process began may have been left, what was done may be wanted again
		did, left = false, 0
		for i := range jobs {
			j := &jobs[i]
			r, err := t.Record(j.Name) // a claim before may have done it, or another process
			if err != nil {
				return false, err
			}
			if j.see(r); j.Done {
				continue
			}
			if limit > 0 && time.Since(start) >= limit {
				said("the time is over at run %d of %d", i+1, len(jobs))
				return false, nil
			}
			lock, err := t.take(j.Name)
			if errors.Is(err, atomicfile.ErrTaken) {
				left++
				continue
			}
			if err != nil {
				return false, err
			}
			said("run %d of %d, about %s left: %s", i+1, len(jobs), t.Left(jobs).Round(time.Second), j.Title())
			if err := t.do(ctx, j, lock); err != nil {
				return false, fmt.Errorf("%s: %w", j.Title(), err)
			}
			did = true
		}
	}
	if left > 0 {
		said("%d of %d runs are being done by other processes, and not on the page yet", left, len(jobs))
	}
	return left == 0, nil
}

// do trains and measures, what of it is not done yet, and gives the lock back.
func (t *Trial) do(ctx context.Context, j *Job, lock *os.File) error {
	defer lock.Close()
	if err := t.pack(ctx, j.Claim); err != nil {
		return err
	}
	r, err := t.Lab.Run(ctx, j.Name, j.Train, j.Claim.evals()...)
	if err == nil {
		j.see(r)
	}
	return err
}

// origin is what the runs of a directory have in common and their arguments do not say.
type origin struct {
	Data     string `json:"data"` // SPECs, files by their absolute paths
	Labelled string `json:"labelled"`
	Backend  string `json:"backend"`
}

// Begin makes the directory that of these images and this engine, and refuses one that is of others.
func (t *Trial) Begin(ctx context.Context) error {
	const name = "trial.json"
	lock, err := t.await(ctx, name)
	if err != nil {
		return err
	}
	defer lock.Close()
	file := filepath.Join(t.Dir, name)
	own := origin{t.Data, t.Labelled, t.Backend}
	for _, spec := range []*string{&own.Data, &own.Labelled} {
		if _, err := os.Stat(*spec); err == nil {
			*spec = absolute(*spec)
		}
	}
	text, err := os.ReadFile(file)
	if err == nil {
		var there origin
		if err := json.Unmarshal(text, &there); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if own.Labelled == "" {
			own.Labelled = there.Labelled
		}
		for _, f := range []struct{ flag, own, there string }{{"data", own.Data, there.Data}, {"labelled", own.Labelled, there.Labelled}, {"backend", own.Backend, there.Backend}} {
			if f.own != f.there && (f.there != "" || f.flag == "backend") {
				return fmt.Errorf("the runs in %s are of --%s %q, not of %q: give another --out", t.Dir, f.flag, f.there, f.own)
			}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if text, err = json.MarshalIndent(own, "", " "); err != nil {
		return err
	}
	return atomicfile.Write(file, text)
}

// pack writes the images of a claim to one file, unless that was done.
func (t *Trial) pack(ctx context.Context, c *Claim) error {
	name, spec := t.spec(c), t.Data
	if c.Labelled {
		spec = t.Labelled
	}
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	if spec == "" {
		return fmt.Errorf("%s needs images: --data SPEC", c.Name)
	}
	lock, err := t.await(ctx, filepath.Base(name))
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(name); err == nil { // by another process
		return nil
	}
	source, err := dataset.Open(ctx, spec, dataset.Options{})
	if err != nil {
		return err
	}
	if n := t.Scale.Images; n > 0 && !c.Labelled {
		for split, d := range source.Splits {
			keep := n
			if split != dataset.Train {
				keep = n / 2
			}
			if keep < d.Len() {
				index := rng.New(rng.Split, 0).Perm(d.Len())[:keep]
				slices.Sort(index)
				source.Splits[split] = dataset.Subset(d, d.Name(), index)
			}
		}
	}
	_, err = dataset.Pack(ctx, source, name, dataset.Packing{})
	return err
}

// Findings judge all claims of the trial by what is there.
func (t *Trial) Findings(ctx context.Context) (list []Finding, err error) {
	for _, c := range t.Claims {
		f, err := t.finding(ctx, c)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

func (t *Trial) finding(ctx context.Context, c *Claim) (Finding, error) {
	r := &Results{Claim: c, Scale: t.Scale, Variants: c.Variants(t.Scale), lab: &t.Lab, runs: map[string][]run{}}
	r.Images = func(ctx context.Context) (*dataset.Source, error) {
		if err := t.pack(ctx, c); err != nil {
			return nil, err
		}
		return dataset.Open(ctx, t.spec(c), dataset.Options{})
	}
	for _, v := range r.Variants {
		paired := true // all seeds before are there: those of a variant are from 1 on
		for seed := 1; seed <= t.Scale.seeds(v); seed++ {
			name := t.nameOf(t.Scale.training(c, v, seed, t.spec(c)))
			rec, err := t.Record(name)
			if err != nil {
				return Finding{}, err
			}
			switch done := complete(rec, c); {
			case done && rec.Failed != "":
				r.failed = append(r.failed, failure{v.Name, seed, rec})
				paired = false
			case done && paired:
				r.runs[v.Name] = append(r.runs[v.Name], run{name, rec})
			case done:
				r.apart = append(r.apart, rec)
			default:
				paired = false
			}
		}
	}
	return find(ctx, r)
}
