package testkit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

const (
	serverVariable   = "PORTICO_TEST_DATABASE_URL"
	requiredVariable = "PORTICO_TEST_POSTGRES"
)

// Postgres returns the URL of a PostgreSQL server on which a test may make databases: the one that
// PORTICO_TEST_DATABASE_URL names (postgres://...), else one of this test process alone, started from the binaries found
// on the machine and gone with the process, however it ends. It forgets everything at a power loss (fsync is off).
//
// Without either the test is skipped, and fails where PORTICO_TEST_POSTGRES is "required"; where that is "off" it is skipped
// in any case.
func Postgres(t testing.TB) string {
	t.Helper()
	if os.Getenv(requiredVariable) == "off" {
		t.Skip("SKIPPED: " + requiredVariable + " is off")
	}
	server, err := cluster()
	if err != nil {
		without(t, err)
	}
	return server.URL
}

// without ends a test that cannot have a server.
func without(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNoPostgres) && os.Getenv(requiredVariable) != "required" {
		t.Skip(err)
		return
	}
	t.Fatal(err)
}

var errNoPostgres = errors.New("SKIPPED: no PostgreSQL on this machine; install it, or name a server in " + serverVariable)

// cluster remembers the server until the process ends, which is when it ends.
var cluster = sync.OnceValues(func() (*Server, error) {
	if server := os.Getenv(serverVariable); server != "" {
		return &Server{URL: server}, nil
	}
	bin := postgresBinaries()
	if bin == "" {
		fmt.Fprintln(os.Stderr, errNoPostgres)
		return nil, errNoPostgres
	}
	server, err := startServer(bin, forgetful)
	if err != nil {
		return nil, fmt.Errorf("starting PostgreSQL from %s: %w", bin, err)
	}
	return server, nil
})

var forgetful = []string{
	"max_connections=300", "fsync=off", "full_page_writes=off", "synchronous_commit=off",
	"wal_level=minimal", "max_wal_senders=0", "autovacuum=off",
}

// postgresBinaries returns the directory of the newest initdb.
func postgresBinaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	newest, version := "", -1.0
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql@*/bin/initdb"} {
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			bin := filepath.Dir(path)
			if v, _ := strconv.ParseFloat(trailingNumber(filepath.Base(filepath.Dir(bin))), 64); v > version {
				newest, version = bin, v
			}
		}
	}
	return newest
}

func trailingNumber(s string) string {
	i := len(s)
	for i > 0 && (s[i-1] == '.' || '0' <= s[i-1] && s[i-1] <= '9') {
		i--
	}
	return s[i:]
}
