package database

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	sqlite3 "modernc.org/sqlite/lib"
)

// openSQLite makes the file, private to this account, where there is none. SQLite gives the files beside it
// (-wal, -shm) the same mode.
func openSQLite(path string) (*sql.DB, gorm.Dialector, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := f.Close(); err != nil {
		return nil, nil, err
	}
	pool := sql.OpenDB(sqliteConnector{dsn: sqliteDSN(path)})
	return pool, &sqliteDialector{&sqlite.Dialector{Conn: pool}}, nil
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
