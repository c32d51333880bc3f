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

// keysIn returns the pair kept in the directory, on first use of one that generate makes. Processes that start there at
// once end with one pair.
func keysIn(dir string, generate func() (*rsa.PrivateKey, error)) (*keyPair, error) {
	if err := bothOrNone(dir); err != nil {
		return nil, err
	}
	private, err := datadir.File(dir, privateFile, func() ([]byte, error) {
		key, err := generate()
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

// writeKeys writes a pair that generate makes into the directory. It fails with [fs.ErrExist], before anything is made,
// where one of the files is there already.
func writeKeys(dir string, generate func() (*rsa.PrivateKey, error)) error {
	for _, name := range []string{privateFile, publicFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", filepath.Join(dir, name), errors.Join(err, fs.ErrExist))
		}
	}
	_, err := keysIn(dir, generate)
	return err
}
