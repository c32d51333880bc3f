package database

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	sqlite3 "modernc.org/sqlite/lib"
)

func openSQLite(path string) (*sql.DB, gorm.Dialector, error) {
	connector, err := newSQLiteConnector(path)
	if err != nil {
		return nil, nil, err
	}
	pool := sql.OpenDB(connector)
	return pool, &sqliteDialector{&sqlite.Dialector{Conn: pool}}, nil
}

// newSQLiteConnector makes the file, private to this account, where there is none. SQLite gives the files beside it
// (-wal, -shm) the same mode.
func newSQLiteConnector(path string) (sqliteConnector, error) {
	if err := checkLog(path); err != nil {
		return sqliteConnector{}, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return sqliteConnector{}, err
	}
	file, err := f.Stat()
	return sqliteConnector{dsn: sqliteDSN(path), path: path, file: file}, errors.Join(err, f.Close())
}

// checkLog refuses a database that has been lost beside its log: SQLite would remove that, and it holds what was last
// written.
func checkLog(path string) error {
	written, err := os.Stat(path + "-wal")
	if err != nil || written.Size() == 0 {
		return nil //nolint:nilerr // what else is wrong with the files, opening them will tell
	}
	if file, err := os.Stat(path); err == nil && file.Size() > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("it is gone, and %s-wal is there: put the file back, or restore a backup elsewhere; remove %[1]s-wal only to begin anew", filepath.Base(path))
}

// sqliteDSN carries what holds for each connection. Every transaction begins as a writer, so that none can fail while
// it turns from reading to writing; synchronous FULL keeps what was acknowledged through a loss of power.
func sqliteDSN(path string) string {
	query := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), // first: the next one may have to wait
			"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		},
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

type sqliteDialector struct{ *sqlite.Dialector }

// Translate keeps SQLite's text, which names the columns, beside gorm's error.
func (d *sqliteDialector) Translate(err error) error {
	var own *gosqlite.Error
	if !errors.As(err, &own) {
		return Classify(err)
	}
	switch own.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return fmt.Errorf("%w: %w", gorm.ErrDuplicatedKey, err)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("%w: %w", gorm.ErrForeignKeyViolated, err)
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		return fmt.Errorf("%w: %w", gorm.ErrCheckConstraintViolated, err)
	}
	return Classify(err)
}
