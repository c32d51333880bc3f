// Package backup keeps an installation in one archive while it works, and brings it back.
//
// An archive is a tar file (POSIX.1-2001, pax) that holds databases and files as they were at one moment: database.sqlite
// is the gateway's database where that is SQLite, data/... what lies in the data directory, outside/... what lies elsewhere
// under an absolute path. The last two entries are manifest.json, which names every file that counts with its size and
// SHA-256, and the manifest's own SHA-256. An archive holds keys and password hashes and is as secret as they are.
package backup

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"path/filepath"
	"strings"

	"gorm.io/gorm"

	"portico.internal/platform/migrate"
)

// Part is what an owner of files has to say.
type Part struct {
	// Files lists the files that belong to the rows of a moment; an error ends the list. A file that is listed is there
	// at that moment and may be removed afterwards, but does not change: the archive is made of a moment of which every
	// file was still found.
	Files func(context.Context, Moment) iter.Seq2[File, error]

	// Restored changes rows that are not true any more in a database that comes back from an archive, before anybody
	// uses it. Nil: there are none.
	Restored func(tx *gorm.DB) error
}

// Moment is what [Part].Files is asked about.
type Moment struct {
	DB  *gorm.DB // reads the rows as they are at that moment; one statement after the other
	Dir string   // the owner's folder
}

// File is one that belongs into an archive.
type File struct {
	Path      string // in the owner's folder, or absolute
	SHA256    string // of its content, in lower-case hex; empty where that is not known
	Optional  bool   // it need not be there
	Elsewhere string // where it is kept when not on this machine, such as s3: it is counted, and not in the archive
}

// Static lists files that an owner may have, whatever the rows say.
func Static(names ...string) func(context.Context, Moment) iter.Seq2[File, error] {
	return func(context.Context, Moment) iter.Seq2[File, error] {
		return func(yield func(File, error) bool) {
			for _, name := range names {
				if !yield(File{Path: name, Optional: true}, nil) {
					return
				}
			}
		}
	}
}

// Owner is the gateway, or a feature service that runs in its process.
type Owner struct {
	Name     string // in the manifest
	Under    string // its folder in the data directory; empty: that itself
	Dir      string // its folder on this machine
	Database string // the entry of its SQLite database; empty where it has none
	DB       *gorm.DB
	Plan     *migrate.Plan
	Parts    []Part
}

// The names of entries.
const (
	DatabaseEntry = "database.sqlite"
	dataPrefix    = "data/"
	outsidePrefix = "outside/"
	manifestEntry = "manifest.json"
	sumEntry      = manifestEntry + ".sha256"
)

// DataEntry is the entry of a file in the data directory.
func DataEntry(under, name string) string { return dataPrefix + path.Join(under, name) }

// entry is the name in the archive of a file of the owner.
func (o *Owner) entry(f File) (string, error) {
	name := filepath.ToSlash(filepath.Clean(f.Path))
	switch {
	case filepath.IsAbs(f.Path):
		return outsidePrefix + strings.TrimPrefix(name, "/"), nil
	case filepath.IsLocal(f.Path) && name != ".":
		return DataEntry(o.Under, name), nil
	}
	return "", fmt.Errorf("backup: %s names a file outside of its folder: %q", o.Name, f.Path)
}

// path is where a file of the owner lies on this machine.
func (o *Owner) path(f File) string {
	if filepath.IsAbs(f.Path) {
		return f.Path
	}
	return filepath.Join(o.Dir, f.Path)
}

// files lists what belongs to the rows of the view.
func (o *Owner) files(ctx context.Context, view *gorm.DB, each func(File) error) error {
	for _, part := range o.Parts {
		if part.Files == nil {
			continue
		}
		for f, err := range part.Files(ctx, Moment{DB: view, Dir: o.Dir}) {
			if err == nil {
				err = each(f)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// databases are those of the owners, each once, and which of them each owner has.
func databases(owners []Owner) (dbs []*gorm.DB, of []int) {
	for _, o := range owners {
		at := -1
		for i, db := range dbs {
			if db == o.DB {
				at = i
			}
		}
		if at < 0 {
			at, dbs = len(dbs), append(dbs, o.DB)
		}
		of = append(of, at)
	}
	return dbs, of
}

// Summary is what has been done.
type Summary struct {
	Manifest
	Bytes     int64
	Elsewhere map[string]int // how many files are kept at other places, by what those are
	Missing   []string       // files that the rows name and that are not there, or not as they were stored
}

func (s *Summary) missing(name, why string) {
	s.Missing = append(s.Missing, name+" "+why)
}

var errChanged = errors.New("has changed while it was being copied")
