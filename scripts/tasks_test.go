// Package scripts_test keeps the tasks and what is said of them true.
package scripts_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

type task struct {
	Desc     string
	Cmds     []any
	Requires struct{ Vars []string }
}

func tasks(t *testing.T) map[string]task {
	t.Helper()
	text, err := os.ReadFile("../Taskfile.yml")
	require.NoError(t, err)
	var file struct{ Tasks map[string]task }
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.NotEmpty(t, file.Tasks)
	return file.Tasks
}

// commands are the shell's, with every variable set to x.
func (k task) commands(t *testing.T, known map[string]task) (list []string) {
	t.Helper()
	for _, c := range k.Cmds {
		switch c := c.(type) {
		case string:
			list = append(list, regexp.MustCompile(`\{\{[^}]*\}\}`).ReplaceAllString(c, "x"))
		case map[string]any:
			require.Contains(t, known, c["task"])
		}
	}
	return list
}

// What a task runs is there: scripts, packages, tools, tests of the name and their flags.
func TestTasksCanRun(t *testing.T) {
	known := tasks(t)
	for name, k := range known {
		require.NotEmpty(t, k.Desc, name)
		require.NotEmpty(t, k.Cmds, name)
		for _, line := range k.commands(t, known) {
			parse := exec.Command("bash", "-n", "-c", line)
			out, err := parse.CombinedOutput()
			require.NoError(t, err, "%s: %s\n%s", name, line, out)
			words := strings.Fields(line)
			for _, word := range words {
				requireThere(t, name, word)
			}
			if words[0] == "go" && words[1] == "test" {
				requireTests(t, name, words)
			}
		}
	}
}

// requireThere fails where a word is a path, or names a tool, that is not there.
func requireThere(t *testing.T, task, word string) {
	t.Helper()
	word = strings.TrimSuffix(strings.TrimPrefix(word, "-modfile="), "/...")
	switch {
	case strings.HasPrefix(word, "github.com/"):
		text, err := os.ReadFile("../tools/go.mod")
		require.NoError(t, err)
		require.Contains(t, string(text), "\t"+word+"\n", task)
	case strings.HasPrefix(word, "bin/"), !strings.Contains(word, "/"), strings.HasPrefix(word, "../bin/"):
	default:
		info, err := os.Stat(filepath.Join("..", word))
		require.NoError(t, err, "%s runs %s", task, word)
		if !info.IsDir() && !strings.Contains(word, ".") {
			require.NotZero(t, info.Mode()&0o111, "%s runs %s", task, word)
		}
	}
}

// requireTests fails where a task names tests or flags that its packages do not have.
func requireTests(t *testing.T, task string, words []string) {
	t.Helper()
	var source strings.Builder
	for _, word := range words {
		if strings.HasPrefix(word, "./") && !strings.HasSuffix(word, "...") {
			files, err := filepath.Glob(filepath.Join("..", word, "*_test.go"))
			require.NoError(t, err)
			for _, file := range append(files, "../modules/gatewaytest/race.go") {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				source.Write(text)
			}
		}
	}
	for i, word := range words {
		flag, ok := strings.CutPrefix(word, "-")
		switch {
		case !ok, flag == "race", flag == "v", flag == "short", flag == "timeout":
		case strings.HasPrefix(flag, "count="):
		case flag == "run":
			for part := range strings.SplitSeq(strings.Trim(words[i+1], "'"), "|") {
				require.Regexp(t, `(?m)^func Test\w*`+strings.TrimPrefix(part, "Test"), source.String(), "%s runs %s", task, part)
			}
		default:
			require.Contains(t, source.String(), `("`+flag+`",`, "%s sets %s", task, word)
		}
	}
}

var mention = regexp.MustCompile("`(?:go tool -modfile=tools/go\\.mod )?task ([a-z:]+)[ `]")

// A task that a page speaks of is one.
func TestPagesNameTasksThatAre(t *testing.T) {
	known, mentions := tasks(t), 0
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == "data" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".md") && !strings.HasSuffix(path, ".yml") && !strings.HasSuffix(path, ".toml") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range mention.FindAllStringSubmatch(string(text), -1) {
			mentions++
			require.Contains(t, known, found[1], path)
		}
		return err
	}))
	require.Greater(t, mentions, 3, "the pages have hardly been read")
}

// The table of CONTRIBUTING.md is of all tasks.
func TestContributingTellsOfEveryTask(t *testing.T) {
	text, err := os.ReadFile("../CONTRIBUTING.md")
	require.NoError(t, err)
	for name := range tasks(t) {
		if name != "default" {
			require.Contains(t, string(text), "`task "+name, "CONTRIBUTING.md")
		}
	}
}

const requiredVariable = "PORTICO_TEST_TASK"

// The program itself takes the file. It takes long to compile, so this runs where PORTICO_TEST_TASK is "required".
func TestTaskTakesTheFile(t *testing.T) {
	if os.Getenv(requiredVariable) != "required" {
		t.Skip("SKIPPED: " + requiredVariable + " is not required; task is not compiled for this")
	}
	run := func(args ...string) string {
		c := exec.Command("go", append([]string{"tool", "-modfile=tools/go.mod", "task"}, args...)...)
		c.Dir = ".."
		out, err := c.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	list := run("--list-all")
	for name, k := range tasks(t) {
		require.Contains(t, list, "* "+name+":")
		args := []string{"--dry", name}
		for _, variable := range k.Requires.Vars {
			args = append(args, variable+"=x")
		}
		run(args...)
	}
}

// What is no version makes no release.
func TestReleaseWantsAVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "release")
	for _, version := range []string{"", "x", "1.2", "1.2.3 ", "1.2.3;true", "latest"} {
		out, err := exec.Command("./release.sh", version, dir).CombinedOutput()
		require.Error(t, err, version)
		require.Contains(t, string(out), "version")
	}
	require.NoDirExists(t, dir)
}

// The tests that the table of promises names are there.
func TestPromisesNameTestsThatAre(t *testing.T) {
	text, err := os.ReadFile("../docs/reliability.md")
	require.NoError(t, err)
	named := regexp.MustCompile("`([a-z/]+)\\.(Test\\w+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(named), 50)
	for _, n := range named {
		requireTests(t, "docs/reliability.md", []string{"./" + n[1], "-run", n[2] + `\(`})
	}
}
