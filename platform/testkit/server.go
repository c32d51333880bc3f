package testkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Server is a PostgreSQL server of one test alone, which may be harmed. Needs Linux, for its /proc.
type Server struct {
	URL string // of the database "postgres", empty at first, as a superuser

	dir      string
	watchdog *exec.Cmd
	orders   io.WriteCloser // of the watchdog; the server ends when it is closed
}

// NewServer starts a server that is as durable as one in production (fsync, full_page_writes, synchronous_commit), with
// the settings ("max_connections=20"). It is gone with the test, and with the process, however they end.
//
// Where there is no PostgreSQL the test is skipped, and fails where PORTICO_TEST_POSTGRES is "required"; the server that
// PORTICO_TEST_DATABASE_URL names is left alone.
func NewServer(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin := postgresBinaries()
	if bin == "" {
		without(t, errNoPostgres)
	}
	s, err := startServer(bin, settings)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.orders.Close()
		require.NoError(t, s.watchdog.Wait())
	})
	return s
}

// Database makes an empty database on the server.
func (s *Server) Database(t testing.TB) Database {
	t.Helper()
	name := databaseName()
	onServer(t, s.URL, "CREATE DATABASE "+name)
	return Database{Name: "postgres", URL: databaseURL(t, s.URL, name)}
}

// Kill ends all processes of the server at once, as a power cut does.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP) // first, so that none makes another one
	s.signal(t, syscall.SIGKILL)
	require.Eventually(t, func() bool { return len(s.processes(t)) == 0 }, time.Minute, time.Millisecond, "the server is killed")
}

// Start starts the server again after Kill, on the same data and at the same address, and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	require.NoError(t, s.start())
}

// Freeze stops all processes of the server: connections can be made, and nothing is answered until thaw is called.
func (s *Server) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	return func() { s.signal(t, syscall.SIGCONT) }
}

// signal reaches the processes that others make meanwhile, too.
func (s *Server) signal(t testing.TB, what syscall.Signal) {
	t.Helper()
	var reached []int
	for {
		before := len(reached)
		for _, pid := range s.processes(t) {
			if !slices.Contains(reached, pid) {
				_ = syscall.Kill(pid, what)
				reached = append(reached, pid)
			}
		}
		if len(reached) == before {
			return
		}
	}
}

// processes are those that work in the data directory, the server's first one first.
func (s *Server) processes(t testing.TB) (pids []int) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cwd")
	require.NoError(t, err)
	for _, link := range found {
		if dir, err := os.Readlink(link); err == nil && dir == filepath.Join(s.dir, "data") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// watchdog starts the server at each line of its standard input, and ends it, frozen or not, when there are no more. A
// killed server has left a file behind that tells of a segment of shared memory.
const watchdog = `
server=
while read -r line; do
	[ -z "$server" ] || wait $server
	"$0" -D data -k "$PWD" "$@" >>log 2>&1 </dev/null &
	server=$!
done
kill -QUIT $server 2>/dev/null
for process in /proc/[0-9]*; do
	[ "$process/cwd" -ef data ] && kill -CONT ${process#/proc/}
done 2>/dev/null
wait $server 2>/dev/null
[ ! -f data/postmaster.pid ] || ipcrm -m "$(sed -n '7s/.* //p' data/postmaster.pid)" 2>/dev/null
cd / && rm -rf "$OLDPWD"`

func startServer(bin string, settings []string) (s *Server, err error) {
	dir, err := os.MkdirTemp("", "portico-pg-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	account, err := unprivileged(dir)
	if err != nil {
		return nil, err
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
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	args := []string{"-c", watchdog, filepath.Join(bin, "postgres")}
	for _, setting := range append([]string{"listen_addresses=", "shared_buffers=32MB", "jit=off"}, settings...) {
		args = append(args, "-c", setting)
	}
	s = &Server{URL: "postgres://postgres@/postgres?host=" + dir, dir: dir, watchdog: command("/bin/sh", args...)}
	if s.orders, err = s.watchdog.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.watchdog.Start(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		s.orders.Close()
		return nil, errors.Join(err, s.watchdog.Wait())
	}
	return s, nil
}

func (s *Server) start() error {
	if _, err := io.WriteString(s.orders, "start\n"); err != nil {
		return err
	}
	if err := answers(s.URL); err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%w: %s", err, log)
	}
	return nil
}

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
