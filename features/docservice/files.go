package docservice

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"portico.internal/platform/errs"
)

// fileStore keeps the content of documents that is not kept by the gateway: files/ab/<id>.pdf, where ab are the first two digits of the id.
//
// Row and file of a document come and go in two steps, and a crash may fall between them. So a file is in
// files/staging while its row is being made or deleted: whatever is found there at the start belongs to a row, and
// goes into its place, or to none, and is removed. Nothing else is ever guessed away.
type fileStore struct {
	root string
	lock *os.File
}

const filesFolder = "files"

func openFiles(dataDir string) (*fileStore, error) {
	s := &fileStore{root: filepath.Join(dataDir, filesFolder)}
	err := os.MkdirAll(filepath.Join(s.root, "staging"), 0o700)
	if err != nil {
		return nil, err
	}
	if s.lock, err = lockDir(s.root); err != nil {
		return nil, err
	}
	if err := os.Remove(s.spoolPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *fileStore) close() error { return s.lock.Close() }

func (s *fileStore) stagingPath(id string) string { return filepath.Join(s.root, "staging", id+".pdf") }

func (s *fileStore) path(id string) string { return filepath.Join(s.root, id[:2], id+".pdf") }

// stage writes content to a staged file that survives a power cut. When it fails there is no file.
func (s *fileStore) stage(id string, content io.Reader) (size int64, sum string, err error) {
	f, err := os.OpenFile(s.stagingPath(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", diskError(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	hash := sha256.New()
	if size, err = io.Copy(io.MultiWriter(f, hash), content); err != nil {
		return 0, "", diskError(err)
	}
	if err = f.Sync(); err != nil {
		return 0, "", diskError(err)
	}
	if err = f.Close(); err != nil {
		return 0, "", diskError(err)
	}
	return size, hex.EncodeToString(hash.Sum(nil)), syncDir(filepath.Dir(f.Name()))
}

// place moves a staged file to where it stays.
func (s *fileStore) place(id string) error {
	dir := filepath.Dir(s.path(id))
	switch err := os.Mkdir(dir, 0o700); {
	case err == nil:
		if err := syncDir(s.root); err != nil {
			return err
		}
	case !errors.Is(err, os.ErrExist):
		return diskError(err)
	}
	if err := os.Rename(s.stagingPath(id), s.path(id)); err != nil {
		return diskError(err)
	}
	return syncDir(dir)
}

// unplace moves a file back among the staged.
func (s *fileStore) unplace(id string) error {
	if err := os.Rename(s.path(id), s.stagingPath(id)); err != nil {
		return diskError(err)
	}
	return syncDir(filepath.Dir(s.stagingPath(id)))
}

// remove removes the file wherever it is; there need not be one.
func (s *fileStore) remove(id string) error {
	for _, path := range []string{s.stagingPath(id), s.path(id)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return diskError(err)
		}
	}
	return nil
}

// open opens the file for reading, also while it is staged. Returns os.ErrNotExist when there is none.
func (s *fileStore) open(id string) (*os.File, error) {
	f, err := os.Open(s.path(id))
	if errors.Is(err, os.ErrNotExist) {
		f, err = os.Open(s.stagingPath(id))
	}
	if errors.Is(err, os.ErrNotExist) { // it was moved between the two looks
		f, err = os.Open(s.path(id))
	}
	if err != nil {
		return nil, diskError(err)
	}
	return f, nil
}

// spoolPath is where the content of an object is while it is being read. One is at a time.
func (s *fileStore) spoolPath() string { return filepath.Join(s.root, "staging", "reading") }

// spool makes a file of what d holds, to be given to unspool, for who needs one.
func (s *fileStore) spool(content io.Reader, d *document) (*os.File, error) {
	f, err := os.OpenFile(s.spoolPath(), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, diskError(err)
	}
	source, hash := &noting{Reader: io.LimitReader(content, d.Size)}, sha256.New()
	_, err = io.Copy(io.MultiWriter(f, hash), source)
	switch {
	case source.failure != nil:
		err = source.failure
	case err != nil:
		err = diskError(err)
	case hex.EncodeToString(hash.Sum(nil)) != d.SHA256:
		err = errObjectDiffers
	default:
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		s.unspool(f)
		return nil, err
	}
	return f, nil
}

func (s *fileStore) unspool(f *os.File) {
	_ = f.Close()
	_ = os.Remove(f.Name()) // else the next one, or the next start, does it
}

// staged lists the ids of staged files.
func (s *fileStore) staged() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.root, "staging"))
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".pdf"); ok && uuid.Validate(id) == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// diskError tells a full disk, which may pass, from all else that can be wrong with one.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errs.Wrap(errs.Unavailable, "There is no room for the document", err)
	}
	return errs.Wrap(errs.Internal, "", err)
}

// syncDir makes the names in a directory survive a power cut.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
