//go:build !unix

package docservice

import (
	"os"
	"path/filepath"
)

// lockDir only marks the directory: there are no advisory locks here, so keeping to one process is up to the operator.
func lockDir(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
}

// limitMemory does nothing: there is no such limit here.
func limitMemory(uint64) error { return nil }
