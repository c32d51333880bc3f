package main_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// large is an installation whose objects lie outside of its data directory.
func large(t testing.TB) (p program, outside string, objects map[string]string) {
	t.Helper()
	p, outside, objects = alone(t.TempDir()), filepath.Join(t.TempDir(), "files"), map[string]string{}
	for i := range 120 {
		objects[fmt.Sprintf("folder-%d/%d", i%7, i)] = strings.Repeat(fmt.Sprintf("the content of %d\n", i), 2000)
	}
	g := p.serve(t)
	token := g.SignIn(t, gatewaytest.Admin, testkit.Password)
	g.upload(t, token, pdf("Kept", 1, 2000))
	g.put(t, objects)
	g.move(t, token, map[string]any{"backend": "local", "config": map[string]any{"root": outside}})
	g.moved(t, token)
	require.Equal(t, 0, g.stop(t))
	return p, outside, objects
}

// took runs a command and returns how long that was.
func (p program) took(t testing.TB, args ...string) time.Duration {
	t.Helper()
	begun := time.Now()
	p.succeeds(t, args...)
	return time.Since(begun)
}

// killedAt starts a command and kills it at a random moment before the time is over.
func (p program) killedAt(t testing.TB, within time.Duration, args ...string) {
	t.Helper()
	r := p.start(t, args...)
	time.Sleep(rand.N(within)) // any moment is a good one
	r.signal(syscall.SIGKILL)
	r.wait(t)
}

// A backup that is killed has left nothing under its name; one that was interrupted leaves nothing at all.
func TestKilledBackup(t *testing.T) {
	t.Parallel()
	p, outside, objects := large(t)
	dir := t.TempDir()
	within := p.took(t, "backup", filepath.Join(dir, "first.tar"))
	wholes := 0
	for round := range *kills {
		target := filepath.Join(dir, fmt.Sprintf("killed-%d.tar", round))
		p.killedAt(t, within, "backup", target)
		if _, err := os.Stat(target); err == nil {
			wholes++
			require.NoError(t, os.Rename(outside, outside+".aside"))
			to := alone(t.TempDir())
			to.succeeds(t, "restore", "--outside", target)
			to.serve(t).holds(t, objects)
			require.NoError(t, os.RemoveAll(outside))
			require.NoError(t, os.Rename(outside+".aside", outside))
		}
	}
	t.Log(wholes, "of", *kills, "were whole before they were killed")

	empty := t.TempDir()
	interrupted := p.start(t, "backup", filepath.Join(empty, "interrupted.tar"))
	require.Eventually(t, func() bool {
		begun, err := os.ReadDir(empty)
		require.NoError(t, err)
		return len(begun) > 0 || interrupted.over()
	}, patience, time.Millisecond)
	interrupted.signal(syscall.SIGTERM)
	code := interrupted.wait(t)
	left, err := os.ReadDir(empty)
	require.NoError(t, err)
	if code == 0 { // it was faster
		require.Len(t, left, 1)
	} else {
		require.Empty(t, left)
		require.Equal(t, []string{"portico: interrupted; there is no archive"}, messages(interrupted))
	}
}

// A restore that is killed leaves nothing that a gateway would take for all: it refuses to start, and the same restore
// once more ends it, wherever it was.
func TestKilledRestore(t *testing.T) {
	t.Parallel()
	p, outside, objects := large(t)
	archive := filepath.Join(t.TempDir(), "backup.tar")
	p.succeeds(t, "backup", archive)
	want := tree(t, outside)
	require.NotEmpty(t, want)
	anew := func() program {
		require.NoError(t, os.RemoveAll(outside))
		return alone(t.TempDir())
	}
	require.Contains(t, anew().fails(t, "restore", archive), "121 of its files belong outside of the data directory, such as "+outside+"/")
	within := anew().took(t, "restore", "--outside", archive)
	midway := 0
	for round := range *kills {
		to := anew()
		staged := filepath.Join(to.dir, "data", ".restoring")
		verified := func() bool { _, err := os.Stat(filepath.Join(staged, "complete")); return err == nil }
		if round%2 == 0 {
			to.killedAt(t, within, "restore", "--outside", archive)
		} else { // while files are put in place
			r := to.start(t, "restore", "--outside", archive)
			require.Eventually(t, func() bool { return verified() || r.over() }, patience, 100*time.Microsecond)
			time.Sleep(rand.N(within / 10))
			r.signal(syscall.SIGKILL)
			r.wait(t)
		}
		if verified() {
			midway++
		}
		if _, err := os.Stat(staged); err == nil {
			require.Contains(t, to.fails(t, "serve"), "a restore into "+filepath.Join(to.dir, "data")+" has not ended; run portico restore again with the same archive")
			to.succeeds(t, "restore", "--outside", archive)
		} else if _, err := os.Stat(filepath.Join(to.dir, "data", "portico.db")); err != nil {
			require.Empty(t, tree(t, to.dir), "nothing, or all")
			to.succeeds(t, "restore", "--outside", archive)
		}
		require.Equal(t, want, tree(t, outside))
		g := to.serve(t)
		g.holds(t, objects)
		require.Equal(t, 0, g.stop(t))
	}
	t.Log(midway, "of", *kills, "were killed while files were put in place")

	to := anew()
	inTheWay := filepath.Join(outside, "folder-3/10")
	require.NoError(t, os.MkdirAll(filepath.Dir(inTheWay), 0o700))
	require.NoError(t, os.WriteFile(inTheWay, []byte("of somebody else"), 0o600))
	require.Contains(t, to.fails(t, "restore", "--outside", archive), inTheWay+": there is another file; a restore replaces nothing")
	require.Equal(t, map[string]string{"folder-3/10": "of somebody else"}, tree(t, outside), "it is found before anything is put in place")
	require.NoError(t, os.RemoveAll(outside))
	to.succeeds(t, "restore", "--outside", archive)
	require.Equal(t, http.StatusOK, to.serve(t).get(t, "", "/health/ready").Status)
}
