package testkit

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/migrate"
)

// Database is a database of one test, gone when the test ends.
type Database struct {
	Name string // "sqlite" or "postgres"
	URL  string // as in the setting database.url
}

// Open connects to it until the test ends. Several calls make several pools.
func (d Database) Open(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{URL: d.URL, MaxConnections: 10})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Close(db)) })
	return db
}

// Script runs statements in PostgreSQL's SQL, as psql would.
func (d Database) Script(t testing.TB, statements string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.URL)
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.PgConn().Exec(ctx, statements).ReadAll()
	require.NoError(t, err)
}

// Databases makes databases that have all been prepared the same way. The work is done once for each kind in a test
// process, and copied: that takes a few milliseconds on SQLite and some 30 on PostgreSQL.
type Databases struct {
	prepare func(context.Context, *gorm.DB) error

	lite     sync.Mutex
	file     []byte // SQLite
	server   sync.Mutex
	template string // PostgreSQL
}

// Prepared makes databases on which prepare has run; with nil they are empty.
func Prepared(prepare func(context.Context, *gorm.DB) error) *Databases {
	return &Databases{prepare: prepare}
}

var migrated sync.Map // *Databases by the plan's text

// Migrated makes databases on which the plan has run. Equal plans share their work.
func Migrated(plan *migrate.Plan) *Databases {
	databases, _ := migrated.LoadOrStore(plan.String(), Prepared(func(ctx context.Context, db *gorm.DB) error {
		_, err := plan.Up(ctx, db)
		return err
	}))
	return databases.(*Databases)
}

// EachDatabase runs the test on an empty database of each kind.
func EachDatabase(t *testing.T, test func(t *testing.T, d Database)) {
	t.Helper()
	Prepared(nil).Each(t, test)
}

// Each runs the test on a fresh database of each kind, as the subtests "sqlite" and "postgres".
func (s *Databases) Each(t *testing.T, test func(t *testing.T, d Database)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, s.SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, s.Postgres(t)) })
}

// SQLite makes a database in a file.
func (s *Databases) SQLite(t testing.TB) Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), database.FileName)
	if s.prepare != nil {
		require.NoError(t, os.WriteFile(path, s.prepared(t), 0o600))
	}
	return Database{Name: "sqlite", URL: "sqlite:" + path}
}

// prepared returns the content of the file that all others are copies of.
func (s *Databases) prepared(t testing.TB) []byte {
	t.Helper()
	s.lite.Lock()
	defer s.lite.Unlock()
	if s.file == nil {
		path := filepath.Join(t.TempDir(), "template.db")
		s.make(t, "sqlite:"+path)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		s.file = content
	}
	return s.file
}

// make runs prepare on the database and leaves no connection behind.
func (s *Databases) make(t testing.TB, url string) {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{URL: url})
	require.NoError(t, err)
	prepared := s.prepare(t.Context(), db)
	require.NoError(t, database.Close(db))
	require.NoError(t, prepared)
}

// Postgres makes a database on the server of [Postgres].
func (s *Databases) Postgres(t testing.TB) Database {
	t.Helper()
	admin := Postgres(t)
	d := Database{Name: "postgres"}
	switch {
	case s.prepare == nil:
		d.URL = createDatabase(t, admin, "")
	case os.Getenv(serverVariable) != "": // a template would stay behind on a server that outlives this process
		d.URL = createDatabase(t, admin, "")
		s.make(t, d.URL)
	default:
		d.URL = createDatabase(t, admin, s.templateOn(t, admin))
	}
	return d
}

func (s *Databases) templateOn(t testing.TB, admin string) string {
	t.Helper()
	s.server.Lock()
	defer s.server.Unlock()
	if s.template == "" {
		name := databaseName()
		onServer(t, admin, "CREATE DATABASE "+name)
		s.make(t, databaseURL(t, admin, name))
		s.template = name
	}
	return s.template
}

func createDatabase(t testing.TB, admin, template string) string {
	t.Helper()
	name := databaseName()
	statement := "CREATE DATABASE " + name
	if template != "" {
		statement += " TEMPLATE " + template
	}
	onServer(t, admin, statement)
	t.Cleanup(func() { onServer(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	return databaseURL(t, admin, name)
}

func databaseName() string { return "portico_test_" + strings.ToLower(rand.Text()) }

func databaseURL(t testing.TB, admin, name string) string {
	t.Helper()
	u, err := url.Parse(admin)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

// onServer runs one statement that cannot be part of a transaction.
func onServer(t testing.TB, admin, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin)
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	require.NoError(t, err)
}
