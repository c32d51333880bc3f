package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"gorm.io/gorm"

	"portico.internal/platform/database"
)

// Options say what [Write] is to do.
type Options struct {
	Target  string // a file that is not there yet
	Version string
	Owners  []Owner

	// DumpTo is a file that is not there yet, into which Dump writes the database on PostgreSQL as it is in the view: of
	// the moment of which the archive is. Empty: the database is kept otherwise.
	DumpTo string
	Dump   func(ctx context.Context, view *gorm.DB, file string) error

	Progress func(files int, bytes int64) // called often
}

const (
	moments     = 100 // that are tried before giving up
	lostAfter   = 5   // moments at which a file was named and not there, it is a lost one
	workLimit   = 24 * time.Hour
	momentPause = 20 * time.Millisecond
)

// Write makes an archive of what the owners have. The target appears when all of it is on the disk, or not at all.
//
// Most files are copied first, while they come and go. Then a moment is taken, and what belongs to it is copied as far as
// that was not done; the moment is given up for another one when a file is gone by then. Since files do not change, the
// archive is of the moment of which everything was found.
func Write(ctx context.Context, o Options) (*Summary, error) {
	ctx = database.Patience(ctx, workLimit)
	a, err := newArchive(o.Target, time.Now().UTC().Truncate(time.Second))
	if err != nil {
		return nil, err
	}
	defer a.discard()
	var dumped string
	if o.DumpTo != "" {
		file, err := part(o.DumpTo)
		if err != nil {
			return nil, err
		}
		dumped = file.Name()
		defer os.Remove(dumped)
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	w := &writing{Options: o, archive: a, dumped: dumped, listed: map[string]string{}, absent: map[string]int{}}
	if err := w.first(ctx); err != nil {
		return nil, err
	}
	for range moments {
		switch err := w.last(ctx); {
		case err == nil:
			return w.finish()
		case !errors.Is(err, errGone):
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(momentPause):
		}
	}
	return nil, errors.New("files come and go too fast to be copied; try again when there is less to do")
}

// errGone says that a file of the moment was gone before it was copied.
var errGone = errors.New("a file is gone")

// writing is an archive in the making.
type writing struct {
	Options
	archive *archive
	dumped  string            // the file that is to become DumpTo
	listed  map[string]string // entries that are in the archive, and the SHA-256 that was known of each
	named   map[string]bool   // entries that belong to the moment
	absent  map[string]int    // at how many moments in a row an entry was named and not there
	summary Summary
}

// wanted is a file to copy.
type wanted struct {
	entry, path string
	File
}

// first copies what there is, without holding on to a moment.
func (w *writing) first(ctx context.Context) error {
	var list []wanted
	err := w.moment(ctx, func(views []*gorm.DB) (err error) {
		list, err = w.list(ctx, views)
		return err
	})
	if err != nil {
		return err
	}
	_, err = w.copy(ctx, list)
	return err
}

// last makes the archive one of a moment. It fails with errGone where another one has to be tried.
func (w *writing) last(ctx context.Context) error {
	return w.moment(ctx, func(views []*gorm.DB) error {
		w.summary = Summary{Manifest: Manifest{Format: format, Version: w.Version, CreatedAt: time.Now().UTC().Truncate(time.Second), Database: Postgres}}
		list, err := w.list(ctx, views)
		if err != nil {
			return err
		}
		gone, err := w.copy(ctx, list)
		if err != nil {
			return err
		}
		if gone {
			return errGone
		}
		return w.databases(ctx, views)
	})
}

func (w *writing) moment(ctx context.Context, fn func(views []*gorm.DB) error) error {
	dbs, of := databases(w.Owners)
	return database.Snapshot(ctx, dbs, func(views []*gorm.DB) error {
		each := make([]*gorm.DB, len(of))
		for i, at := range of {
			each[i] = views[at]
		}
		return fn(each)
	})
}

// list returns the files of a moment that are not in the archive.
func (w *writing) list(ctx context.Context, views []*gorm.DB) (list []wanted, err error) {
	w.summary.Elsewhere, w.named = map[string]int{}, map[string]bool{}
	for i := range w.Owners {
		o := &w.Owners[i]
		if err := o.files(ctx, views[i], func(f File) error {
			if f.Elsewhere != "" {
				w.summary.Elsewhere[f.Elsewhere]++
				return nil
			}
			entry, err := o.entry(f)
			if err != nil {
				return err
			}
			w.named[entry] = true
			if sum, there := w.listed[entry]; !there || sum != f.SHA256 {
				list = append(list, wanted{entry, o.path(f), f})
			} else if f.SHA256 != "" && w.archive.entries[entry].SHA256 != f.SHA256 {
				w.summary.missing(entry, "is not as it was stored")
			}
			return nil
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Name, err)
		}
	}
	return list, nil
}

// copy reports whether a file is gone that may be there at another moment.
func (w *writing) copy(ctx context.Context, list []wanted) (gone bool, err error) {
	for _, f := range list {
		err := w.archive.copy(ctx, f.entry, f.path)
		switch {
		case err == nil:
			w.listed[f.entry] = f.SHA256
			delete(w.absent, f.entry)
			if f.SHA256 != "" && w.archive.entries[f.entry].SHA256 != f.SHA256 {
				w.summary.missing(f.entry, "is not as it was stored")
			}
			w.progress()
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return false, err
		case f.Optional:
		default:
			if w.absent[f.entry]++; w.absent[f.entry] < lostAfter {
				gone = true
				continue
			}
			w.summary.missing(f.entry, "is not there")
		}
	}
	return gone, nil
}

func (w *writing) progress() {
	if w.Progress != nil {
		w.Progress(len(w.archive.entries), w.archive.bytes)
	}
}

// databases adds those of the moment, each of which must be sound and of a schema that this program knows.
func (w *writing) databases(ctx context.Context, views []*gorm.DB) error {
	for i, o := range w.Owners {
		view := views[i]
		if err := o.Plan.AtHead(ctx, view); err != nil {
			return fmt.Errorf("%s: %w; make the backup with the version that serves", o.Name, err)
		}
		status, err := o.Plan.Status(ctx, view)
		if err != nil {
			return err
		}
		schema := Schema{Owner: o.Name}
		for _, link := range status.Applied {
			schema.Revisions = append(schema.Revisions, link.Revision)
		}
		w.summary.Schemas = append(w.summary.Schemas, schema)
		if o.Database == "" {
			continue
		}
		w.summary.Database = SQLite
		if err := database.Examine(view); err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
		size, err := database.FileSize(view)
		if err != nil {
			return err
		}
		if err := w.archive.add(o.Database, size, func(to io.Writer) error { return database.WriteFile(view, to) }); err != nil {
			return err
		}
		w.named[o.Database] = true
		w.progress()
	}
	if w.dumped != "" {
		return w.Dump(ctx, views[0], w.dumped)
	}
	return nil
}

// finish gives the files their names, the archive last: where that is, everything is.
func (w *writing) finish() (*Summary, error) {
	if w.dumped != "" {
		if err := errors.Join(syncPath(w.dumped), install(w.dumped, w.DumpTo)); err != nil {
			return nil, err
		}
	}
	if err := w.archive.seal(&w.summary.Manifest, w.named); err != nil {
		if w.dumped != "" {
			_ = os.Remove(w.DumpTo)
		}
		return nil, err
	}
	for _, e := range w.summary.Files {
		w.summary.Bytes += e.Size
	}
	return &w.summary, nil
}
