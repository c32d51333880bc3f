package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// objects calls the object interface as a feature service does. The path goes on after that of the list.
func (g *gateway) objects(method, path string, body io.Reader, header http.Header) (status int, content string, err error) {
	token, err := os.ReadFile(filepath.Join(g.DataDir, "service.token"))
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequest(method, g.Internal+"/internal/storage/objects"+path, body)
	if err != nil {
		return 0, "", err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// put stores objects that a command is to find.
func (g *gateway) put(t testing.TB, objects map[string]string) {
	t.Helper()
	for key, content := range objects {
		status, reply, err := g.objects(http.MethodPut, "/"+key, strings.NewReader(content), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, status, reply)
	}
}

// holds fails the test unless the objects are there as they were stored.
func (g *gateway) holds(t testing.TB, objects map[string]string) {
	t.Helper()
	for key, content := range objects {
		status, got, err := g.objects(http.MethodGet, "/"+key, nil, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, key)
		require.Equal(t, content, got, key)
	}
}

// targetFile is a place as the command reads it.
func targetFile(t testing.TB, backend string, config map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"backend": backend, "config": config})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "target.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

func TestStorageCommandsWithoutAGateway(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		bucket := testkit.NewS3(t)
		p := in(t, on(d))
		objects := map[string]string{}
		for i := range 30 {
			objects[fmt.Sprintf("folder/%d.txt", i)] = fmt.Sprintf("the content of %d", i)
		}
		g := p.serve(t)
		g.put(t, objects)
		require.Equal(t, 0, g.stop(t))

		require.Contains(t, p.succeeds(t, "storage", "status"), "there has never been a migration")
		require.Contains(t, p.succeeds(t, "storage", "status", "--json"), `"state":"idle"`)
		require.Contains(t, p.fails(t, "storage", "cancel"), "No migration is running")
		require.Contains(t, p.succeeds(t, "storage", "verify"), "30 files, 500 B: all as they were stored")

		secret := p
		secret.env = p.env.with(env{"BUCKET_SECRET": bucket.SecretAccessKey})
		moved := secret.run(t, "storage", "migrate", "--backend", "s3", "--bucket", bucket.Bucket, "--region", bucket.Region,
			"--endpoint", bucket.Endpoint, "--access-key-id", bucket.AccessKeyID, "--secret-env", "BUCKET_SECRET")
		require.Equal(t, 0, moved.wait(t), "%s", moved.err)
		require.Regexp(t, `(?m)^completed +100 %  30/30 objects`, moved.out.String())
		require.NotContains(t, moved.out.String()+moved.err.String(), bucket.SecretAccessKey)
		require.FileExists(t, filepath.Join(bucket.Dir, "folder/7.txt"))
		require.NoDirExists(t, filepath.Join(p.dir, "data/objects/folder"))
		require.Contains(t, p.succeeds(t, "storage", "status"), "completed")
		require.Contains(t, p.fails(t, "storage", "migrate", "--target", targetFile(t, "s3", bucket.Config(""))), "The files are there already")

		require.NoError(t, os.WriteFile(filepath.Join(bucket.Dir, "folder/7.txt"), []byte("the content of 8"), 0o600))
		require.NoError(t, os.Remove(filepath.Join(bucket.Dir, "folder/9.txt")))
		wrong := p.run(t, "storage", "verify")
		require.Equal(t, 1, wrong.wait(t))
		require.Contains(t, wrong.out.String(), "folder/7.txt: The content is not the one that was stored\n")
		require.Contains(t, wrong.out.String(), "folder/9.txt: The blob is not there\n")
		require.Contains(t, wrong.err.String(), "portico: 2 of 30 files are not as they were stored")

		failed := p.run(t, "storage", "migrate", "--backend", "local", "--root", filepath.Join(p.dir, "back"))
		require.Equal(t, 1, failed.wait(t))
		require.Contains(t, failed.out.String(), "read: folder/7.txt: The content is not the one that was stored\n")
		require.Contains(t, failed.err.String(), "portico: the migration has failed")

		g = p.serve(t)
		delete(objects, "folder/7.txt")
		delete(objects, "folder/9.txt")
		g.holds(t, objects)
	})
}

