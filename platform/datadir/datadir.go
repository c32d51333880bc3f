// Package datadir keeps what the gateway makes for itself: keys, tokens, the embedded database.
// Files are private to the account that runs it, and appear whole or not at all.
package datadir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Restoring is the folder in the directory that is there while a backup is being restored, and after a restore that has
// not ended.
const Restoring = ".restoring"

// Open makes the directory, with its parents, private to this account where it is not there yet, and proves that it
// can be written. It returns the absolute path. Its errors are one line that names the setting data_dir. A directory in
// which a restore has not ended is refused.
func Open(path string) (string, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", unusable(path, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", unusable(dir, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, Restoring)); err == nil {
		return "", fmt.Errorf("data_dir (PORTICO_DATA_DIR): a restore into %s has not ended; run portico restore again with the same archive, or remove %s", dir, filepath.Join(dir, Restoring))
	}
	probe, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		return "", unusable(dir, err)
	}
	defer os.Remove(probe.Name())
	if _, err := probe.WriteString("probe"); err != nil {
		probe.Close()
		return "", unusable(dir, err)
	}
	if err := probe.Close(); err != nil {
		return "", unusable(dir, err)
	}
	return dir, nil
}

// File returns the content of the file with this name in the directory. Where there is none, it is made from what
// create returns: durable, readable by this account alone, and never replaced afterwards. Of several processes that
// make it at once one wins, and all return the winner's content.
//
// A file that everybody may read, an empty one, and anything that is not a regular file are errors that tell the remedy.
// One that only its group may read is made private again: orchestrators open volumes to a group each time they mount them.
func File(dir, name string, create func() ([]byte, error)) ([]byte, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("data_dir: %q is not a file name", name)
	}
	path := filepath.Join(dir, name)
	content, err := read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return content, err
	}
	made, err := create()
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(made)) == 0 {
		return nil, fmt.Errorf("data_dir: nothing to write into %s", path)
	}
	if err := install(dir, path, made); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("data_dir: cannot write %s: %w", path, reason(err))
	}
	return read(path)
}

// unusable says why the directory cannot be used, and what to do.
func unusable(dir string, err error) error {
	remedy := "name a directory this account may write"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		remedy = "make room there"
	}
	return fmt.Errorf("data_dir (PORTICO_DATA_DIR): cannot use %s: %w; %s", dir, reason(err), remedy)
}

// reason drops operation and path, which the caller has said already.
func reason(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	return err
}
