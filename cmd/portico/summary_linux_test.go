package main_test

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// terminal returns both ends of one: what a program writes to the second comes out of the first.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { person.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { program.Close() })
	return person, program
}

// A person at a terminal is told in a few lines what has started; whoever reads a file gets the one line there was.
func TestSummary(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		e, password := on(d).with(env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password}), ""
		database := `database  SQLite file /\S+`
		if d.Name == "postgres" {
			e["DATABASE_URL"], password = withPassword(t, d.URL)
			database = `database  postgres://\S*/\S+`
		}
		p := in(t, e)
		g := p.serve(t)
		require.Equal(t, 1, strings.Count(g.out.String(), "\n"), g.out)
		require.Equal(t, 0, g.stop(t))

		person, program := terminal(t)
		p.stdout = program
		seen := &testkit.Output{}
		go func() { _, _ = io.Copy(seen, person) }()
		r := p.start(t)
		r.out = seen
		g = r.listening(t, p)
		require.Eventually(t, func() bool { return strings.Contains(seen.String(), "storage") }, patience, 5*time.Millisecond, "%s", seen)
		require.Equal(t, 0, g.stop(t))
		lines := regexp.MustCompile(`\r?\n`).Split(strings.TrimSpace(seen.String()), -1)
		require.Len(t, lines, 6)
		for i, want := range []string{
			`Portico \S+ listens on http://127\.0\.0\.1:\d+ and keeps its data in /\S+`,
			`  API       http://127\.0\.0\.1:\d+/docs`,
			`  inside    127\.0\.0\.1:\d+, for feature services and metrics`,
			`  ` + database,
			`  services  doc-service \(in this process\)`,
			`  storage   local, folder objects`,
		} {
			require.Regexp(t, "^"+want+"$", lines[i])
		}
		if password != "" {
			require.NotContains(t, seen.String(), password)
		}
	})
}
