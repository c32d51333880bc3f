package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The driver is wrapped for four reasons. It keeps times as text with their zone: only those written as UTC sort, compare
// and come back as in PostgreSQL. A context that ends just before a statement starts makes it skip the statement and
// report success. A COMMIT that fails leaves its transaction open, in which the next user of the connection would
// write without end. And SQLite in WAL mode goes on with a file that was removed or replaced: what it says is written
// would be lost with this process.

type sqliteConnector struct {
	dsn, path string
	file      os.FileInfo // that is at the path
}

// errMoved says that the file of the database is not at its path any more. It may come back.
var errMoved = errors.New("the file of the database was removed or replaced; put it back, or stop this process")

func (c sqliteConnector) check() error {
	if now, err := os.Stat(c.path); err != nil || !os.SameFile(now, c.file) {
		return fmt.Errorf("%w: %s", errMoved, c.path)
	}
	return nil
}

func (c sqliteConnector) Driver() driver.Driver { return sqliteDriver }

func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	conn, err := c.Driver().Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &sqliteConn{conn.(innerConn), c}, nil
}

type innerConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type sqliteConn struct {
	innerConn
	from sqliteConnector
}

func (c *sqliteConn) Prepare(query string) (driver.Stmt, error) {
	return &sqliteStmt{conn: c, query: query}, nil
}

func (c *sqliteConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.innerConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return sqliteTx{tx, c.from}, nil
}

type sqliteTx struct {
	driver.Tx
	from sqliteConnector
}

func (t sqliteTx) Commit() error {
	err := t.from.check()
	if err == nil {
		err = t.Tx.Commit()
	}
	if err != nil {
		_ = t.Rollback() // fails where SQLite has done so itself
	}
	return err
}

func (c *sqliteConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.from.check(); err != nil {
		return nil, err
	}
	result, err := c.innerConn.ExecContext(ctx, query, inUTC(args))
	if err = stopped(ctx, err); err != nil {
		return nil, err
	}
	return result, nil
}

func (c *sqliteConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.from.check(); err != nil {
		return nil, err
	}
	rows, err := c.innerConn.QueryContext(ctx, query, inUTC(args))
	if err != nil {
		return nil, stopped(ctx, err)
	}
	return rows, nil
}

// stopped reports the end of the context in place of the interrupt it caused, and where the driver kept silent.
func stopped(ctx context.Context, err error) error {
	var own *gosqlite.Error
	interrupted := errors.As(err, &own) && own.Code()&0xff == sqlite3.SQLITE_INTERRUPT
	if ended := ctx.Err(); ended != nil && (err == nil || interrupted) {
		return ended
	}
	return err
}

func inUTC(args []driver.NamedValue) []driver.NamedValue {
	for i := range args {
		if t, ok := args[i].Value.(time.Time); ok {
			args[i].Value = t.UTC().Truncate(time.Microsecond)
		}
	}
	return args
}

// sqliteStmt is the text of a statement: the driver compiles it at each use, prepared or not.
type sqliteStmt struct {
	conn  *sqliteConn
	query string
}

var (
	_ driver.StmtExecContext  = (*sqliteStmt)(nil)
	_ driver.StmtQueryContext = (*sqliteStmt)(nil)
)

func (s *sqliteStmt) Close() error  { return nil }
func (s *sqliteStmt) NumInput() int { return -1 }

func (s *sqliteStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

func (s *sqliteStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

func (s *sqliteStmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

func (s *sqliteStmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

func named(args []driver.Value) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return out
}
