//go:build !linux

package train

// freeMemory is not known here, so no run is refused for it.
func freeMemory() (uint64, error) { return 0, errUnknown }

// PeakMemory is not known here.
func PeakMemory() uint64 { return 0 }
