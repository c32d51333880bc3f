package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a module is written into, and that nothing else is, is tested in docs/guides; this is how the command is used.
func TestModuleNew(t *testing.T) {
	t.Parallel()
	p := in(t, nil)
	for args, why := range map[[4]string]string{
		{"walkthrough"}:                                                             "--out",
		{"walkthrough", "--path=example.com/x"}:                                     "give --out too",
		{"walkthrough", "--version=v1.0.0"}:                                         "give --out too",
		{"walkthrough", "--out=x"}:                                                  "--source",
		{"walkthrough", "--out=x", "--source=" + p.dir}:                             "go.mod",
		{"walkthrough", "--out=x", "--source=y", "--version=v1.0.0"}:                "none of the others can be",
		{"walkthrough", "--out=x", "--version=v1.0.0", "--path=../x"}:               "example.com/team/walkthrough",
		{"walkthrough", "--out=x", "--version=v1.0.0", "--path=portico.internal/x"}: "example.com/team/walkthrough",
		{"Walkthrough", "--out=x", "--version=v1.0.0"}:                              "lower-case",
		{"users", "--out=x", "--version=v1.0.0"}:                                    "taken by a module",
		{"services", "--out=x", "--version=v1.0.0"}:                                 "taken by /api/services",
		{"appearance", "--out=x", "--version=v1.0.0"}:                               "taken by /api/settings/appearance",
	} {
		line := []string{"module", "new"}
		for _, arg := range args {
			if arg != "" {
				line = append(line, arg)
			}
		}
		require.Contains(t, p.fails(t, line...), why, "%v", args)
	}
	p.untouched(t)

	said := p.succeeds(t, "module", "new", "walkthrough", "--out", "own", "--version", "v1.2.3")
	require.Contains(t, said, "wrote own/walkthrough/walkthrough.go\n")
	require.Contains(t, said, "\nNext, in own:\n  go mod tidy && go test ./...\n  go run .\n")
	required, err := os.ReadFile(filepath.Join(p.dir, "own", "go.mod"))
	require.NoError(t, err)
	require.Equal(t, "module walkthrough.internal\n\ngo 1.26.0\n\nrequire portico.internal v1.2.3\n", string(required))
	require.Contains(t, p.fails(t, "module", "new", "readings", "--out", "own", "--version", "v1.2.3"), "own is not empty")
	require.NoDirExists(t, filepath.Join(p.dir, "own", "readings"))
}
