// Package database opens the one database a process works with: PostgreSQL, or SQLite in a file.
//
// Both behave alike for the caller: times are UTC in whole microseconds, broken rules come as gorm.ErrDuplicatedKey,
// gorm.ErrForeignKeyViolated and gorm.ErrCheckConstraintViolated, and a database that is gone, busy or too slow as an
// [errs.Error] of kind Unavailable. A statement takes 4 s at most (see [Patience]), and no bind value is ever logged.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/semaphore"
	"gorm.io/gorm"
)

// Config says which database to open and how.
type Config struct {
	URL            string        // postgres://, postgresql://, postgresql+asyncpg:// or sqlite:path; empty is portico.db in DataDir
	DataDir        string        // an existing directory; needed only with an empty URL
	MaxConnections int           // open at once; 20 when zero
	ConnectTimeout time.Duration // for how long Open tries to reach PostgreSQL, and waits for a locked SQLite file; 10 s when zero
	Logger         *slog.Logger  // failures and slow statements, without bind values; nil logs nothing
	Setting        string        // how errors name the URL; "database.url (DATABASE_URL)" when empty
}

const (
	defaultConnections = 20
	defaultConnect     = 10 * time.Second
	defaultSetting     = "database.url (DATABASE_URL)"
)

// Open connects, trying again until ConnectTimeout has passed. Its errors are one line, name the setting, and tell
// nothing of a password.
func Open(ctx context.Context, c Config) (*gorm.DB, error) {
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultConnections
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = defaultConnect
	}
	if c.Setting == "" {
		c.Setting = defaultSetting
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	src, err := parse(c.URL, c.DataDir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Setting, err)
	}
	db, err := open(ctx, src, c)
	if err != nil {
		name := src.name
		if transient(err) {
			name += " within " + c.ConnectTimeout.String()
		}
		return nil, fmt.Errorf("%s: cannot open %s: %s", c.Setting, name, src.cause(err))
	}
	return db, nil
}

func open(ctx context.Context, src source, c Config) (*gorm.DB, error) {
	pool, dialector, err := src.connector()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(c.MaxConnections)
	pool.SetMaxIdleConns(c.MaxConnections) // a pool that shrinks between bursts pays a connection for each request of the next one
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour)
	db, err := connect(ctx, pool, dialector, c)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

func connect(ctx context.Context, pool *sql.DB, dialector gorm.Dialector, c Config) (*gorm.DB, error) {
	if err := reach(ctx, pool, c.ConnectTimeout); err != nil {
		return nil, err
	}
	db, err := gorm.Open(dialector, &gorm.Config{
		TranslateError:         true,
		QueryFields:            true, // SELECT * breaks prepared statements when another process adds a column
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true, // it knows no deadline, and reach has just done it
		NowFunc:                func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) },
		Logger:                 newLogger(c.Logger),
	})
	if err != nil {
		return nil, err
	}
	return db, db.Use(&house{writer: semaphore.NewWeighted(1)})
}

// reach pings until it succeeds, an error says that waiting is no use, or the time is over.
func reach(ctx context.Context, pool *sql.DB, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := pool.PingContext(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // the last try is cut by the deadline and says nothing of the cause
			last = err
		}
		if !transient(err) && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(pause):
		}
	}
}

// IsPostgres tells PostgreSQL from SQLite.
func IsPostgres(db *gorm.DB) bool { return db.Name() == "postgres" }

// Close returns all connections. Statements under way end first.
func Close(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}

// cause tells why a connection failed, without line breaks and without the password.
func (s source) cause(err error) string {
	var (
		server *pgconn.PgError
		lite   *gosqlite.Error
		lookup *net.DNSError
		system syscall.Errno
	)
	switch {
	case errors.As(err, &server):
		return s.oneLine(server.Message)
	case errors.As(err, &lite) && damaged(lite.Code()):
		return s.oneLine(lite.Error()) + "; restore a backup"
	case errors.As(err, &lookup):
		return s.oneLine(lookup.Err)
	case errors.As(err, &system):
		return system.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	}
	return s.oneLine(err.Error())
}

func (s source) oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if s.password != "" {
		text = strings.ReplaceAll(text, s.password, "***")
	}
	return text
}
