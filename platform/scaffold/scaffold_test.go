package scaffold

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sources makes a folder with what a module is written into.
func sources(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module portico.internal\n"), 0o600))
	for _, file := range []string{modulesFile, chainFile, edgesFile, deedsFile} {
		text, err := os.ReadFile(filepath.Join("../..", file))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, file), text, 0o600))
	}
	return root
}

// snapshot is every file below the folder with its text, and every folder.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all[path] = "a folder"
		} else if err == nil {
			text, err := os.ReadFile(path)
			all[path] = string(text)
			return err
		}
		return err
	}))
	return all
}

// Names of every length and place in the alphabet leave files that gofmt would not change, with each line in its place.
func TestWhatIsWrittenIsInForm(t *testing.T) {
	root := sources(t)
	for _, name := range []string{"zz", "aa", "abcdefghijklmnop", "m2", "notes"} {
		written, err := Module{Name: name}.InTree(root)
		require.NoError(t, err)
		for _, file := range written {
			text, err := os.ReadFile(filepath.Join(root, file))
			require.NoError(t, err)
			if strings.HasSuffix(file, ".go") {
				formed, err := format.Source(text)
				require.NoError(t, err, file)
				require.Equal(t, string(formed), string(text), file)
			}
			if name != word && filepath.Dir(file) == "modules/"+name {
				require.NotContains(t, string(text), word, file)
				require.NotContains(t, string(text), "scaffold", file)
				require.NotContains(t, string(text), revision, file)
			}
		}
	}
	list, err := os.ReadFile(filepath.Join(root, modulesFile))
	require.NoError(t, err)
	for _, between := range []string{"\t\taa.Module,\n\t\tabcdefghijklmnop.Module,\n", "\t\tusers.Module,\n\t\tzz.Module,\n\t}", "groups.Module,\n\t\tm2.Module,\n\t\tnotes.Module,\n"} {
		require.Contains(t, string(list), between)
	}
}

// The revision is a new one each time.
func TestRevisionsDiffer(t *testing.T) {
	root := sources(t)
	for _, name := range []string{"one", "two"} {
		_, err := Module{Name: name}.InTree(root)
		require.NoError(t, err)
	}
	chain, err := os.ReadFile(filepath.Join(root, chainFile))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(chain)), "\n")
	one, two := strings.Fields(lines[len(lines)-2]), strings.Fields(lines[len(lines)-1])
	require.Equal(t, []string{"one", "two"}, []string{one[1], two[1]})
	require.NotEqual(t, one[0], two[0])
}

func TestRefusedNamesChangeNothing(t *testing.T) {
	root := sources(t)
	before := snapshot(t, root)
	for name, why := range map[string]string{
		"": "one word", "a": "one word", "Notes": "one word", "my-notes": "one word", "my_notes": "one word", "2b": "one word", "../x": "one word",
		"abcdefghijklmnopq": "one word", "nötes": "one word", "notes ": "one word", "notes\n": "one word",
		"func": "to Go", "main": "to Go", "init": "to Go", "internal": "to Go", "vendor": "to Go", "testdata": "to Go",
		"module": "modules/modules.go", "users": "modules/modules.go", "string": "string_test.go", "require": "require_test.go", "call": "call_test.go", "json": "json_test.go",
		"crm": "taken by the CRM",
	} {
		_, err := Module{Name: name, Taken: map[string]string{"crm": "the CRM"}}.InTree(root)
		require.ErrorContains(t, err, why, name)
		require.NotContains(t, strings.TrimSpace(err.Error()), "\n", "one line")
	}
	require.NoError(t, os.Mkdir(filepath.Join(root, "modules", "drafts"), 0o755))
	before[filepath.Join(root, "modules", "drafts")] = "a folder"
	_, err := Module{Name: "drafts"}.InTree(root)
	require.ErrorContains(t, err, "taken by the folder modules/drafts")
	require.Equal(t, before, snapshot(t, root))

	for _, name := range []string{"app", "docservice", "feature", "os", "modules"} { // a main.go has them
		_, err := Module{Name: name}.Outside(filepath.Join(root, "out"), "example.com/x", Source{Version: "v1.0.0"})
		require.ErrorContains(t, err, "main.go", name)
	}
	require.Equal(t, before, snapshot(t, root))
}

// Where one of the files cannot be written, none is.
func TestAllOrNothing(t *testing.T) {
	root := sources(t)
	require.NoError(t, os.WriteFile(filepath.Join(root, "file"), []byte("x"), 0o600))
	before := snapshot(t, root)
	text := before[filepath.Join(root, chainFile)]
	for name, last := range map[string]change{
		"a folder that is a file":    {path: "file/below", text: "y"},
		"a file that is there":       {path: "file", text: "y"},
		"a file that is a directory": {path: "modules", text: "y", before: "z"},
	} {
		_, err := write(root, []change{{path: "new/deep/file", text: "y"}, {path: chainFile, text: "changed", before: text}, last})
		require.Error(t, err, name)
		require.Equal(t, before, snapshot(t, root), name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, edgesFile), []byte("package modules_test\n"), 0o600)) // laid out anew
	before = snapshot(t, root)
	_, err := Module{Name: "notes"}.InTree(root)
	require.ErrorContains(t, err, edgesFile)
	require.Equal(t, before, snapshot(t, root))
}
