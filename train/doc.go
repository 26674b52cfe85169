// Package train runs a method: the step loop, the run directory, checkpoints
// and their exact resume.
package train
