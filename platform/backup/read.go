package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxManifest bounds what is read into memory: a manifest names some millions of files.
const maxManifest = 1 << 30

// Archive is one to restore from.
type Archive struct {
	Manifest
	path string
	file *os.File
	sum  string // of the manifest
}

// Open reads the manifest of an archive. It fails where the archive is cut off, or the manifest is not as it was written.
func Open(path string) (*Archive, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	a := &Archive{path: path, file: file}
	if err := a.readManifest(); err != nil {
		file.Close()
		return nil, err
	}
	return a, nil
}

// Close lets the file go.
func (a *Archive) Close() error { return a.file.Close() }

func (a *Archive) refused(err error) error {
	return fmt.Errorf("%s: is not an archive that can be restored: %w", a.path, err)
}

// each calls fn for all entries.
func (a *Archive) each(fn func(h *tar.Header, content io.Reader) error) error {
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	entries := tar.NewReader(a.file)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return a.refused(fmt.Errorf("it is damaged or cut off: %w", err))
		}
		if header.Typeflag != tar.TypeReg {
			return a.refused(fmt.Errorf("%q is not a file", header.Name))
		}
		if err := fn(header, entries); err != nil {
			return err
		}
	}
}

func (a *Archive) readManifest() error {
	var text, sum []byte
	err := a.each(func(h *tar.Header, content io.Reader) (err error) {
		switch {
		case h.Size > maxManifest:
		case h.Name == manifestEntry:
			text, err = io.ReadAll(content)
		case h.Name == sumEntry:
			sum, err = io.ReadAll(io.LimitReader(content, buffer))
		}
		if err != nil {
			return a.refused(err)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case text == nil || sum == nil:
		return a.refused(errors.New("it is cut off, or none of portico backup: it has no manifest"))
	}
	digest := sha256.Sum256(text)
	if a.sum = hex.EncodeToString(digest[:]); a.sum+"  "+manifestEntry+"\n" != string(sum) {
		return a.refused(errors.New("its manifest is damaged"))
	}
	if err := json.Unmarshal(text, &a.Manifest); err != nil {
		return a.refused(fmt.Errorf("its manifest cannot be read: %w", err))
	}
	if err := a.check(); err != nil {
		return a.refused(err)
	}
	return nil
}

// extract writes all files that the manifest names below dir, and fails where one is not what the manifest says.
func (a *Archive) extract(ctx context.Context, dir string, progress func(files int, bytes int64)) error {
	sums := map[string]string{}
	var bytes int64
	err := a.each(func(h *tar.Header, content io.Reader) error {
		entry, named := a.find(h.Name)
		if !named {
			return nil
		}
		sum, from := sha256.New(), &noting{Reader: content}
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(h.Name)), io.TeeReader(reader{ctx, from}, sum)); err != nil {
			if from.failure != nil {
				return a.refused(from.failure)
			}
			return err
		}
		sums[h.Name] = hex.EncodeToString(sum.Sum(nil))
		if bytes += entry.Size; progress != nil {
			progress(len(sums), bytes)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range a.Files {
		switch sum, there := sums[e.Path]; {
		case !there:
			return a.refused(fmt.Errorf("it lacks %s", e.Path))
		case sum != e.SHA256:
			return a.refused(fmt.Errorf("%s is damaged: its SHA-256 is not that of the manifest", e.Path))
		}
	}
	return nil
}

// noting remembers how reading failed, so that a damaged archive is told from a full disk.
type noting struct {
	io.Reader
	failure error
}

func (n *noting) Read(p []byte) (int, error) {
	count, err := n.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.failure = err
	}
	return count, err
}

const (
	fileMode   = 0o600
	folderMode = 0o700
)

// writeFile writes a file with the folders above it, in place of one of that name.
func writeFile(path string, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// durable waits until everything below dir is on the disk.
func durable(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
}

// verify holds what the rows name against what the archive has.
func (a *Archive) verify(ctx context.Context, owners []Owner, s *Summary) error {
	for i := range owners {
		o := &owners[i]
		if err := o.files(ctx, o.DB.WithContext(ctx), func(f File) error {
			if f.Elsewhere != "" {
				s.Elsewhere[f.Elsewhere]++
				return nil
			}
			name, err := o.entry(f)
			if err != nil {
				return err
			}
			switch e, there := a.find(name); {
			case there && (f.SHA256 == "" || f.SHA256 == e.SHA256), !there && f.Optional:
			case there:
				s.missing(name, "is not as it was stored")
			default:
				s.missing(name, "is not in the archive")
			}
			return nil
		}); err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
	}
	return nil
}
