// These tests hold the program to its promises from outside: the binary is built once and run as real processes, each
// with an environment and a directory of its own.
package main_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// patience bounds every wait for something that should happen at once.
const patience = time.Minute

var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "portico-binary-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // for the test that runs it as another account
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "portico")
	args := append(append([]string{"build"}, buildFlags...), "-o", binary, ".")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// env is the environment of a process, beside what every process needs.
type env map[string]string

// with returns the environments one over the other.
func (e env) with(more env) env {
	all := maps.Clone(e)
	maps.Copy(all, more)
	return all
}

// ports are free loopback ports, the only settings without which processes cannot run side by side.
var ports = env{"PORTICO_LISTEN": "127.0.0.1:0", "PORTICO_INTERNAL_LISTEN": "127.0.0.1:0"}

// on is the environment of a gateway with ready-made keys on the database.
func on(d testkit.Database) env {
	return ports.with(env{
		"DATABASE_URL": d.URL, "JWT_PRIVATE_KEY": gatewaytest.PrivateKey, "JWT_PUBLIC_KEY": gatewaytest.PublicKey,
	})
}

// process is a run of the binary, killed at the end of the test when it has not ended by then.
type process struct {
	cmd      *exec.Cmd
	out, err *testkit.Output
	ended    chan struct{}
}

// program is what can be run.
type program struct {
	dir   string // in which it runs
	env   env
	stdin string
	as    *syscall.Credential // nil: this account

	binary string   // empty: built as this test is
	stdout *os.File // nil: kept for the test
	inside []string // a command that runs it, with the arguments that follow; none: it is run itself
}

func (p program) start(t testing.TB, args ...string) *process {
	t.Helper()
	command := append(slices.Clone(p.inside), args...)
	if p.inside == nil {
		command = append([]string{cmp.Or(p.binary, binary)}, args...)
	}
	r := &process{cmd: exec.Command(command[0], command[1:]...), out: &testkit.Output{}, err: &testkit.Output{}, ended: make(chan struct{})}
	r.cmd.Dir, r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = p.dir, strings.NewReader(p.stdin), r.out, r.err
	if p.stdout != nil {
		r.cmd.Stdout = p.stdout
	}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Setpgid: true} // an interrupt from the keyboard is for the test
	r.cmd.WaitDelay = 5 * time.Second
	r.cmd.Env = []string{"GORACE=atexit_sleep_ms=20"} // in place of a second after each command
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			r.cmd.Env = append(r.cmd.Env, name+"="+value)
		}
	}
	for name, value := range p.env {
		r.cmd.Env = append(r.cmd.Env, name+"="+value)
	}
	require.NoError(t, r.cmd.Start())
	go func() {
		defer close(r.ended)
		_ = r.cmd.Wait()
	}()
	t.Cleanup(func() {
		r.signal(syscall.SIGKILL)
		<-r.ended
		if strings.Contains(r.err.String(), "DATA RACE") {
			t.Errorf("%v: a data race:\n%s", args, r.err)
		}
		if t.Failed() {
			t.Logf("%v\nstdout:\n%s\nstderr:\n%s", args, tail(r.out), tail(r.err))
		}
	})
	return r
}

// tail is what matters of an output when a test has failed.
func tail(o *testkit.Output) string {
	text := o.String()
	return text[max(0, len(text)-3000):]
}

// run runs a command to its end.
func (p program) run(t testing.TB, args ...string) *process {
	t.Helper()
	r := p.start(t, args...)
	r.wait(t)
	return r
}

// signal does nothing to a process that has ended.
func (r *process) signal(s syscall.Signal) { _ = r.cmd.Process.Signal(s) }

// wait returns the exit code, -1 when a signal has ended the process.
func (r *process) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		require.Fail(t, "the process does not end", "%v\n%s", r.cmd.Args[1:], r.err)
	}
	return r.cmd.ProcessState.ExitCode()
}

// stop ends the process as an operator does.
func (r *process) stop(t testing.TB) int {
	t.Helper()
	r.signal(syscall.SIGTERM)
	return r.wait(t)
}

// kill ends the process as a power cut does.
func (r *process) kill(t testing.TB) {
	t.Helper()
	r.signal(syscall.SIGKILL)
	require.Equal(t, -1, r.wait(t))
}

// gateway is a process that serves. What it embeds is only a client of it.
type gateway struct {
	*process
	*testkit.Gateway
	program
}

var (
	public   = regexp.MustCompile(`(?m)^Portico \S+ listens on (http://\S+)`)
	internal = regexp.MustCompile(`"msg":"listening".*"internal":"([^"]+)"`)
)

// serve starts a gateway and waits until it listens.
func (p program) serve(t testing.TB, args ...string) *gateway {
	t.Helper()
	return p.start(t, args...).listening(t, p)
}

func (r *process) listening(t testing.TB, p program) *gateway {
	t.Helper()
	g := &gateway{process: r, program: p, Gateway: &testkit.Gateway{Out: r.out, Log: r.err, DataDir: filepath.Join(p.dir, "data")}}
	require.Eventually(t, func() bool {
		return r.over() || public.MatchString(r.out.String()) && internal.MatchString(r.err.String())
	}, patience, 5*time.Millisecond, "it does not listen")
	require.False(t, r.over(), "it ended at once: %s", r.err)
	g.URL = public.FindStringSubmatch(r.out.String())[1]
	g.Internal = "http://" + internal.FindStringSubmatch(r.err.String())[1]
	return g
}

func (r *process) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// in is a program in an empty directory.
func in(t testing.TB, e env) program {
	t.Helper()
	return program{dir: t.TempDir(), env: e}
}

// get asks a gateway as the owner of the token.
func (g *gateway) get(t testing.TB, token, path string) testkit.Reply {
	t.Helper()
	return g.Call(t, testkit.Request{Method: http.MethodGet, Path: path, Token: token})
}

// register makes an account with [testkit.Password].
func (g *gateway) register(t testing.TB, email string) {
	t.Helper()
	r := g.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/auth/register", Body: `{"email":"` + email + `","password":"` + testkit.Password + `"}`})
	require.Equal(t, http.StatusCreated, r.Status, r.Body)
}
