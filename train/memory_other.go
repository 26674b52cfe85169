//go:build !linux

package train

// FreeMemory is not known here, so no run is refused for it.
func FreeMemory() (uint64, error) { return 0, errUnknown }

// PeakMemory is not known here.
func PeakMemory() uint64 { return 0 }
