package datadir

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// tempPattern starts with a dot, which no name given to [File] may, so leftovers of a crash are never taken for content.
const tempPattern = ".tmp-*"

// maxSize bounds what is read back: keys and tokens are a few kilobytes.
const maxSize = 1 << 20

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("data_dir: cannot read %s: %w", path, reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("data_dir: cannot read %s: %w", path, reason(err))
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("data_dir: %s is not a regular file; move it away", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("data_dir: others may read or change %s; run: chmod 600 %s", path, path)
	case info.Size() > maxSize:
		return nil, fmt.Errorf("data_dir: %s is larger than 1 MiB, which nothing kept there is; move it away", path)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSize))
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
	return syncDir(dir)
}

// syncDir makes the new name survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
