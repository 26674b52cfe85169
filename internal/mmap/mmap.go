// Package mmap shows files as memory, where the system can.
package mmap
