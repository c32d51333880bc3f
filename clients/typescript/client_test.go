// Package typescript_test keeps the TypeScript client in step with the routes, and runs it against a gateway.
package typescript_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/migrations"
	"portico.internal/modules"
	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
)

var update = flag.Bool("update", false, "rewrite openapi.json")

const remedy = "look at the difference, then: scripts/client.sh"

// The client was made of the document that the gateway gives today. This needs no Node.js: no client that is out of step passes.
func TestClientIsOfTheGoldenDocument(t *testing.T) {
	site, _, err := app.Describe(app.Spec{Modules: modules.All(), Chain: migrations.Chain})
	require.NoError(t, err)
	document, err := site.OpenAPI()
	require.NoError(t, err)
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, document, "", "  "))
	pretty.WriteByte('\n')
	if *update {
		require.NoError(t, os.WriteFile("openapi.json", pretty.Bytes(), 0o644))
	}
	golden, err := os.ReadFile("openapi.json")
	require.NoError(t, err, remedy)
	require.Equal(t, pretty.String(), string(golden), remedy)
	if *update {
		return // the client follows
	}
	client, err := os.ReadFile("src/schema.ts")
	require.NoError(t, err, remedy)
	first, _, _ := bytes.Cut(client, []byte("\n"))
	require.Contains(t, string(first), fmt.Sprintf("sha256 %x.", sha256.Sum256(golden)), "the client is of another document; run scripts/client.sh")
}

// Made anew from the document the client is the same, byte for byte; it compiles under strict settings, and does what it says.
func TestClient(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it downloads what it compiles with")
	}
	testkit.Programs(t, "PORTICO_TEST_NODE", "node", "npm")
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s %v\n%s", name, args, out)
		t.Logf("%s", out)
	}
	for _, name := range []string{"package.json", "package-lock.json", "tsconfig.json", "generate.mjs", "openapi.json", "src", "test"} {
		copied(t, name, dir)
	}
	run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--silent")
	require.NoError(t, os.Remove(filepath.Join(dir, "src/schema.ts")))
	run("npm", "run", "--silent", "generate")
	require.Equal(t, read(t, "src/schema.ts"), read(t, filepath.Join(dir, "src/schema.ts")), "run scripts/client.sh")
	run("npm", "run", "--silent", "build")

	pdf := filepath.Join(dir, "document.pdf")
	require.NoError(t, os.WriteFile(pdf, testkit.PDF(3, "A report"), 0o600))
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) { run("node", "test/run.mjs", g.URL, pdf) })
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// copied puts a file, or a folder of files, into dir.
func copied(t *testing.T, name, dir string) {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	if info.IsDir() {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(name)))
		return
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(read(t, name)), 0o600))
}
