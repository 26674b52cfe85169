//go:build !amd64 || purego

package cpu

// Detect returns the highest level that this build can run.
func Detect() Level { return Generic }
