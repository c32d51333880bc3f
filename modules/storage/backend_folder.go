package storage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"portico.internal/platform/datadir"
)

// folder keeps blobs as plain files with their own bytes, and nothing beside them. All it makes is private to the account
// that the gateway runs as.
type folder struct{ root string }

var _ blobs = (*folder)(nil)

const (
	folderMode = 0o700
	fileMode   = 0o600

	// unfinished is where files are while they are being written. No key begins so.
	unfinished = reserved + "/new"
)

func (f *folder) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

// write gives the file its name when all of it is on the disk, and never to the harm of another: a file that is there
// already stays.
func (f *folder) write(ctx context.Context, name, _ string, r io.Reader) (w written, err error) {
	file, err := f.begin(name)
	if err != nil {
		return written{}, explainLocal(err)
	}
	defer os.Remove(file.Name())
	in := newSource(ctx, r)
	_, err = io.Copy(file, in)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	switch {
	case in.err != nil:
		return written{}, in.err
	case err != nil:
		return written{}, explainLocal(err)
	}
	if err := f.install(file.Name(), name); err != nil {
		return written{}, explainLocal(err)
	}
	return in.written(), nil
}

// begin makes a file for a blob that is to have the name.
func (f *folder) begin(name string) (*os.File, error) {
	dir := filepath.Join(f.root, unfinished)
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, unfinishedName(name)+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}

func unfinishedName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16]) + "-"
}

// installTries is how often a file is given its name: the folder for it may be removed, being empty, at that moment.
const installTries = 10

// install gives a file its name, durably.
func (f *folder) install(temp, name string) error {
	path := f.path(name)
	var err error
	for range installTries {
		if err = os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
			break
		}
		// A link, unlike a rename, never replaces what is there.
		if err = os.Link(temp, path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	switch {
	case errors.Is(err, syscall.ENOTDIR): // a file where a folder has to be
		return fs.ErrExist
	case errors.Is(err, syscall.EPERM), errors.Is(err, errors.ErrUnsupported): // a file system without links
		if _, there := os.Lstat(path); !errors.Is(there, fs.ErrNotExist) {
			return fs.ErrExist
		}
		err = os.Rename(temp, path)
	}
	if err != nil {
		return err
	}
	_ = os.Remove(temp)
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := datadir.Sync(dir); err != nil {
			_ = os.Remove(path)
			return err
		}
		if dir == f.root || len(dir) < len(f.root) {
			return nil
		}
	}
}

func (f *folder) open(_ context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	file, err := os.Open(f.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, errGone
	case err != nil:
		return nil, explainLocal(err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, errGone
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		file.Close()
		return nil, explainLocal(err)
	}
	if length < 0 {
		return file, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(file, length), file}, nil
}

// remove also removes the folders that become empty.
func (f *folder) remove(_ context.Context, name string) error {
	path := f.path(name)
	if err := unlink(path); err != nil {
		return explainLocal(err)
	}
	dir := filepath.Dir(path)
	for len(dir) > len(f.root) && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
	return nil
}

// unlink removes a file where there is one.
func unlink(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

func (f *folder) purge(ctx context.Context, name string) error {
	begun, err := filepath.Glob(filepath.Join(globbed(f.root), unfinished, unfinishedName(name)+"*"))
	if err != nil {
		return explainLocal(err)
	}
	for _, path := range begun {
		if err := unlink(path); err != nil {
			return explainLocal(err)
		}
	}
	return f.remove(ctx, name)
}

// globbed keeps the signs of a path from meaning something in a pattern.
func globbed(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// exists finds everything that can be in the way: folders, files where folders would have to be, and links, which may
// lead elsewhere.
func (f *folder) exists(_ context.Context, name string) (bool, error) {
	for _, above := range parents(name) {
		info, err := os.Lstat(f.path(above))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return false, nil
		case err != nil:
			return false, explainLocal(err)
		case !info.IsDir():
			return true, nil
		}
	}
	_, err := os.Lstat(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, explainLocal(err)
}

// list leaves out what is being written.
func (f *folder) list(ctx context.Context, prefix string, each func(name string, size int64) error) error {
	// Below the last folder in the prefix is all there is to see.
	start := f.root
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		start = f.path(prefix[:i])
	}
	if _, err := os.ReadDir(f.root); err != nil {
		return explainLocal(err)
	}
	var stopped error
	err := filepath.WalkDir(start, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			stopped = ctx.Err()
			return stopped
		case errors.Is(err, fs.ErrNotExist):
			return nil // removed meanwhile
		case err != nil:
			return err
		}
		name, err := filepath.Rel(f.root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if name == unfinished || name != "." && !strings.HasPrefix(name+"/", prefix) && !strings.HasPrefix(prefix, name+"/") {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || !strings.HasPrefix(name, prefix) {
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		stopped = each(name, info.Size())
		return stopped
	})
	if stopped != nil {
		return stopped
	}
	return explainLocal(err)
}

func (f *folder) close() error { return nil }
