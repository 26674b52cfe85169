//go:build !unix

package cli

import "time"

// cpuTime is the clock where the time of a process is not known.
func cpuTime() time.Duration { return time.Since(started) }
