package guides_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/migrations/alembictest"
	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const head = "e1f2a3b4c5d6"

// The guide is followed by the letter with the real program, from the backup to the way back and a second takeover.
func TestReplaceFastAPI(t *testing.T) {
	tools(t, "curl", "bash", "psql", "pg_dump", "pg_restore")
	guide := read(t, "replace-fastapi.md")
	for _, link := range alembictest.Chain(t) {
		require.Contains(t, guide, "| `"+link.Revision+"` | ")
	}
	d, before := alembictest.At(t, head), testkit.Prepared(nil).Postgres(t)
	for _, entry := range os.Environ() { // the settings of the tests are none of Portico's
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "PORTICO_") {
			t.Setenv(name, "") // so that it comes back
			require.NoError(t, os.Unsetenv(name))
		}
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "portico"), "portico.internal/cmd/portico")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "portico.yaml"), []byte(blocks(guide, "yaml")[0]), 0o600))
	for name, value := range map[string]string{
		"PORTICO_CONFIG": "portico.yaml", "PATH": dir + ":" + os.Getenv("PATH"), "DATABASE_URL": strings.Replace(d.URL, "postgres://", "postgresql+asyncpg://", 1),
		"JWT_PRIVATE_KEY": gatewaytest.PrivateKey, "JWT_PUBLIC_KEY": gatewaytest.PublicKey, "EXPIRE_MINUTES": "480",
		"PORTICO_LISTEN": "127.0.0.1:0", "PORTICO_INTERNAL_LISTEN": "127.0.0.1:0", "SECRET_OF_THE_BACKEND": "unknown, and left alone",
	} {
		t.Setenv(name, value)
	}
	shell := startShell(t, dir, patience)
	ada := alembictest.People(t)[0]
	here := []string{
		"postgresql://backend:secret@db.internal/workspace", "'" + d.URL + "'", "postgresql://backend:secret@db.internal/before", "'" + before.URL + "'",
		"$ psql \"$DB\" -qc 'CREATE DATABASE before'\n", "", // the test has made it, and takes it away
		"THE PASSWORD", ada.Password, "THE TOKEN", alembictest.Token(t, ada.ID, time.Now().Add(-time.Hour), 8*time.Hour),
	}
	part := sections(guide)
	shell.follow(strings.NewReplacer(here...), blocks(part["Before"], "console"))

	require.Equal(t, []string{"portico serve\n"}, blocks(part["The switch"], "sh"))
	gateway, url := startPortico(t, dir)
	at := strings.NewReplacer(append(here, "http://127.0.0.1:8000", url)...)
	for _, name := range []string{"The check", "Addresses in several spellings"} {
		shell.follow(at, blocks(part[name], "console"))
	}
	require.NoError(t, gateway.Process.Signal(syscall.SIGTERM))
	require.NoError(t, gateway.Wait())
	alembictest.Return(t, d, head)
	shell.follow(at, blocks(part["The way back"], "console"))
}

// startPortico does as the guide says.
func startPortico(t *testing.T, dir string) (cmd *exec.Cmd, url string) {
	t.Helper()
	cmd = exec.Command(filepath.Join(dir, "portico"), "serve")
	output, problems := &testkit.Output{}, &testkit.Output{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, problems
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(problems)
		}
	})
	line := regexp.MustCompile(`listens on (http://\S+) and`)
	require.Eventually(t, func() bool { return line.MatchString(output.String()) }, patience, 5*time.Millisecond, "it does not listen")
	return cmd, line.FindStringSubmatch(output.String())[1]
}
