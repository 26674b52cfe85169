//go:build !amd64 || purego

package cpu

func multiplyAdd(_ Level, rounds int) { _ = generic(rounds) }
