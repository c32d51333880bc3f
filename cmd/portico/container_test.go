package main_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// confinement is a shell command that runs /portico in a folder that is all it sees and that it cannot write to, as an
// account of its own without capabilities: as an engine runs the image. $0 is the folder.
const confinement = `
mount --bind "$0" "$0"
mount --bind "$0/data" "$0/data"
mount --bind /dev/null "$0/dev/null"
mount -t proc proc "$0/proc"
mount -o remount,bind,ro "$0"
exec chroot --userspec=65532:65532 --groups= "$0" /portico "$@"`

// container returns a program in a root of its own, where it may write /data alone.
func container(t *testing.T, e env) program {
	t.Helper()
	root, err := os.MkdirTemp("", "portico-root-") // t.TempDir is below one that other accounts cannot enter
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	require.NoError(t, os.Chmod(root, 0o755))
	for _, dir := range []string{"proc", "dev", "data"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "dev", "null"), nil, 0o644))
	require.NoError(t, os.Chown(filepath.Join(root, "data"), 65532, 65532))
	take(t, binary, filepath.Join(root, "portico"))
	libraries, _ := exec.Command("ldd", binary).CombinedOutput() // the binary of the image has none, that of these tests may
	for _, path := range regexp.MustCompile(`/\S+`).FindAllString(string(libraries), -1) {
		if _, err := os.Stat(path); err == nil && path != binary {
			take(t, path, filepath.Join(root, path))
		}
	}
	return program{dir: root, env: e.with(env{"PORTICO_DATA_DIR": "/data"}), inside: []string{"unshare", "--mount", "sh", "-ec", confinement, root}}
}

func take(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	require.NoError(t, os.WriteFile(to, content, 0o755))
}

// An empty root that cannot be written to, another account and no capability are enough: the gateway signs people in, and
// its document service reads documents, for which it starts itself again. Nothing is made outside of /data.
func TestContainer(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a process a root of its own")
	}
	p := container(t, ports)
	before := everything(t, p.dir)
	g := p.serve(t)
	admin := firstAdmin.FindStringSubmatch(g.out.String())
	require.NotNil(t, admin, g.out)
	token := g.SignIn(t, admin[1], admin[2])
	require.Equal(t, "Afloat", g.ready(t, token, g.upload(t, token, pdf("Afloat", 2, 1000)).ID).Title)
	require.Equal(t, 0, g.stop(t))

	require.Equal(t, before, everything(t, p.dir))
	require.FileExists(t, filepath.Join(p.dir, "data", "portico.db"))
}

// everything lists the files of the root, those in /data aside.
func everything(t *testing.T, root string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path == filepath.Join(root, "data") {
			return filepath.SkipDir
		}
		names = append(names, path)
		return err
	}))
	return names
}
