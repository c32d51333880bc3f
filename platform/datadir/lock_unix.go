//go:build unix

package datadir

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Lock keeps other processes that ask for it from the directory, until release is called or this process has ended in
// whatever way.
func Lock(dir string) (release func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, unusable(dir, err)
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		d.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("data_dir (PORTICO_DATA_DIR): another process is at work in %s; wait for it to end", dir)
		}
		return nil, unusable(dir, err)
	}
	return func() { d.Close() }, nil
}
