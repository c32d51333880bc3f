package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"gorm.io/gorm"

	"portico.internal/platform/errs"
)

// Snapshot calls fn with a view of each database, all as they were at one moment, whatever others write meanwhile. Views
// read only, and one statement after the other. The databases are SQLite files, whose writers wait for some milliseconds
// while the moment is taken, or they are one database on PostgreSQL.
//
// While fn runs, SQLite keeps what is written in the file beside the database (-wal), which grows.
func Snapshot(ctx context.Context, dbs []*gorm.DB, fn func(views []*gorm.DB) error) error {
	if IsPostgres(dbs[0]) {
		if len(dbs) > 1 {
			return errors.New("a snapshot of several databases on PostgreSQL is none of one moment")
		}
		return dbs[0].WithContext(ctx).Transaction(func(tx *gorm.DB) error { return fn([]*gorm.DB{tx}) },
			&sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	}
	return connections(ctx, dbs, func(views []*gorm.DB) error {
		defer rollBack(views)
		err := standstill(ctx, dbs, func() error {
			for _, view := range views {
				if err := view.Exec("BEGIN DEFERRED").Error; err != nil {
					return err
				}
				if err := view.Exec("SELECT count(*) FROM sqlite_master").Error; err != nil { // only this takes the moment
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return fn(views)
	})
}

// standstillPatience bounds the wait for a moment at which nobody writes.
const standstillPatience = time.Minute

// standstill runs fn while nobody writes to any of the databases.
func standstill(ctx context.Context, dbs []*gorm.DB, fn func() error) error {
	return connections(ctx, dbs, func(locks []*gorm.DB) error {
		defer rollBack(locks)
		for until := time.Now().Add(standstillPatience); ; {
			err := lock(locks)
			switch {
			case err == nil:
				return fn()
			case errs.KindOf(err) != errs.Unavailable || ctx.Err() != nil || time.Now().After(until):
				return err
			}
		}
	})
}

// lock takes all or none.
func lock(locks []*gorm.DB) error {
	for i, l := range locks {
		if err := l.Exec("BEGIN IMMEDIATE").Error; err != nil {
			rollBack(locks[:i])
			return err
		}
	}
	return nil
}

// rollBack ends transactions in which nothing was written. It fails where one has not begun, which is no matter.
func rollBack(open []*gorm.DB) {
	for _, db := range open {
		_ = db.WithContext(context.WithoutCancel(db.Statement.Context)).Exec("ROLLBACK").Error
	}
}

// connections calls fn with one connection of each database.
func connections(ctx context.Context, dbs []*gorm.DB, fn func([]*gorm.DB) error) error {
	if len(dbs) == 0 {
		return fn(nil)
	}
	return dbs[0].WithContext(ctx).Connection(func(tx *gorm.DB) error {
		one := tx.Session(&gorm.Session{NewDB: true, Context: ctx})
		return connections(ctx, dbs[1:], func(rest []*gorm.DB) error { return fn(append([]*gorm.DB{one}, rest...)) })
	})
}

// FileSize is how many bytes [WriteFile] will write.
func FileSize(view *gorm.DB) (size int64, err error) {
	err = view.Raw("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").Row().Scan(&size)
	return size, err
}

// WriteFile writes the SQLite database that the view is of, as it was at the moment of the view.
func WriteFile(view *gorm.DB, w io.Writer) error {
	rows, err := view.Raw("SELECT data FROM sqlite_dbpage('main') ORDER BY pgno").Rows() // https://www.sqlite.org/dbpage.html
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var page sql.RawBytes
		if err := rows.Scan(&page); err != nil {
			return err
		}
		if _, err := w.Write(page); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Examine fails where a SQLite database is damaged: https://www.sqlite.org/pragma.html#pragma_quick_check.
func Examine(view *gorm.DB) error {
	var found []string
	if err := view.Raw("PRAGMA quick_check(1)").Scan(&found).Error; err != nil {
		return err
	}
	if len(found) != 1 || found[0] != "ok" {
		return fmt.Errorf("the database is damaged: %s", strings.Join(strings.Fields(strings.Join(found, " ")), " "))
	}
	return nil
}

// Path is the file of the SQLite database that [Open] opens, empty where the URL names PostgreSQL.
func Path(url, dataDir string) (string, error) {
	src, err := parse(url, dataDir)
	return src.path, err
}

// DumpCommand is how an operator has pg_dump write the database to a file, in the format of pg_restore. It shows no
// password.
func DumpCommand(url, file string) (string, error) {
	src, err := parse(url, "")
	if err != nil || src.postgres == nil {
		return "", errors.Join(err, errors.New("pg_dump is for PostgreSQL"))
	}
	return "pg_dump --format=custom --file=" + file + " --dbname='" + src.libpq + "'", nil
}

// Dump has pg_dump write the database to a file, as it is in the view.
func Dump(ctx context.Context, view *gorm.DB, url, file string) error {
	src, err := parse(url, "")
	if err != nil {
		return err
	}
	var snapshot string
	if err := view.Raw("SELECT pg_export_snapshot()").Row().Scan(&snapshot); err != nil {
		return err
	}
	dump := exec.CommandContext(ctx, "pg_dump", "--format=custom", "--no-password", "--snapshot="+snapshot, "--file="+file, "--dbname="+src.libpq)
	if src.password != "" { // never an argument, which everybody on the machine can read
		dump.Env = append(dump.Environ(), "PGPASSWORD="+src.password)
	}
	out, err := dump.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("pg_dump is not on this machine: install PostgreSQL's client programs")
	case err != nil:
		return fmt.Errorf("pg_dump: %s", src.oneLine(string(out)))
	}
	return nil
}
