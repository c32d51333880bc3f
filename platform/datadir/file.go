package datadir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// tempPattern starts with a dot, which no name given to [File] may, so leftovers of a crash are never taken for content.
const tempPattern = ".tmp-*"

// maxSize bounds what is read back: keys and tokens are a few kilobytes.
const maxSize = 1 << 20

func read(path string) ([]byte, error) {
	// Asked before the file is opened: opening a pipe would wait for its other end.
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		switch link, err := os.Lstat(path); {
		case err != nil:
			return nil, fs.ErrNotExist
		case link.Mode()&fs.ModeSymlink != 0:
			return nil, fmt.Errorf("data_dir: %s is a link to nothing; mend or remove it", path)
		}
		return read(path) // another process has just made it
	}
	if err != nil {
		return nil, fmt.Errorf("data_dir: cannot read %s: %w", path, reason(err))
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("data_dir: %s is not a regular file; move it away", path)
	case info.Mode().Perm()&0o007 != 0 || info.Mode().Perm()&0o070 != 0 && os.Chmod(path, 0o600) != nil:
		return nil, fmt.Errorf("data_dir: others may read or change %s; run: chmod 600 %s", path, path)
	case info.Size() > maxSize:
		return nil, fmt.Errorf("data_dir: %s is larger than 1 MiB, which nothing kept there is; move it away", path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("data_dir: cannot read %s: %w", path, reason(err))
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, fmt.Errorf("data_dir: %s is empty; restore it from a backup, or delete it to have a new one made", path)
	}
	return content, nil
}

// install makes the file appear under its name with all its content, or fails with [fs.ErrExist] when there is one.
// A hard link, unlike a rename, never replaces what another process has put there.
func install(dir, path string, content []byte) error {
	temp, err := os.CreateTemp(dir, tempPattern) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(content); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Sync(); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil {
		return err
	}
	return Sync(dir)
}

// Sync makes a file, or the names in a folder, survive a loss of power.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
