// Package testdata finds the real data sets that some tests read.
package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of a data set's file: in the folder that ALIKE_DATA
// names, or else in shared/data beside the repository. It skips the test where
// there is none.
func Path(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("ALIKE_DATA")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for !exists(filepath.Join(dir, "go.mod")) {
			if dir == filepath.Dir(dir) {
				t.Fatal("no go.mod above the test")
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared", "data")
	}
	path := filepath.Join(root, name)
	if !exists(path) {
		t.Skipf("%s is not on this machine; ALIKE_DATA names the folder that holds it", name)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
