// Package guard has no code but a test: every vector kernel on memory that ends,
// or begins, where the process may not read or write.
package guard
