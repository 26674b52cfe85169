package train

import (
	"bufio"
	"fmt"
	"os"
)

// FreeMemory is the memory that can be had without swapping.
func FreeMemory() (uint64, error) { return lineOf("/proc/meminfo", "MemAvailable: %d kB") }

// PeakMemory is the most memory that the process has held, in bytes; 0 where
// that is not known.
func PeakMemory() uint64 {
	n, _ := lineOf("/proc/self/status", "VmHWM: %d kB")
	return n
}

// lineOf returns the bytes that a line of a file states in KiB.
func lineOf(file, format string) (uint64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib uint64
		if _, err := fmt.Sscanf(lines.Text(), format, &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, errUnknown
}
