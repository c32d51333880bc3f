package database

import (
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
)

// FileName is the SQLite database in the data directory.
const FileName = "portico.db"

// source is an understood URL.
type source struct {
	name     string // for messages: no password, no query
	password string
	libpq    string          // the URL for PostgreSQL's own programs, without the password
	path     string          // SQLite
	postgres *pgx.ConnConfig // PostgreSQL; nil for SQLite
}

func (s source) connector() (*sql.DB, gorm.Dialector, error) {
	if s.postgres != nil {
		pool, dialector := openPostgres(s.postgres)
		return pool, dialector, nil
	}
	return openSQLite(s.path)
}

// CheckURL tells whether Open would understand the URL. Nothing is opened, and the error repeats nothing of the URL.
func CheckURL(url string) error {
	_, err := parse(url, ".")
	return err
}

// Describe names the database of the URL for people: its kind and where it is, without a password.
func Describe(url, dataDir string) string {
	src, err := parse(url, dataDir)
	if err != nil {
		return ""
	}
	return src.name
}

func parse(text, dataDir string) (source, error) {
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "":
		if text != "" {
			break
		}
		if dataDir == "" {
			return source{}, errors.New("is empty, and there is no data directory to keep a database in")
		}
		return file(filepath.Join(dataDir, FileName))
	case "sqlite":
		switch {
		case rest == "" || strings.HasPrefix(rest, ":memory:"):
			return source{}, errors.New("sqlite: needs the path of a file, such as sqlite:data/portico.db")
		case strings.HasPrefix(rest, "//"):
			return source{}, errors.New("a SQLite database is written sqlite:path, without slashes before the path")
		}
		return file(rest)
	case "postgres", "postgresql", "postgresql+asyncpg":
		return server(scheme, "postgres:"+rest)
	}
	return source{}, errors.New("must be postgres://user:password@host/name, sqlite:path, or empty")
}

func file(path string) (source, error) {
	if strings.ContainsAny(path, "\x00\n\r") {
		return source{}, errors.New("the path of the SQLite file holds a control character")
	}
	path, err := filepath.Abs(path)
	return source{name: "SQLite file " + path, path: path}, err
}

func server(scheme, text string) (source, error) {
	// The parsers' own errors may quote the URL, and the password with it.
	u, err := url.Parse(text)
	if err != nil || !strings.HasPrefix(text, "postgres://") {
		return source{}, errors.New("is not a valid PostgreSQL URL (special characters in the password are written as %XX)")
	}
	if scheme == "postgresql+asyncpg" {
		asyncpgQuery(u)
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return source{}, errors.New("is not a valid PostgreSQL URL (check the port, sslmode and other parameters)")
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > connectTimeout {
		config.ConnectTimeout = connectTimeout
	}
	password, _ := u.User.Password()
	shown := url.URL{Scheme: "postgres", Host: u.Host, Path: u.Path}
	plain := *u
	plain.User = nil
	if u.User != nil {
		plain.User = url.User(u.User.Username())
	}
	return source{name: shown.String(), password: password, libpq: plain.String(), postgres: config}, nil
}

// asyncpgQuery says in libpq's words what the FastAPI backend says to SQLAlchemy's asyncpg dialect.
func asyncpgQuery(u *url.URL) {
	query := u.Query()
	if ssl := query.Get("ssl"); ssl != "" {
		query.Set("sslmode", ssl)
	}
	for _, own := range []string{"ssl", "prepared_statement_cache_size", "prepared_statement_name_func"} {
		query.Del(own)
	}
	u.RawQuery = query.Encode()
}
