package main_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// entry is one of an archive.
type entry struct {
	name    string
	content []byte
}

func unpack(t testing.TB, archive []byte) (entries []entry) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		entries = append(entries, entry{header.Name, content})
	}
}

func pack(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.content)), Mode: 0o600}))
		_, err := w.Write(e.content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// forged returns the archive with another manifest, whose SHA-256 is right.
func forged(t testing.TB, entries []entry, change func(manifest map[string]any)) []byte {
	t.Helper()
	entries = slices.Clone(entries)
	last := len(entries) - 2
	require.Equal(t, "manifest.json", entries[last].name)
	var manifest map[string]any
	require.NoError(t, json.Unmarshal(entries[last].content, &manifest))
	change(manifest)
	text, err := json.Marshal(manifest)
	require.NoError(t, err)
	sum := sha256.Sum256(text)
	entries[last].content, entries[last+1].content = text, []byte(hex.EncodeToString(sum[:])+"  manifest.json\n")
	return pack(t, entries)
}

// small is an installation with a document and an object, stopped, and a backup of it.
func small(t testing.TB) (p program, archive string, token string) {
	t.Helper()
	p = alone(t.TempDir())
	g := p.serve(t)
	token = g.SignIn(t, gatewaytest.Admin, testkit.Password)
	g.upload(t, token, pdf("Kept", 1, 2000))
	g.put(t, map[string]string{"reports/1": "the first", "reports/2": strings.Repeat("the second ", 1000)})
	require.Equal(t, 0, g.stop(t))
	archive = filepath.Join(t.TempDir(), "backup.tar")
	p.succeeds(t, "backup", archive)
	return p, archive, token
}

// An archive that is not as it was written, or not for this program, is refused in one line, and nothing has changed.
func TestArchivesThatAreRefused(t *testing.T) {
	t.Parallel()
	_, path, token := small(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	entries := unpack(t, whole)
	list := map[string][]byte{
		"empty":                    nil,
		"no tar file":              []byte(strings.Repeat("something else ", 100)),
		"cut in the middle":        whole[:len(whole)/2],
		"cut before the manifest":  whole[:bytes.Index(whole, []byte(`"format"`))-512],
		"cut in the last entry":    whole[:bytes.LastIndex(whole, []byte("  manifest.json\n"))],
		"without its last entries": pack(t, entries[:len(entries)-2]),
		"of a later format":        forged(t, entries, func(m map[string]any) { m["format"] = 2 }),
		"of a newer schema": forged(t, entries, func(m map[string]any) {
			own := m["schemas"].([]any)[0].(map[string]any)
			own["revisions"] = append(own["revisions"].([]any), "0123456789ab")
		}),
		"of a newer schema of a service": forged(t, entries, func(m map[string]any) {
			of := m["schemas"].([]any)[1].(map[string]any)
			of["revisions"] = append(of["revisions"].([]any), "0123456789ab")
		}),
		"of PostgreSQL": forged(t, entries, func(m map[string]any) { m["database"] = "postgres" }),
		"that leads out": forged(t, entries, func(m map[string]any) {
			m["files"] = append(m["files"].([]any), map[string]any{"path": "data/../../out", "size": 0, "sha256": ""})
		}),
	}
	for i, e := range entries {
		if len(e.content) == 0 {
			continue
		}
		changed := slices.Clone(entries)
		changed[i].content = bytes.Clone(e.content)
		changed[i].content[len(e.content)/2] ^= 1
		list["with a bit of "+e.name+" changed"] = pack(t, changed)
		list["without "+e.name] = pack(t, slices.Delete(slices.Clone(entries), i, i+1))
	}
	for name, archive := range list {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := alone(t.TempDir())
			bad := filepath.Join(t.TempDir(), "bad.tar")
			require.NoError(t, os.WriteFile(bad, archive, 0o600))
			require.Contains(t, to.fails(t, "restore", bad), bad+": is not an archive that can be restored: ")
			left, err := os.ReadDir(to.dir)
			require.NoError(t, err)
			for _, made := range left { // the empty directory may be there
				inside, err := os.ReadDir(filepath.Join(to.dir, made.Name()))
				require.NoError(t, err)
				require.Empty(t, inside)
			}
			to.succeeds(t, "restore", path)
			require.Equal(t, http.StatusOK, to.serve(t).get(t, token, "/api/users/me").Status)
		})
	}
}

