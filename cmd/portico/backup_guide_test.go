package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// The guide is followed by the letter, beside a gateway that runs.
func TestBackupGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/guides/backup.md")
	require.NoError(t, err)
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		p := in(t, on(d).with(env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password}))
		if d.Name == "sqlite" {
			delete(p.env, "DATABASE_URL") // as the guide has it, the database is in the data directory
		}
		environ := p.env
		if d.Name == "postgres" {
			for _, name := range []string{"pg_dump", "pg_restore", "createdb"} {
				clientProgram(t, name)
			}
			restored := testkit.DatabaseURL(t, d.URL, "portico_new")
			t.Cleanup(func() {
				shell(t, p.dir, env{"SERVER": d.URL}, `dropdb --if-exists --force --maintenance-db="$SERVER" portico_new`)
			})
			environ = environ.with(env{"SERVER": d.URL, "NEW": restored})
		}
		g := p.serve(t)
		token := g.SignIn(t, gatewaytest.Admin, testkit.Password)
		content := pdf("Kept", 1, 2000)
		kept := g.upload(t, token, content)
		environ = environ.with(env{"PATH": filepath.Dir(binary) + ":" + os.Getenv("PATH")})
		blocks := regexp.MustCompile("(?ms)^```console "+d.Name+"\n(.*?)^```$").FindAllStringSubmatch(string(guide), -1)
		require.Len(t, blocks, 2)
		for _, block := range blocks {
			for _, command := range regexp.MustCompile(`(?m)^\$ `).Split(block[1], -1)[1:] {
				text, output, _ := strings.Cut(command, "\n")
				want := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(output)), `\.\.\.`, `.*`)
				require.Regexp(t, `^(?s:`+want+`)$`, shell(t, p.dir, environ, text), text)
			}
		}
		require.Equal(t, 0, g.stop(t))
		again := program{dir: p.dir, env: p.env.with(env{"PORTICO_DATA_DIR": "new"})}
		if d.Name == "postgres" {
			again.env["DATABASE_URL"] = environ["NEW"]
		}
		restored := again.serve(t)
		restored.content(t, token, kept.ID, content)
		require.Equal(t, 0, restored.stop(t))
	})
}

// shell runs a command of a guide and returns what it prints.
func shell(t testing.TB, dir string, environ env, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range environ {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", command, out)
	return strings.TrimSpace(string(out))
}

// On PostgreSQL the operator is told how to have the database, and no password is shown to anybody.
func TestBackupTellsOfTheDatabase(t *testing.T) {
	t.Parallel()
	d := testkit.Prepared(nil).Postgres(t)
	p := in(t, on(d))
	require.Equal(t, 0, p.serve(t).stop(t))
	known := secrets{}
	p.env["DATABASE_URL"], known["database password"] = withPassword(t, d.URL)
	archive := filepath.Join(t.TempDir(), "backup.tar")
	out := p.succeeds(t, "backup", archive)
	require.Regexp(t, `(?m)^The database is not in it; before each backup run pg_dump --format=custom --file=portico.dump --dbname='postgres://.*', or have both of one moment with --pg-dump FILE\.$`, out)
	clientProgram(t, "pg_dump")
	dumped := p.run(t, "backup", archive+"2", "--pg-dump", archive+".dump")
	require.Equal(t, 0, dumped.wait(t), dumped.err)
	info, err := os.Stat(archive + ".dump")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	for what, secret := range known {
		require.NotContains(t, out+dumped.out.String()+dumped.err.String(), secret, what)
	}
	require.Contains(t, p.fails(t, "backup", archive+"3", "--pg-dump", archive+".dump"), archive+".dump: is there already")
	require.NoFileExists(t, archive+"3")

	p.env["PATH"] = t.TempDir()
	require.Contains(t, p.fails(t, "backup", archive+"4", "--pg-dump", archive+"4.dump"), "pg_dump is not on this machine")
	require.NoFileExists(t, archive+"4")
	require.NoFileExists(t, archive+"4.dump")

	to := p.elsewhere(t, nowhere(t, "postgres"))
	require.Contains(t, to.fails(t, "restore", archive), "the database is empty; bring it back first, with pg_restore")
	require.Empty(t, tree(t, to.dir))

	lite := alone(t.TempDir())
	require.Contains(t, lite.fails(t, "backup", archive+"5", "--pg-dump", archive+"5.dump"), "--pg-dump: the database is not on PostgreSQL; it is in the archive")
	require.Contains(t, lite.fails(t, "restore", archive), "it is of an installation on PostgreSQL")
}
