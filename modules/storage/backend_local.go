package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// localSpec is a folder on this machine, or one that all replicas have mounted.
type localSpec struct {
	Root string `json:"root"` // as it was given

	path  string // absolute, with links followed
	place string // path, or below what in the data directory it is, so that that may be moved
}

var _ spec = (*localSpec)(nil)

const defaultRoot = "objects"

func (r *reading) local(in configIn, dataDir string) *localSpec {
	l := &localSpec{Root: r.given("root", in.Root, rootForm)}
	if l.Root == "" {
		l.Root = defaultRoot
	}
	data, root := resolved(dataDir), l.Root
	if !filepath.IsAbs(root) {
		root = filepath.Join(dataDir, root)
	}
	l.path = resolved(root)
	l.place = l.path
	inside, err := filepath.Rel(data, l.path)
	switch {
	case !filepath.IsAbs(l.path):
		r.fail("root", l.Root, errors.New("Must be a folder in the data directory, or an absolute path"))
	case l.path == "/", strings.HasPrefix(data+"/", l.path+"/"):
		r.fail("root", l.Root, errors.New("Must be a folder that does not hold the data directory"))
	case err == nil && filepath.IsLocal(inside):
		l.place = "data_dir/" + inside
	}
	return l
}

func rootForm(value string) (string, error) {
	if len(value) > 4096 || !printable(value) {
		return "", errors.New("Must be a path of at most 4096 bytes without control characters")
	}
	return filepath.Clean(value), nil
}

// resolved follows the links of a path as far as there is something.
func resolved(path string) string {
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		return followed
	}
	above := filepath.Dir(path)
	if above == path {
		return path
	}
	return filepath.Join(resolved(above), filepath.Base(path))
}

func (l *localSpec) secret() *string { return nil }

func (l *localSpec) where() []string { return strings.Split(l.place, "/") }

func (l *localSpec) open() (blobs, error) {
	f := &folder{root: l.path}
	if err := os.MkdirAll(filepath.Join(f.root, unfinished), folderMode); err != nil {
		return nil, explainLocal(err)
	}
	f.tidy()
	return f, nil
}

// forgotten is the age at which a file that is being written belongs to nobody any more.
const forgotten = 24 * time.Hour

// tidy removes what a loss of power has left behind.
func (f *folder) tidy() {
	entries, _ := os.ReadDir(filepath.Join(f.root, unfinished))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > forgotten {
			_ = os.Remove(filepath.Join(f.root, unfinished, e.Name()))
		}
	}
}

// explainLocal says what an error of the file system means.
func explainLocal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return trouble(noSpace, err)
	case errors.Is(err, syscall.EROFS):
		return trouble(readOnly, err)
	case errors.Is(err, fs.ErrPermission):
		return trouble(noPermission, err)
	case errors.Is(err, fs.ErrExist):
		return taken(err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTEMPTY):
		return trouble(inTheWay, err)
	case errors.Is(err, fs.ErrNotExist):
		return trouble(noFolder, err)
	}
	return passingTrouble(unknownReason, err)
}
