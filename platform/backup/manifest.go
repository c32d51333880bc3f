package backup

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// format is that of archives; one with another number is not for this program.
const format = 1

// The databases an installation may have.
const (
	SQLite   = "sqlite"
	Postgres = "postgres" // which is not in the archive
)

// Manifest tells what an archive holds.
type Manifest struct {
	Format    int       `json:"format"`
	Version   string    `json:"version"`    // of the program that has made it
	CreatedAt time.Time `json:"created_at"` // the moment of which it is
	Database  string    `json:"database"`   // sqlite or postgres
	Schemas   []Schema  `json:"schemas"`
	Files     []Entry   `json:"files"` // by path
}

// Schema is how far the schema of an owner is.
type Schema struct {
	Owner     string   `json:"owner"`
	Revisions []string `json:"revisions"` // in the order in which they were applied
}

// Entry is a file in an archive. Of several entries of its path in the tar file the last one counts.
type Entry struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// check refuses what this program has not written.
func (m *Manifest) check() error {
	if m.Format != format {
		return fmt.Errorf("its format is %d, and this program reads %d: use the version of portico that has made it (%s)", m.Format, format, m.Version)
	}
	if m.Database != SQLite && m.Database != Postgres {
		return fmt.Errorf("it is of a database %q", m.Database)
	}
	for i, e := range m.Files {
		local := e.Path == DatabaseEntry || strings.HasPrefix(e.Path, dataPrefix) || strings.HasPrefix(e.Path, outsidePrefix)
		if !local || !filepath.IsLocal(filepath.FromSlash(e.Path)) || filepath.ToSlash(filepath.Clean(e.Path)) != e.Path {
			return fmt.Errorf("it names a file that no archive has: %q", e.Path)
		}
		if i > 0 && m.Files[i-1].Path >= e.Path {
			return fmt.Errorf("it names a file twice: %q", e.Path)
		}
	}
	return nil
}

// Revisions are those of an owner.
func (m *Manifest) Revisions(owner string) []string {
	for _, s := range m.Schemas {
		if s.Owner == owner {
			return s.Revisions
		}
	}
	return nil
}

// Outside are the files that do not lie in the data directory, as absolute paths.
func (m *Manifest) Outside() (paths []string) {
	for _, e := range m.Files {
		if name, ok := strings.CutPrefix(e.Path, outsidePrefix); ok {
			paths = append(paths, "/"+name)
		}
	}
	return paths
}

func (m *Manifest) find(path string) (Entry, bool) {
	i, found := slices.BinarySearchFunc(m.Files, path, func(e Entry, path string) int { return strings.Compare(e.Path, path) })
	if !found {
		return Entry{}, false
	}
	return m.Files[i], true
}
