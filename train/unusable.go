package train

import (
	"fmt"
	"log/slog"
	"sync"

	"alike/dataset"
)

// unusable collects the images that could be read when a run began, or were not looked
// at, and cannot be read now.
type unusable struct {
	run     *Run
	data    dataset.Dataset
	maxBad  float64 // share of the images; 0 allows none
	log     *slog.Logger
	mu      sync.Mutex
	indices map[int]bool
}

// add writes the image to the run's list of bad files. Too many of them are an error.
func (u *unusable) add(index int, cause error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	images := u.data.Len()
	if u.indices[index] && len(u.indices) < images {
		return nil
	}
	if u.indices == nil {
		u.indices = map[int]bool{}
	}
	u.indices[index] = true
	allowed := 0
	if u.maxBad > 0 {
		allowed = min(max(1, int(u.maxBad*float64(images))), images-1)
	}
	name := u.data.ID(index)
	if n := len(u.indices); n > allowed {
		return fmt.Errorf("%s: %d of %d images can no longer be read, the last is %s: %w; put them back, or allow more with --max-bad",
			u.data.Name(), n, images, name, cause)
	}
	u.log.Warn("an image can no longer be read, the next one takes its place", slog.String("image", name), slog.String("reason", cause.Error()))
	return u.run.addBadFile(dataset.Skipped{Name: name, Err: cause})
}
