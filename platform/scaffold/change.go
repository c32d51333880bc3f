package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// change is a file to be written: a new one, or one that is to replace the text that was read.
type change struct {
	path   string // below the root, with slashes
	text   string
	before string // empty: the file is new
}

// write makes all changes or none, and returns the paths.
func write(root string, changes []change) (paths []string, err error) {
	var undo []func() error
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			_ = undo[i]()
		}
	}()
	for _, c := range changes {
		paths = append(paths, c.path)
		file := filepath.Join(root, filepath.FromSlash(c.path))
		if c.before != "" {
			undo = append(undo, func() error { return os.WriteFile(file, []byte(c.before), 0o644) })
			if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
				return nil, err
			}
			continue
		}
		made, err := makeFolders(filepath.Dir(file))
		undo = append(undo, made...)
		if err != nil {
			return nil, err
		}
		if err := create(file, c.text); err != nil {
			return nil, err
		}
		undo = append(undo, func() error { return os.Remove(file) })
	}
	return paths, nil
}

// makeFolders makes those that are missing, and says how to take them away again.
func makeFolders(dir string) (undo []func() error, err error) {
	if _, err := os.Stat(dir); err == nil {
		return nil, nil
	}
	undo, err = makeFolders(filepath.Dir(dir))
	if err != nil {
		return undo, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return undo, err
	}
	return append(undo, func() error { return os.Remove(dir) }), nil
}

// create writes a file that is not there yet.
func create(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; nothing was written", file)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(file)
		return err
	}
	return nil
}
