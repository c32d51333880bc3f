package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// destination is where an entry belongs: below the data directory, in the place of the database, or outside.
func (t *Target) destination(entry string) string {
	if entry == DatabaseEntry {
		return t.Database
	}
	if name, ok := strings.CutPrefix(entry, dataPrefix); ok {
		return filepath.Join(t.DataDir, filepath.FromSlash(name))
	}
	return "/" + strings.TrimPrefix(entry, outsidePrefix)
}

// place puts everything where it belongs. It can be done again after it was interrupted.
func (a *Archive) place(t Target, staging string) error {
	for _, e := range a.Files {
		outside := strings.HasPrefix(e.Path, outsidePrefix)
		if !outside && e.Path != DatabaseEntry {
			continue
		}
		if err := move(filepath.Join(staging, e.Path), t.destination(e.Path), e); err != nil {
			return err
		}
	}
	data := filepath.Join(staging, strings.TrimSuffix(dataPrefix, "/"))
	entries, err := os.ReadDir(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(data, e.Name()), filepath.Join(t.DataDir, e.Name())); err != nil {
			return err
		}
	}
	if err := syncPath(t.DataDir); err != nil {
		return err
	}
	// The end of a restore is one step; what is left of its folder is nobody's then.
	over, err := os.MkdirTemp(t.DataDir, ".tmp-restored-*")
	if err != nil {
		return err
	}
	if err := errors.Join(os.Rename(staging, filepath.Join(over, "restoring")), syncPath(t.DataDir)); err != nil {
		return err
	}
	return os.RemoveAll(over)
}

// there tells whether a file is in its place already. It fails where that is another one.
func there(to string, e Entry) (bool, error) {
	file, err := os.Open(to)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return false, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != e.SHA256 {
		return false, fmt.Errorf("%s: there is another file; a restore replaces nothing: move it away", to)
	}
	return true, nil
}

// move puts a file in a place that may be on another file system.
func move(from, to string, e Entry) error {
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil // done before
	}
	if e.Path != DatabaseEntry { // which has changed since it was verified, and whose place was free
		if done, err := there(to, e); done || err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), folderMode); err != nil {
		return err
	}
	err := os.Rename(from, to)
	if err != nil {
		err = carry(from, to)
	}
	if err != nil {
		return err
	}
	return syncPath(filepath.Dir(to))
}

// carry copies a file to another file system, where it appears whole.
func carry(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	part := filepath.Join(filepath.Dir(to), "."+filepath.Base(to)+".part")
	if err := writeFile(part, source); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return errors.Join(syncPath(part), os.Rename(part, to), os.Remove(from))
}
