package docservice

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// What a crash leaves between row and file is put right by the next start: the file of a document goes into its
// place, that of none is removed, and what is in its place is never touched.
func TestStartSettles(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		kept, moved := f.add(ann, "a.pdf", pdfOf(1, "")), f.add(ann, "b.pdf", pdfOf(2, ""))
		require.NoError(t, f.files.unplace(moved.ID))
		f.call(ann, "GET", "/documents/"+moved.ID+"/content", "").is(200)
		f.close()
		staging := filepath.Join(f.files.root, "staging")
		require.NoError(t, os.WriteFile(filepath.Join(staging, "00000000-0000-4000-8000-000000000000.pdf"), []byte("half"), 0o600))
		stranger := filepath.Join(f.files.root, "00", "00000000-0000-4000-8000-000000000001.pdf")
		require.NoError(t, os.MkdirAll(filepath.Dir(stranger), 0o700))
		require.NoError(t, os.WriteFile(stranger, []byte("x"), 0o600))
		f.open()
		require.Equal(t, map[string]int64{kept.ID + ".pdf": kept.Size, moved.ID + ".pdf": moved.Size, filepath.Base(stranger): 1}, f.content())
		left, err := os.ReadDir(staging)
		require.NoError(t, err)
		require.Empty(t, left)
		f.call(ann, "GET", "/documents/"+moved.ID+"/content", "").is(200)
	})
}

// With the database gone, a deletion fails and loses nothing.
func TestDeleteWithoutDatabase(t *testing.T) {
	f := start(t, Config{})
	d := f.add(ann, "a.pdf", pdfOf(1, ""))
	pool, err := f.db.DB()
	require.NoError(t, err)
	require.NoError(t, pool.Close())
	require.GreaterOrEqual(t, f.call(ann, "DELETE", "/documents/"+d.ID, "").status, 500)
	require.GreaterOrEqual(t, f.call(nobody, "GET", "/health", "").status, 500)
	require.GreaterOrEqual(t, f.post(ann, [3]string{"file", "b.pdf", string(pdfOf(1, ""))}).status, 500)
	f.close()
	f.open()
	require.Equal(t, map[string]int64{d.ID + ".pdf": d.Size}, f.content())
	f.call(ann, "GET", "/documents/"+d.ID+"/content", "").is(200)
}

// A row that cannot be deleted keeps its file, and one that cannot be made leaves none.
func TestFileFollowsRow(t *testing.T) {
	f := start(t, Config{})
	d := f.add(ann, "a.pdf", pdfOf(1, ""))
	files := map[string]int64{d.ID + ".pdf": d.Size}
	for _, event := range []string{"DELETE", "INSERT"} {
		require.NoError(t, f.db.Exec("CREATE TRIGGER refuse_"+event+" BEFORE "+event+" ON documents BEGIN SELECT RAISE(ABORT, 'no'); END").Error)
	}
	f.call(ann, "DELETE", "/documents/"+d.ID, "").is(500)
	f.post(ann, [3]string{"file", "b.pdf", string(pdfOf(2, ""))}).is(500)
	require.Equal(t, files, f.content())
	require.FileExists(t, f.files.path(d.ID))
	f.call(ann, "GET", "/documents/"+d.ID+"/content", "").is(200)
}

func TestOneProcessForADirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no advisory locks")
	}
	f := start(t, Config{})
	_, err := New(t.Context(), f.config)
	require.ErrorIs(t, err, errDirInUse)
	f.close()
	f.open()
}

func TestFilesArePrivate(t *testing.T) {
	f := start(t, Config{})
	f.add(ann, "a.pdf", pdfOf(1, ""))
	require.NoError(t, filepath.WalkDir(filepath.Join(f.config.DataDir), func(path string, e os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		if path != f.config.DataDir { // made by the test
			require.Zero(t, info.Mode().Perm()&0o077, path)
		}
		return nil
	}))
	require.FileExists(t, filepath.Join(f.config.DataDir, "documents.db"))
}

func TestNewFails(t *testing.T) {
	_, err := New(t.Context(), Config{})
	require.ErrorContains(t, err, "data_dir")
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = New(t.Context(), Config{DataDir: file})
	require.ErrorContains(t, err, file)
	_, err = New(t.Context(), Config{DataDir: dir, DatabaseURL: "mysql://u:hunter2@x/y"})
	require.ErrorContains(t, err, "DATABASE_URL")
	require.NotContains(t, err.Error(), "hunter2")
	f := start(t, Config{DataDir: dir}) // what failed holds nothing
	require.Eventually(t, func() bool { return f.call(nobody, "GET", "/health", "").status == 200 }, 10*time.Second, time.Millisecond)
}

// Where the schema is only checked, one that is behind stops the start and stays as it is.
func TestSchemaOnlyChecked(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		config := Config{DataDir: t.TempDir(), DatabaseURL: d.URL, CheckSchema: true}
		for range 2 {
			_, err := New(t.Context(), config)
			require.Error(t, err)
		}
		config.CheckSchema = false
		for _, only := range []bool{false, true} {
			config.CheckSchema = only
			s, err := New(t.Context(), config)
			require.NoError(t, err)
			require.NoError(t, s.Close(t.Context()))
		}
	})
}
