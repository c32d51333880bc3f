package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite/lib"

	"portico.internal/platform/errs"
)

// Classify makes an [errs.Error] of kind Unavailable, with RetryAfter, of a database that cannot be reached, is too
// slow, too busy, or out of room. All other errors are returned as they are.
//
// Whatever gorm returns from a database of this package has gone through it already.
func Classify(err error) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) || !transient(err) {
		return err
	}
	return errs.Wrap(errs.Unavailable, "", err).Retry(time.Second)
}

// transient tells whether the same statement may succeed later without anybody changing it.
func transient(err error) bool {
	var (
		pg      *pgconn.PgError
		lite    *gosqlite.Error
		connect *pgconn.ConnectError
		network *net.OpError // and not net.Error, which every syscall.Errno is: a file that is not there stays away
	)
	switch {
	case errors.As(err, &pg):
		return transientState(pg.Code)
	case errors.As(err, &lite):
		return transientResult(lite.Code())
	case errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, errMoved):
		return true
	case errors.As(err, &connect), errors.As(err, &network),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone):
		return true
	}
	return pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

// transientState reads an SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html.
func transientState(code string) bool {
	switch code[:min(2, len(code))] {
	case "08", "53", "58": // connection, insufficient resources (too many clients, disk full), system error
		return true
	}
	switch code {
	case "25006", // read-only: the primary has moved
		"25P03", "25P04", // idle in transaction, transaction timeout
		"28000", "28P01", "3D000", // refused login, no such database: seen while a server is set up
		"40001", "40P01", // serialization failure, deadlock
		"55P03", "57014", // lock not available, statement timeout
		"57P01", "57P02", "57P03", "57P05": // shutdown, crash, starting up, idle session timeout
		return true
	}
	return false
}

// transientResult reads an extended result code: https://www.sqlite.org/rescode.html.
func transientResult(code int) bool {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN: // the file system has become read-only, or is gone
		return true
	}
	return false
}

// damaged tells a file that is no SQLite database, or no sound one.
func damaged(code int) bool {
	return code&0xff == sqlite3.SQLITE_NOTADB || code&0xff == sqlite3.SQLITE_CORRUPT
}
