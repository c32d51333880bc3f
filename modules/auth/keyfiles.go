package auth

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"portico.internal/platform/datadir"
)

// The files that hold the pair where the configuration has none.
const (
	privateFile = "jwt_private.pem"
	publicFile  = "jwt_public.pem"
)

// keysIn returns the pair kept in the directory, made on first use. Processes that start there at once end with one pair.
func keysIn(dir string) (*keyPair, error) {
	if err := bothOrNone(dir); err != nil {
		return nil, err
	}
	private, err := datadir.File(dir, privateFile, func() ([]byte, error) {
		key, err := generateKey()
		if err != nil {
			return nil, err
		}
		return encodePrivate(key)
	})
	if err != nil {
		return nil, err
	}
	public, err := datadir.File(dir, publicFile, func() ([]byte, error) {
		key, err := parsePrivate(string(private))
		if err != nil {
			return nil, fileFault(dir, privateFile, err)
		}
		return encodePublic(&key.PublicKey)
	})
	if err != nil {
		return nil, err
	}
	pair, faults := keyPEM{string(private), string(public)}.parse()
	switch {
	case faults.private != nil:
		return nil, fileFault(dir, privateFile, faults.private)
	case faults.public != nil:
		return nil, fileFault(dir, publicFile, faults.public)
	}
	return pair, nil
}

// bothOrNone refuses a public key without its private one: a new pair beside it would end every session, and the private
// key is perhaps only not restored yet. The private file is always made first, so a start on a new directory never sees this.
func bothOrNone(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, publicFile)); err != nil {
		return nil //nolint:nilerr // what else is wrong with the file, reading it will tell
	}
	if _, err := os.Stat(filepath.Join(dir, privateFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("data_dir: %s is missing beside %s; restore it, or delete %[2]s to have a new pair made",
		filepath.Join(dir, privateFile), filepath.Join(dir, publicFile))
}

func fileFault(dir, name string, fault error) error {
	return fmt.Errorf("data_dir: %s %w", filepath.Join(dir, name), fault)
}

// writeKeys makes a pair in the directory. It fails, with nothing written, where one of the files is there already.
func writeKeys(dir string, key *rsa.PrivateKey) error {
	private, err := encodePrivate(key)
	if err != nil {
		return err
	}
	public, err := encodePublic(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := writeNew(filepath.Join(dir, privateFile), private); err != nil {
		return err
	}
	if err := writeNew(filepath.Join(dir, publicFile), public); err != nil {
		return errors.Join(err, os.Remove(filepath.Join(dir, privateFile)))
	}
	return nil
}

// writeNew writes a file for this account alone and never replaces one.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
