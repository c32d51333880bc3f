package datadir_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/datadir"
)

func TestOpenMakesAPrivateDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "data")
	dir, err := datadir.Open(path)
	require.NoError(t, err)
	require.Equal(t, path, dir)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	require.Empty(t, names(t, dir), "the write check leaves nothing")

	again, err := datadir.Open(path)
	require.NoError(t, err)
	require.Equal(t, dir, again)
}

func TestOpenReturnsTheAbsolutePath(t *testing.T) {
	parent, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Chdir(parent)
	dir, err := datadir.Open("./data")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(parent, "data"), dir)
}

func TestOpenSaysWhyNot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := datadir.Open(file)
	require.EqualError(t, err, "data_dir (PORTICO_DATA_DIR): cannot use "+file+": not a directory; name a directory this account may write")
	_, err = datadir.Open(filepath.Join(file, "below"))
	require.EqualError(t, err, "data_dir (PORTICO_DATA_DIR): cannot use "+filepath.Join(file, "below")+": not a directory; name a directory this account may write")
}

// procfs refuses files to every account, root included.
func TestOpenProvesThatItCanWrite(t *testing.T) {
	_, err := datadir.Open("/proc/self")
	require.ErrorContains(t, err, "data_dir (PORTICO_DATA_DIR): cannot use /proc/self: ")
}

func TestFileIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	content, err := datadir.File(dir, "key", func() ([]byte, error) { return []byte("first\n"), nil })
	require.NoError(t, err)
	require.Equal(t, "first\n", string(content))
	info, err := os.Stat(filepath.Join(dir, "key"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, []string{"key"}, names(t, dir))

	content, err = datadir.File(dir, "key", func() ([]byte, error) { t.Error("made again"); return nil, nil })
	require.NoError(t, err)
	require.Equal(t, "first\n", string(content))
}

func TestFileKeepsNothingWhenCreateFails(t *testing.T) {
	dir := t.TempDir()
	failure := errors.New("no entropy")
	_, err := datadir.File(dir, "key", func() ([]byte, error) { return nil, failure })
	require.ErrorIs(t, err, failure)
	_, err = datadir.File(dir, "key", func() ([]byte, error) { return []byte("\n"), nil })
	require.ErrorContains(t, err, "nothing to write")
	require.Empty(t, names(t, dir))
}

func TestFileRefusesWhatIsNotItsOwn(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, content string, mode fs.FileMode) {
		require.NoError(t, os.WriteFile(at(name), []byte(content), 0o600))
		require.NoError(t, os.Chmod(at(name), mode))
	}
	write("everybody", "s", 0o666)
	write("world", "s", 0o604)
	write("empty", "", 0o600)
	write("blank", " \n", 0o600)
	require.NoError(t, os.Mkdir(at("directory"), 0o700))
	write("large", string(make([]byte, 1<<20+1)), 0o600)
	require.NoError(t, os.Symlink(at("nowhere"), at("dangling")))
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))

	for name, want := range map[string]string{
		"everybody": "data_dir: others may read or change " + at("everybody") + "; run: chmod 600 " + at("everybody"),
		"world":     "data_dir: others may read or change " + at("world") + "; run: chmod 600 " + at("world"),
		"empty":     "data_dir: " + at("empty") + " is empty; restore it from a backup, or delete it to have a new one made",
		"blank":     "data_dir: " + at("blank") + " is empty; restore it from a backup, or delete it to have a new one made",
		"directory": "data_dir: " + at("directory") + " is not a regular file; move it away",
		"pipe":      "data_dir: " + at("pipe") + " is not a regular file; move it away",
		"large":     "data_dir: " + at("large") + " is larger than 1 MiB, which nothing kept there is; move it away",
		"dangling":  "data_dir: " + at("dangling") + " is a link to nothing; mend or remove it",
		"":          `data_dir: "" is not a file name`,
		"..":        `data_dir: ".." is not a file name`,
		"a/b":       `data_dir: "a/b" is not a file name`,
		".hidden":   `data_dir: ".hidden" is not a file name`,
	} {
		before := names(t, dir)
		_, err := datadir.File(dir, name, func() ([]byte, error) { return []byte("new"), nil })
		require.EqualError(t, err, want)
		require.Equal(t, before, names(t, dir))
	}
}

func TestFileOpenedToItsGroupIsMadePrivateAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("s"), 0o600))
	require.NoError(t, os.Chmod(path, 0o660))
	content, err := datadir.File(filepath.Dir(path), "key", nil)
	require.NoError(t, err)
	require.Equal(t, "s", string(content))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestFileSaysWhyItCannotWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	_, err := datadir.File(dir, "key", func() ([]byte, error) { return []byte("x"), nil })
	require.EqualError(t, err, "data_dir: cannot write "+filepath.Join(dir, "key")+": no such file or directory")
}

const (
	processes = 4
	starters  = 8
)

// Of processes that start at once, each with several callers, one makes the file and all return its content.
func TestFileAcrossProcesses(t *testing.T) {
	if dir := os.Getenv("DATADIR_RACE"); dir != "" {
		race(t, dir)
		return
	}
	dir := t.TempDir()
	var contents [processes][]byte
	var wait sync.WaitGroup
	for i := range processes {
		wait.Go(func() {
			child := exec.Command(os.Args[0], "-test.run=^TestFileAcrossProcesses$")
			child.Env = append(os.Environ(), "DATADIR_RACE="+dir, fmt.Sprintf("DATADIR_RACER=%d", i))
			out, err := child.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
				return
			}
			contents[i], _ = os.ReadFile(filepath.Join(dir, fmt.Sprintf("seen-%d", i)))
		})
	}
	wait.Wait()
	winner, err := os.ReadFile(filepath.Join(dir, "key"))
	require.NoError(t, err)
	require.Len(t, winner, 1000)
	for i := range contents {
		require.Equal(t, winner, contents[i])
	}
	require.Len(t, names(t, dir), 1+processes, "no temporary file is left")
}

// race calls File from several goroutines and writes down what all of them saw.
func race(t *testing.T, dir string) {
	var seen [starters][]byte
	var wait sync.WaitGroup
	for i := range starters {
		wait.Go(func() {
			var err error
			seen[i], err = datadir.File(dir, "key", func() ([]byte, error) {
				content := make([]byte, 1000)
				rand.Read(content)
				return content, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for i := range seen {
		require.Equal(t, seen[0], seen[i])
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "seen-"+os.Getenv("DATADIR_RACER")), seen[0], 0o600))
}

func names(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
