package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"portico.internal/platform/datadir"
)

const buffer = 1 << 20

// archive is one that is being written. It has a name that begins with a dot until all of it is on the disk.
type archive struct {
	path    string
	file    *os.File
	buf     *bufio.Writer
	tar     *tar.Writer
	at      time.Time
	entries map[string]Entry
	bytes   int64
}

func newArchive(target string, at time.Time) (*archive, error) {
	file, err := part(target)
	if err != nil {
		return nil, err
	}
	a := &archive{path: target, file: file, at: at, entries: map[string]Entry{}}
	a.buf = bufio.NewWriterSize(file, buffer)
	a.tar = tar.NewWriter(a.buf)
	return a, nil
}

// part makes the file that is to become the target.
func part(target string) (*os.File, error) {
	if _, err := os.Lstat(target); err == nil {
		return nil, fmt.Errorf("%s: is there already; a backup replaces nothing: name another file", target)
	}
	file, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".part-*") // mode 0600
	if errors.Is(err, fs.ErrNotExist) {
		// Made here, it could lie on another disk than the one that should be there.
		return nil, fmt.Errorf("%s: there is no such folder; make it, or mount what it is on", filepath.Dir(target))
	}
	return file, err
}

// add writes an entry of which write gives the size bytes. What an earlier one of the name held does not count any more.
func (a *archive) add(name string, size int64, write func(io.Writer) error) error {
	if err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: a.at, Format: tar.FormatPAX}); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.New()
	if err := write(io.MultiWriter(a.tar, sum)); err != nil {
		return err
	}
	if err := a.tar.Flush(); err != nil { // fails where the size was another one
		return fmt.Errorf("%s: %w", name, err)
	}
	a.entries[name] = Entry{name, size, hex.EncodeToString(sum.Sum(nil))}
	a.bytes += size
	return nil
}

// copy adds a file. Its error is fs.ErrNotExist where there is none.
func (a *archive) copy(ctx context.Context, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: is not a regular file", path)
	}
	return a.add(name, info.Size(), func(w io.Writer) error {
		if n, err := io.CopyN(w, reader{ctx, file}, info.Size()); errors.Is(err, io.EOF) && n < info.Size() {
			return fmt.Errorf("%s: %w", path, errChanged)
		} else if err != nil {
			return err
		}
		return nil
	})
}

// reader ends with ctx.
type reader struct {
	ctx context.Context //nolint:containedctx // it is as short-lived as the call that reads
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// seal writes the manifest, in which entries that are not named do not count, and gives the archive its name.
func (a *archive) seal(m *Manifest, named map[string]bool) error {
	maps.DeleteFunc(a.entries, func(name string, _ Entry) bool { return !named[name] })
	m.Files = slices.SortedFunc(maps.Values(a.entries), func(x, y Entry) int { return strings.Compare(x.Path, y.Path) })
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	for _, last := range []struct {
		name    string
		content []byte
	}{{manifestEntry, text}, {sumEntry, []byte(hex.EncodeToString(sum[:]) + "  " + manifestEntry + "\n")}} {
		if err := a.add(last.name, int64(len(last.content)), func(w io.Writer) error {
			_, err := io.Copy(w, bytes.NewReader(last.content))
			return err
		}); err != nil {
			return err
		}
	}
	if err := errors.Join(a.tar.Close(), a.buf.Flush(), a.file.Sync()); err != nil {
		return err
	}
	return install(a.file.Name(), a.path)
}

// discard removes what has not got its name.
func (a *archive) discard() {
	_ = a.file.Close()
	_ = os.Remove(a.file.Name())
}

// install gives a file its name, durably, and replaces none.
func install(temp, path string) error {
	err := os.Link(temp, path)
	if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
		if _, there := os.Lstat(path); errors.Is(there, fs.ErrNotExist) {
			err = os.Rename(temp, path)
		}
	}
	if err != nil {
		return err
	}
	_ = os.Remove(temp)
	return datadir.Sync(filepath.Dir(path))
}
