package modules_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/migrations"
	"portico.internal/modules"
	"portico.internal/platform/app"
	"portico.internal/platform/web"
)

var update = flag.Bool("update", false, "rewrite routes.golden")

// Every route of the gateway, with who may call it and whose it is. A new one shows up here, to be looked at.
func TestRoutesAreTheGoldenOnes(t *testing.T) {
	public, internal, err := app.Describe(app.Spec{Modules: modules.All(), Chain: migrations.Chain})
	require.NoError(t, err)
	var list strings.Builder
	for _, door := range []struct {
		name string
		*web.Site
	}{{"", public}, {"\nThe internal door:\n", internal}} {
		list.WriteString(door.name)
		for _, r := range door.Routes() {
			if door.name != "" && r.Module == "web" {
				continue // the internal door has no page that describes it
			}
			fmt.Fprintf(&list, "%-7s %-45s %-6s %s\n", r.Method, r.Path, r.Access, r.Module)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile("routes.golden", []byte(list.String()), 0o644))
	}
	golden, err := os.ReadFile("routes.golden")
	require.NoError(t, err)
	require.Equal(t, string(golden), list.String(), "look at the difference, then: go test ./modules -run Golden -update")
}
