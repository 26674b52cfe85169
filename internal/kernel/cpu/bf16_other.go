//go:build !amd64 || purego

package cpu

// DetectBF16 returns the best unit that this build can run.
func DetectBF16() BF16 { return BF16Float }
