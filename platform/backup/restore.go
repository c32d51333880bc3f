package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/datadir"
)

// Target says where an archive is restored.
type Target struct {
	DataDir  string // absolute; holds nothing
	Database string // the file of the gateway's SQLite database, which is not there; empty on PostgreSQL
	Outside  bool   // files that belong outside of the data directory are put there

	// Owners opens the databases for a look and for [Part].Restored before they are put in place: those that lie in
	// a folder as the archive has them, or the one on PostgreSQL, which has been restored before.
	Owners func(ctx context.Context, dir string) (owners []Owner, closeAll func() error, err error)

	Progress func(files int, bytes int64) // called often
}

// complete is the file in the folder of a restore that says that all of it has been verified and is only to be put in place.
const complete = "complete"

// Restore brings an archive back. Everything is verified in a folder of its own ([datadir.Restoring]) before anything is
// put in place, and the gateway does not start while there is that folder: where a restore is killed, a second one with
// the same archive makes it whole.
func (a *Archive) Restore(ctx context.Context, t Target) (*Summary, error) {
	ctx = database.Patience(ctx, workLimit)
	if err := t.suits(a); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(t.DataDir, folderMode); err != nil {
		return nil, err
	}
	release, err := datadir.Lock(t.DataDir)
	if err != nil {
		return nil, err
	}
	defer release()
	staging := filepath.Join(t.DataDir, datadir.Restoring)
	s := &Summary{Manifest: a.Manifest, Elsewhere: map[string]int{}}
	for _, e := range a.Files {
		s.Bytes += e.Size
	}
	switch begun, err := os.ReadFile(filepath.Join(staging, complete)); {
	case err == nil && string(begun) != a.sum:
		return nil, fmt.Errorf("%s: a restore of another archive has not ended there; run it again with that one", t.DataDir)
	case err == nil:
		return s, a.place(t, staging)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := t.empty(); err != nil {
		return nil, err
	}
	if err := a.stage(ctx, t, staging, s); err != nil {
		return nil, errors.Join(err, os.RemoveAll(staging))
	}
	return s, a.place(t, staging)
}

// suits tells whether the archive is for an installation like this one.
func (t *Target) suits(a *Archive) error {
	switch outside := a.Outside(); {
	case a.Database == SQLite && t.Database == "":
		return a.refused(errors.New("it holds a SQLite database, and database.url (DATABASE_URL) names PostgreSQL"))
	case a.Database == Postgres && t.Database != "":
		return a.refused(errors.New("it is of an installation on PostgreSQL, and database.url (DATABASE_URL) does not name that"))
	case len(outside) > 0 && !t.Outside:
		return fmt.Errorf("%s: %d of its files belong outside of the data directory, such as %s; with --outside they are put there", a.path, len(outside), outside[0])
	}
	return nil
}

// empty fails where there is an installation, or anything else.
func (t *Target) empty() error {
	entries, err := os.ReadDir(t.DataDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != datadir.Restoring && e.Name() != "lost+found" { // of the file system's own
			return fmt.Errorf("data_dir (PORTICO_DATA_DIR): %s holds something, such as %s; a restore replaces nothing: name an empty directory, or move this one away", t.DataDir, e.Name())
		}
	}
	if t.Database == "" {
		return nil
	}
	if _, err := os.Lstat(t.Database); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("database.url (DATABASE_URL): there is a database %s; a restore replaces nothing: name another file, or move this one away", t.Database)
	}
	return nil
}

// stage extracts all files and verifies them. Nothing is visible yet.
func (a *Archive) stage(ctx context.Context, t Target, staging string, s *Summary) error {
	if err := os.RemoveAll(staging); err != nil {
		return err
	}
	if err := os.Mkdir(staging, folderMode); err != nil {
		return err
	}
	if err := a.extract(ctx, staging, t.Progress); err != nil {
		return err
	}
	if err := a.review(ctx, t, staging, s); err != nil {
		return err
	}
	for _, e := range a.Files {
		if !strings.HasPrefix(e.Path, outsidePrefix) {
			continue
		}
		if _, err := there(t.destination(e.Path), e); err != nil {
			return err
		}
	}
	if err := durable(staging); err != nil {
		return err
	}
	mark := filepath.Join(staging, complete)
	if err := writeFile(mark+".part", strings.NewReader(a.sum)); err != nil {
		return err
	}
	if err := syncPath(mark + ".part"); err != nil {
		return err
	}
	return errors.Join(os.Rename(mark+".part", mark), syncPath(staging))
}

// review looks into the databases, and makes them ready.
func (a *Archive) review(ctx context.Context, t Target, staging string, s *Summary) (err error) {
	owners, closeAll, err := t.Owners(ctx, staging)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, closeAll())
		if _, left := os.Lstat(filepath.Join(staging, DatabaseEntry+"-wal")); err == nil && left == nil {
			err = errors.New("the database could not be closed") // and would lack what is in that file
		}
	}()
	for _, o := range owners {
		if err := o.Plan.Knows(a.Revisions(o.Name)); err != nil {
			return a.refused(fmt.Errorf("%s: %w", o.Name, err))
		}
		status, err := o.Plan.Status(ctx, o.DB)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", o.Name, err)
		case len(status.Applied) == 0:
			return fmt.Errorf("%s: the database is empty; bring it back first, with pg_restore, and run this again", o.Name)
		}
		if o.Database == "" {
			continue
		}
		if err := database.Examine(o.DB.WithContext(ctx)); err != nil {
			return a.refused(fmt.Errorf("%s: %w", o.Name, err))
		}
	}
	if err := a.verify(ctx, owners, s); err != nil {
		return err
	}
	for _, o := range owners {
		if err := database.Write(ctx, o.DB, func(tx *gorm.DB) error { return o.restored(tx) }); err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
	}
	return nil
}

func (o *Owner) restored(tx *gorm.DB) error {
	for _, part := range o.Parts {
		if part.Restored == nil {
			continue
		}
		if err := part.Restored(tx); err != nil {
			return err
		}
	}
	return nil
}
