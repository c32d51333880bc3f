package guides_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// compiling is how long the commands of the guide may take on a busy machine.
const compiling = 9 * time.Minute

// The guide is followed by the letter in a copy of the sources, and without a network: what it tells to run passes, in the
// tree and outside of it, and nothing but what it speaks of has changed.
func TestModule(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it compiles a copy of the sources")
	}
	testkit.Programs(t, "PORTICO_TEST_PYTHON", "bash", "git") // as for the other guides
	guide := read(t, "module.md")
	dir := t.TempDir()
	tree := filepath.Join(dir, "portico")
	copyTree(t, tree)
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOFLAGS", "")
	shell := startShell(t, tree, compiling)
	shell.follow(strings.NewReplacer("bookmarks", "walkthrough"), blocks(guide, "console")) // these sources may have the guide's own by now

	text := func(path string) string { return read(t, filepath.Join(tree, path)) }
	lines := func(before, after string) (added []string) {
		for line := range strings.Lines(after) {
			if !strings.Contains(before, line) {
				added = append(added, strings.TrimSpace(line))
			}
		}
		return added
	}
	require.Equal(t, []string{`"portico.internal/modules/walkthrough"`, `walkthrough.Module,`}, lines(read(t, "../../modules/modules.go"), text("modules/modules.go")))
	chain := lines(read(t, "../../migrations/chain.txt"), text("migrations/chain.txt"))
	require.Len(t, chain, 1)
	require.Regexp(t, `^[0-9a-f]{12} walkthrough create_walkthrough_items$`, chain[0])
	require.Contains(t, text("modules/walkthrough/migrations.go"), strings.Fields(chain[0])[0])
	require.Contains(t, text("modules/routes.golden"), "/api/walkthrough")
	require.Contains(t, text("migrations/schema.golden.postgres.sql"), "CREATE TABLE walkthrough_items")
	require.ElementsMatch(t, []string{
		"modules/modules.go", "migrations/chain.txt",
		"modules/access.golden", "modules/routes.golden", "migrations/schema.golden.postgres.sql", "migrations/schema.golden.sqlite.sql",
	}, changed(t, tree))

	// A gateway of one's own differs from ours by an import and an entry of the list.
	ours, theirs := read(t, "../../cmd/portico/main.go"), read(t, filepath.Join(dir, "readings", "main.go"))
	require.Equal(t, []string{`"example.com/team/readings/readings"`, `Modules:  append(modules.All(), readings.Module),`}, lines(ours, theirs))
	require.Equal(t, []string{`Modules:  modules.All(),`}, lines(theirs, ours))

	require.Equal(t, "/data/\n", read(t, filepath.Join(dir, "readings", ".gitignore")))

	// A value that the operator sets touches no other folder, either.
	own := filepath.Join(tree, "modules/walkthrough/walkthrough.go")
	with := strings.Replace(read(t, own), "module.Routes(", "module.Config[Config](\"walkthrough\"),\n\tmodule.Routes(", 1) + `
// Config says how many items a user may have.
type Config struct {
	Most int ` + "`yaml:\"most\" env:\"PORTICO_WALKTHROUGH_MOST\" default:\"100\" validate:\"min=1,max=10000\" doc:\"The most items of a user.\"`" + `
}
`
	require.NoError(t, os.WriteFile(own, []byte(with), 0o600))
	shell.follow(strings.NewReplacer(), []string{"$ cd " + tree + " && go test ./configs -run Example -update && go test ./configs\nok ...\n"})
	require.Contains(t, text("configs/portico.example.yaml"), "# PORTICO_WALKTHROUGH_MOST; a whole number from 1 to 10000.\n  #most: 100\n")

	form := exec.Command("gofmt", "-l", dir)
	out, err := form.CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(out), "gofmt would change what was written")
}

// What the guide shows of the code is in the code.
func TestModuleShowsTheCode(t *testing.T) {
	var code strings.Builder
	require.NoError(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") && filepath.Base(filepath.Dir(path)) != "guides" {
			code.WriteString(read(t, path))
		}
		return err
	}))
	shown := blocks(read(t, "module.md"), "go")
	require.Greater(t, len(shown), 8)
	for _, block := range shown {
		require.Contains(t, code.String(), strings.TrimSpace(block))
	}
	for _, link := range regexp.MustCompile("`((?:modules|migrations|scripts|cmd|platform)/[^`]+)`|\\]\\(([^)\"]+)\\)").FindAllStringSubmatch(read(t, "module.md"), -1) {
		path := "../../" + link[1]
		if link[2] != "" {
			path = link[2]
		}
		_, err := os.Stat(path)
		require.NoError(t, err, "the guide names it")
	}
}

// changed are the files of the copied sources that are not as they were.
func changed(t *testing.T, tree string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel("../..", path)
		if err != nil {
			return err
		}
		copied, err := os.ReadFile(filepath.Join(tree, rel))
		if os.IsNotExist(err) {
			return nil // not among those that git would have
		}
		if err == nil && read(t, path) != string(copied) {
			paths = append(paths, filepath.ToSlash(rel))
		}
		return err
	}))
	return paths
}

// copyTree copies the sources as git would have them committed.
func copyTree(t *testing.T, to string) {
	t.Helper()
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	list.Dir = "../.."
	out, err := list.Output()
	require.NoError(t, err)
	for _, path := range strings.Fields(string(out)) {
		content, err := os.ReadFile(filepath.Join("../..", path))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		require.NoError(t, err)
		file := filepath.Join(to, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, content, 0o644))
	}
}
