package main_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// disk is a small file system of its own.
type disk struct{ dir string }

// newDisk mounts one in memory. That needs root, as CI is; everybody else is told that the test was skipped.
func newDisk(t testing.TB, size string) disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: mounting a small disk needs root")
	}
	d := disk{t.TempDir()}
	require.NoError(t, syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(d.dir, syscall.MNT_DETACH)) })
	return d
}

// remount makes it read-only, or writable again, when nothing on it is open for writing: the kernel may take a moment to
// close what a process that has ended had open.
func (d disk) remount(t testing.TB, flags uintptr) {
	t.Helper()
	var err error
	require.Eventually(t, func() bool {
		err = syscall.Mount("tmpfs", d.dir, "tmpfs", syscall.MS_REMOUNT|flags, "")
		return !errors.Is(err, syscall.EBUSY)
	}, patience, 10*time.Millisecond, "something is open for writing")
	require.NoError(t, err)
}

func (d disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no byte.
func (d disk) fill(t testing.TB) {
	t.Helper()
	file, err := os.OpenFile(d.ballast(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer file.Close()
	for _, size := range []int{1 << 16, 1 << 12, 1} {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
}

func (d disk) free(t testing.TB) {
	t.Helper()
	require.NoError(t, os.Remove(d.ballast()))
}

// A full disk is a 503 for whoever writes and nothing for whoever reads. What was acknowledged outlives that, and a kill
// on top of it; and when there is room again, all is as before.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t, "24m")
	p := alone(d.dir)
	g := p.serve(t)
	w := openWorkspace(t, g)
	busy := func(r *resident) bool { return r.acknowledged >= 10 }
	full := func(r *resident) bool { return r.refused >= 5 }
	for range 2 {
		w.until(t, g, busy)
		d.fill(t)
		w.forget()
		w.until(t, g, full)
		w.check(t, g)
		require.Equal(t, http.StatusOK, g.get(t, "", "/health/live").Status)
		contentType, upload := form(t, pdf("Too much", 1, 1<<20))
		r := g.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/documents", Token: w.all[0].token, Type: contentType, Body: upload})
		require.Equal(t, http.StatusServiceUnavailable, r.Status, r.Body)
		for _, inside := range []string{d.dir, "SQLITE", "sqlite", "disk", "portico.db"} {
			require.NotContains(t, r.Body, inside)
		}
		w.forget()
		d.free(t)
		w.until(t, g, busy)
		w.check(t, g)
	}

	d.fill(t)
	g.kill(t)
	line := p.fails(t, "serve")
	require.Contains(t, line, "data_dir (PORTICO_DATA_DIR): cannot use "+g.DataDir+": no space left on device; make room there")
	d.free(t)
	g = p.serve(t)
	w.check(t, g)
	require.Equal(t, 0, g.stop(t))

	d.remount(t, syscall.MS_RDONLY)
	require.Contains(t, p.fails(t, "serve"), "data_dir (PORTICO_DATA_DIR): cannot use "+g.DataDir+": read-only file system; name a directory")
	d.remount(t, 0)
	g = p.serve(t)
	w.check(t, g)
	require.Equal(t, 0, g.stop(t))
	requireSound(t, testkit.Database{Name: "sqlite", URL: "sqlite:" + filepath.Join(g.DataDir, "portico.db")})
}
