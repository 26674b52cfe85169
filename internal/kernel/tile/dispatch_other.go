//go:build !amd64 || purego

package tile

func (k Kernel) vector(*Product, []Group) bool { return false }