func TestStorageCommandsBesideAGateway(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		p := in(t, on(d))
		g := p.serve(t)
		objects := map[string]string{"a": "1", "b/c": "2"}
		g.put(t, objects)
		moved := p.run(t, "storage", "migrate", "--backend", "local", "--root", "other")
		require.Equal(t, 0, moved.wait(t), "%s", moved.err)
		require.Contains(t, g.err.String(), `"state":"cleaning"`, "the gateway has done it")
		require.NotContains(t, moved.err.String(), `"state":"cleaning"`)
		g.holds(t, objects)

	})
}

func TestStorageCommandsCancelledAndInterrupted(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		p := in(t, on(d))
		g := p.serve(t)
		objects := map[string]string{"a": "1", "b/c": "2"}
		g.put(t, objects)
		require.Equal(t, 0, g.stop(t))
		begin := func() *process {
			r := p.start(t, "storage", "migrate", "--backend", "local", "--root", "other")
			require.Eventually(t, func() bool { return strings.Contains(r.out.String(), "copying") }, patience, 5*time.Millisecond)
			return r
		}

		moving := begin()
		require.Contains(t, p.fails(t, "storage", "migrate", "--backend", "local", "--root", "another"), "A migration is running already")
		cancelled := p.run(t, "storage", "cancel")
		require.Equal(t, 0, cancelled.wait(t), "%s", cancelled.err)
		require.Equal(t, 2, moving.wait(t), "%s", moving.err)
		require.Contains(t, moving.err.String(), "portico: the migration was cancelled")

		moving = begin()
		moving.signal(syscall.SIGINT)
		require.Equal(t, 1, moving.wait(t))
		require.Contains(t, moving.err.String(), "portico: no longer watched")
		require.Contains(t, p.succeeds(t, "storage", "status"), "copying")
		g = p.serve(t)
		require.Eventually(t, func() bool { return strings.Contains(p.succeeds(t, "storage", "status"), "completed") }, patience, 100*time.Millisecond)
		g.holds(t, objects)
		require.FileExists(t, filepath.Join(p.dir, "data/other/b/c"))
	})
}

// What is wrong with a target is told before anything is touched.
func TestStorageTargetsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	p := in(t, ports)
	for _, bad := range []struct {
		args []string
		want string
	}{
		{nil, "at least one of the flags in the group [target backend] is required"},
		{[]string{"--backend", "s3", "--target", "x"}, "[backend target] were all set"},
		{[]string{"--target", "none.json"}, "--target: open none.json: no such file or directory"},
		{[]string{"--target", targetFile(t, "local", map[string]any{"rooot": "x"})}, "--target: /config/rooot is unknown or not of the right type"},
		{[]string{"--backend", "s3", "--secret-env", "NOT_THERE"}, "--secret-env: NOT_THERE is not set"},
		{[]string{"--backend", "s3", "--secret-env", "A", "--secret-stdin"}, "[secret-env secret-stdin] were all set"},
	} {
		require.Contains(t, p.fails(t, append([]string{"storage", "migrate"}, bad.args...)...), bad.want)
	}
	p.untouched(t)

	missing := p.run(t, "storage", "migrate", "--backend", "s3", "--region", "x y")
	require.Equal(t, 1, missing.wait(t))
	require.Equal(t, []string{
		"portico: config.bucket: Field required",
		"portico: config.region: Value error, A region's name has letters, digits and hyphens, such as eu-central-1",
		"portico: config.access_key_id: Field required", "portico: config.secret_access_key: Field required",
	}, messages(missing))
}

func TestStorageHelp(t *testing.T) {
	t.Parallel()
	p := in(t, nil)
	for command, wants := range map[string][]string{
		"":         {"migrate", "status", "cancel", "verify"},
		" migrate": {"--target", "--backend", "--secret-env", "--secret-stdin", "Exit code: 0 completed, 1 failed, 2 cancelled"},
		" status":  {"--json"},
		" cancel":  nil,
		" verify":  {"Exit code"},
	} {
		help := p.succeeds(t, append(strings.Fields("storage"+command), "--help")...)
		require.Contains(t, help, "portico storage"+command)
		for _, want := range wants {
			require.Contains(t, help, want, command)
		}
	}
	require.Contains(t, p.succeeds(t, "--help"), "storage ")
	p.untouched(t)
}
