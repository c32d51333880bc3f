package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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
	return server
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

var cluster = sync.OnceValues(func() (string, error) {
	if server := os.Getenv(serverVariable); server != "" {
		return server, nil
	}
	bin := postgresBinaries()
	if bin == "" {
		fmt.Fprintln(os.Stderr, errNoPostgres)
		return "", errNoPostgres
	}
	server, err := startCluster(bin)
	if err != nil {
		return "", fmt.Errorf("starting PostgreSQL from %s: %w", bin, err)
	}
	return server, nil
})

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

// watchdog keeps the server for as long as the test process holds the other end of its standard input.
const watchdog = `
"$0" -D data -k "$PWD" "$@" >log 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
cd / && rm -rf "$OLDPWD"`

var clusterSettings = []string{
	"listen_addresses=", "max_connections=300", "shared_buffers=32MB", "jit=off",
	"fsync=off", "full_page_writes=off", "synchronous_commit=off", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off",
}

func startCluster(bin string) (url string, err error) {
	dir, err := os.MkdirTemp("", "portico-pg-")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	account, err := unprivileged(dir)
	if err != nil {
		return "", err
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account, Setpgid: true} // an interrupt from the keyboard is not for it
		return cmd
	}
	initdb := command(filepath.Join(bin, "initdb"), "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	args := []string{"-c", watchdog, filepath.Join(bin, "postgres")}
	for _, setting := range clusterSettings {
		args = append(args, "-c", setting)
	}
	server := command("/bin/sh", args...)
	lifeline, err := server.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := server.Start(); err != nil {
		return "", err
	}
	url = "postgres://postgres@/postgres?host=" + dir
	if err := answers(url); err != nil {
		lifeline.Close()
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return "", fmt.Errorf("%w: %s", err, log)
	}
	lifelines = append(lifelines, lifeline)
	return url, nil
}

// lifelines are held open until the process ends; an unreferenced one would be closed by the garbage collector.
var lifelines []any

// answers waits until the server takes connections.
func answers(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// unprivileged gives the directory to an account that PostgreSQL agrees to run as, where this one is root.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}