// A restore replaces nothing, and a backup neither.
func TestBackupAndRestoreReplaceNothing(t *testing.T) {
	t.Parallel()
	p, archive, _ := small(t)
	before, err := os.ReadFile(archive)
	require.NoError(t, err)
	require.Contains(t, p.fails(t, "backup", archive), archive+": is there already; a backup replaces nothing")
	after, err := os.ReadFile(archive)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Contains(t, p.fails(t, "backup", filepath.Join(p.dir, "nowhere", "backup.tar")), "nowhere: there is no such folder; make it")

	files := tree(t, p.dir)
	require.Contains(t, p.fails(t, "restore", archive), "data holds something, such as ")
	g := p.serve(t)
	require.Contains(t, p.fails(t, "restore", archive), "data holds something, such as ")
	require.Equal(t, 0, g.stop(t))
	require.Equal(t, files["data/secret.key"], tree(t, p.dir)["data/secret.key"])

	elsewhere := alone(t.TempDir())
	there := filepath.Join(elsewhere.dir, "there.db")
	require.NoError(t, os.WriteFile(there, []byte("mine"), 0o600))
	elsewhere.env["DATABASE_URL"] = "sqlite:" + there
	require.Contains(t, elsewhere.fails(t, "restore", archive), "there is a database "+there)
	elsewhere.env["DATABASE_URL"] = "postgres://nobody@127.0.0.1:1/none"
	require.Contains(t, elsewhere.fails(t, "restore", archive), "it holds a SQLite database, and database.url (DATABASE_URL) names PostgreSQL")
	require.Equal(t, map[string]string{"there.db": "mine"}, tree(t, elsewhere.dir))

	nothing := alone(t.TempDir())
	require.Contains(t, nothing.fails(t, "backup", filepath.Join(t.TempDir(), "b.tar")), "no gateway has run here")
	require.Contains(t, nothing.fails(t, "restore", "none.tar"), "none.tar: no such file or directory")
	nothing.untouched(t)
}

// tree are all files below a directory with their contents.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(content)
		return err
	}))
	return files
}

// A file that is lost is named, and the rest is kept all the same; a damaged database is not taken for a sound one.
func TestBackupOfWhatIsDamaged(t *testing.T) {
	t.Parallel()
	p, _, token := small(t)
	require.NoError(t, os.Remove(filepath.Join(p.dir, "data/objects/reports/1")))
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "data/objects/reports/2"), []byte("another one"), 0o600))
	archive := filepath.Join(t.TempDir(), "lossy.tar")
	lossy := p.run(t, "backup", archive)
	require.Equal(t, 2, lossy.wait(t))
	lost := []string{
		"portico: done, but 2 files are lost:",
		"portico: data/objects/reports/1 is not there", "portico: data/objects/reports/2 is not as it was stored",
	}
	require.ElementsMatch(t, lost, messages(lossy))

	to := alone(t.TempDir())
	back := to.run(t, "restore", archive)
	require.Equal(t, 2, back.wait(t))
	require.ElementsMatch(t, []string{lost[0], "portico: data/objects/reports/1 is not in the archive", lost[2]}, messages(back))
	g := to.serve(t)
	require.Len(t, decode[[]document](t, g.get(t, token, "/api/documents").Body), 1)
	require.Equal(t, 0, g.stop(t))

	file := filepath.Join(p.dir, "data/portico.db")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	at := bytes.Index(content, []byte(gatewaytest.Admin)) &^ 4095
	copy(content[at:], bytes.Repeat([]byte{0xff}, 100))
	require.NoError(t, os.WriteFile(file, content, 0o600))
	damaged := filepath.Join(t.TempDir(), "damaged.tar")
	require.Contains(t, p.fails(t, "backup", damaged), "portico: the database is damaged: ")
	left, err := os.ReadDir(filepath.Dir(damaged))
	require.NoError(t, err)
	require.Empty(t, left)
}
