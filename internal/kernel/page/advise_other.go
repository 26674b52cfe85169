//go:build !linux

package page

func advise([]float32) {}
