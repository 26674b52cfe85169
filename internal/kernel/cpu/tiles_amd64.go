//go:build !linux && !purego

package cpu

// requestTiles is false: only Linux is known to let a process ask.
func requestTiles() bool { return false }
