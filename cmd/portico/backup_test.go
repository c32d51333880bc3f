package main_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// elsewhere is a place for the program on another machine: its settings, with a database and a directory of its own.
func (p program) elsewhere(t testing.TB, d testkit.Database) program {
	t.Helper()
	return in(t, p.env.with(env{"DATABASE_URL": d.URL}))
}

// nowhere is a database that a restore is to make, or to find empty.
func nowhere(t testing.TB, kind string) testkit.Database {
	t.Helper()
	if kind == "postgres" {
		return testkit.Prepared(nil).Postgres(t)
	}
	return testkit.Database{Name: kind, URL: "sqlite:" + filepath.Join(t.TempDir(), "restored.db")}
}

// clientProgram is one of PostgreSQL's; without it the test cannot be.
func clientProgram(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("PORTICO_TEST_POSTGRES") != "required" {
		t.Skip("SKIPPED: there is no " + name)
	}
	require.NoError(t, err)
	return path
}

// saved makes a backup, with that of PostgreSQL beside it, and returns what was printed.
func (p program) saved(t testing.TB, d testkit.Database, target string) string {
	t.Helper()
	if d.Name == "postgres" {
		clientProgram(t, "pg_dump")
		return p.succeeds(t, "backup", target, "--pg-dump", target+".dump")
	}
	return p.succeeds(t, "backup", target)
}

// restored brings a backup back to another place.
func (p program) restored(t testing.TB, d testkit.Database, source string, args ...string) program {
	t.Helper()
	to := nowhere(t, d.Name)
	if d.Name == "postgres" {
		out, err := exec.Command(clientProgram(t, "pg_restore"), "--no-owner", "--exit-on-error", "--dbname="+to.URL, source+".dump").CombinedOutput()
		require.NoError(t, err, string(out))
	}
	q := p.elsewhere(t, to)
	q.succeeds(t, append([]string{"restore", source}, args...)...)
	return q
}

// A backup is of one moment, whatever people do meanwhile and while all files are moved: all that was acknowledged before
// is in it, each file can be read, and what is restored goes on from there, also with the migration.
func TestBackupUnderTraffic(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		p := in(t, ports.with(env{ // the keys are made: they have to be in the archive
			"DATABASE_URL": d.URL, "PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password,
		}))
		g := p.serve(t)
		w, o := openWorkspace(t, g), openOffice(t, g, 150)
		roots := []string{"other", "objects"}
		for round := range max(1, *kills/5) {
			w.record()
			o.record()
			stop, stopObjects := w.work(t, g), o.work(t, g)
			g.move(t, w.admin, map[string]any{"backend": "local", "config": map[string]any{"root": roots[round%2]}})
			target := filepath.Join(t.TempDir(), "backup.tar")
			out := p.saved(t, d, target)
			stop()
			stopObjects()
			require.Regexp(t, `(?m)^`+target+`: \d+ files, .*, as of \d{4}-`, out)
			private(t, target)

			q := p.restored(t, d, target)
			again := q.serve(t)
			at, files := w.at(), o.at()
			at.check(t, again)
			files.check(t, again)
			require.Eventually(t, func() bool { // what is left to be removed then takes the time that others may take for it
				state, ended := again.state(t, at.admin)
				return ended || state == "cleaning"
			}, patience, 20*time.Millisecond)
			at.check(t, again)
			files.check(t, again)
			require.Equal(t, 0, again.stop(t))
			q.succeeds(t, "storage", "verify")
			requireSound(t, testkit.Database{Name: d.Name, URL: q.env["DATABASE_URL"]})
			requirePrivateFiles(t, q.dir)

			g.moved(t, w.admin)
			w.check(t, g)
		}
		require.Equal(t, 0, g.stop(t))
	})
}

// Documents may also lie as files of the document service, and be moved to the gateway's storage during a backup.
func TestBackupOfDocumentsInAFolder(t *testing.T) {
	t.Parallel()
	p, d := alone(t.TempDir()), testkit.Database{Name: "sqlite"}
	p.env["PORTICO_INTERNAL_LISTEN"] = "" // no objects without it
	g := p.serve(t)
	w := openWorkspace(t, g)
	w.until(t, g, func(r *resident) bool { return r.count("document") >= 5 })
	target := filepath.Join(t.TempDir(), "folder.tar")
	w.record()
	stop := w.work(t, g)
	p.saved(t, d, target)
	stop()
	q := p.restored(t, d, target)
	at := w.at()
	again := q.serve(t)
	at.check(t, again)
	require.Equal(t, 0, again.stop(t))
	held := tree(t, filepath.Join(q.dir, "data/doc-service/files"))
	require.NotEmpty(t, held)
	require.Equal(t, 0, g.stop(t))

	p.env = p.env.with(ports)
	g = p.serve(t)
	w.record()
	stop = w.work(t, g)
	target += "2"
	p.saved(t, d, target) // while they are moved
	stop()
	at = w.at()
	at.check(t, p.restored(t, d, target).serve(t))
	w.check(t, g)
}

// private requires that a file is for its account alone, and that nothing that was on the way to it is left.
func private(t testing.TB, path string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), f.Name())
		require.False(t, strings.HasPrefix(f.Name(), "."), f.Name())
	}
}

func requirePrivateFiles(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		return nil
	}))
}
