package modules_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const tree = "portico.internal/"

// edges are the other modules that a module may call, through what they export, where these are not the usual ones. What
// is not here is forbidden.
var edges = map[string][]string{
	"audit":     {},
	"auth":      {"users"},
	"dashboard": {"groups", "plugins", "settings", "users"},
	"docproxy":  {"groups", "settings"},
	"groups":    {"users"},
	"plugins":   {"groups"},
	"profile":   {"groups", "users"},
	"settings":  {},
	"users":     {},
}

// usual are those of a module without a line above: anyone may have settings kept.
var usual = []string{"settings"}

func edgesOf(name string) []string {
	if own, listed := edges[name]; listed {
		return own
	}
	return usual
}

// layers say which parts of this tree a folder may import; the longest prefix counts. Modules also have their edges.
var layers = map[string][]string{
	"bench":                  {"bench", "cmd", "features", "migrations", "modules", "platform"}, // measures everything
	"cmd":                    {"features", "migrations", "modules", "platform"},
	"features":               {"platform"}, // a feature service talks HTTP, and is copied out of here
	"migrations":             {},
	"migrations/alembictest": {"migrations", "modules", "platform"},
	"modules":                {"platform"},
	"modules/modules.go":     {"modules", "platform"},
	"modules/gatewaytest":    {"features", "migrations", "modules", "platform"},
	"platform":               {"platform"},

	"platform/scaffold/notes": {"modules", "platform"}, // a module for the sake of its text, which nobody imports
}

// owners are the only folders that may use a library.
var owners = map[string][]string{
	"golang.org/x/crypto/bcrypt":           {"modules/users", "bench"},
	"github.com/golang-jwt/jwt/":           {"modules/auth"},
	"github.com/go-gormigrate/gormigrate/": {"platform/migrate"},
	"gorm.io/driver/":                      {"platform/database"},
	"github.com/glebarez/":                 {"platform/database"},
	"modernc.org/":                         {"platform/database"},
	"github.com/jackc/":                    {"platform/database", "platform/testkit"},
	"github.com/gin-gonic/":                {"platform/web"},
	"github.com/danielgtaylor/huma/":       {"platform/web"},
	"go.uber.org/":                         {"platform/module", "platform/app", "modules/"},
	"github.com/spf13/":                    {"platform/module", "platform/app", "platform/feature", "modules/", "features/", "cmd/"},
	"github.com/pdfcpu/":                   {"features/docservice"},
	"github.com/ledongthuc/":               {"features/docservice"},
	"github.com/stretchr/":                 {"platform/testkit", "migrations/alembictest"},
	"testing":                              {"platform/testkit", "modules/gatewaytest", "migrations/alembictest"},
	"portico.internal/platform/testkit":    {"modules/gatewaytest", "migrations/alembictest"},
	"portico.internal/modules/gatewaytest": {"migrations/alembictest"},
	"portico.internal/platform/app":        {"cmd/", "platform/testkit", "modules/gatewaytest"},
	"github.com/prometheus/":               {"platform/web", "platform/app", "platform/upstream", "platform/changes", "platform/module", "modules/"},
	"portico.internal/platform/datadir":    {"platform/app", "platform/backup", "modules/auth", "modules/storage", "features/"},
	"portico.internal/platform/config":     {"platform/", "modules/", "features/", "cmd/docservice"},
	"portico.internal/modules/users":       {"modules/"},
	"golang.org/x/sys/":                    {"modules/users", "features/docservice", "platform/"},
	"database/sql":                         {"platform/database", "platform/migrate", "platform/secrets"},
	"github.com/swaggest/":                 {"platform/web"},
	"github.com/rs/cors":                   {"platform/web"},
	"github.com/santhosh-tekuri/":          {"modules/plugins", "platform/testkit"},
	"github.com/sony/gobreaker":            {"platform/upstream"},
	"github.com/maypok86/otter":            {"platform/recent", "modules/auth"},
	"github.com/goccy/go-yaml":             {"platform/config"},
	"github.com/go-playground/validator":   {"platform/config"},
	"github.com/mattn/go-isatty":           {"platform/logging"},
	"portico.internal/platform/upstream":   {"platform/app", "modules/docproxy", "modules/plugins", "modules/settings", "modules/storage"},
	"go.opentelemetry.io/":                 {"platform/tracing"},
	"portico.internal/platform/tracing":    {"platform/"},
	"gocloud.dev/":                         {"modules/storage", "bench"},
	"github.com/aws/":                      {"modules/storage", "bench"},
	"github.com/Azure/":                    {"modules/storage"},
	"portico.internal/platform/changes":    {"platform/app", "modules/"},
	"portico.internal/platform/secrets":    {"platform/", "modules/", "features/"},
	"portico.internal/platform/ai":         {"modules/settings", "features/"},
	"portico.internal/platform/egress":     {"platform/ai", "modules/", "features/"},
}

// breaches checks one import of one file, both as paths: "modules/auth/service.go", "golang.org/x/crypto/bcrypt".
func breaches(file, imported string) []string {
	folder := path.Dir(file)
	var found []string
	for library, allowed := range owners {
		if !strings.HasPrefix(imported+"/", strings.TrimSuffix(library, "/")+"/") && !(strings.HasSuffix(library, "/") && strings.HasPrefix(imported, library)) {
			continue
		}
		if folder+"/" == strings.TrimPrefix(library, tree)+"/" {
			continue // a package's own parts
		}
		if !slices.ContainsFunc(allowed, func(owner string) bool { return strings.HasPrefix(folder+"/", strings.TrimSuffix(owner, "/")+"/") }) {
			found = append(found, fmt.Sprintf("%s imports %s, which only %v may", file, imported, allowed))
		}
	}
	own, ok := strings.CutPrefix(imported, tree)
	if !ok {
		return found
	}
	if !slices.ContainsFunc(layerOf(file), func(layer string) bool { return strings.HasPrefix(own+"/", layer+"/") }) {
		found = append(found, fmt.Sprintf("%s imports %s: %s may import only %v", file, imported, folder, layerOf(file)))
	}
	return found
}

// layerOf returns what a file may import of this tree.
func layerOf(file string) []string {
	best, allowed := "", []string(nil)
	for prefix, layer := range layers {
		if strings.HasPrefix(file+"/", prefix+"/") && len(prefix) > len(best) {
			best, allowed = prefix, layer
		}
	}
	if name, ok := strings.CutPrefix(path.Dir(file), "modules/"); ok && best == "modules" {
		for _, other := range append(slices.Clone(edgesOf(name)), name) {
			allowed = append(slices.Clone(allowed), "modules/"+other)
		}
	}
	return allowed
}

func TestImportsKeepTheBoundaries(t *testing.T) {
	files := 0
	require.NoError(t, filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "tools" || d.Name() == "testdata" || len(d.Name()) > 2 && d.Name()[0] == '.') {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range parsed.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			require.Empty(t, breaches(filepath.ToSlash(strings.TrimPrefix(name, "../")), imported))
		}
		return nil
	}))
	require.Greater(t, files, 100, "the walk has seen next to nothing")
}

// A line without a folder, and one that says the usual, are both mistakes.
func TestEdgesAreThoseOfModules(t *testing.T) {
	for name, own := range edges {
		require.DirExists(t, name)
		require.NotEqual(t, usual, own, "module %s needs no line", name)
	}
}

// A rule that cannot fail is worth nothing.
func TestPlantedBreachesAreFound(t *testing.T) {
	for file, imported := range map[string]string{
		"modules/groups/service.go":      "portico.internal/modules/auth",
		"modules/profile/http.go":        "portico.internal/modules/auth",
		"platform/web/site.go":           "portico.internal/modules/users",
		"platform/errs/errs.go":          "portico.internal/features/docservice",
		"features/docservice/http.go":    "portico.internal/modules/groups",
		"migrations/chain.go":            "portico.internal/platform/migrate",
		"modules/auth/service.go":        "golang.org/x/crypto/bcrypt",
		"modules/users/service.go":       "github.com/golang-jwt/jwt/v5",
		"modules/groups/model.go":        "gorm.io/driver/postgres",
		"modules/groups/http.go":         "github.com/gin-gonic/gin",
		"platform/database/open.go":      "github.com/go-gormigrate/gormigrate/v2",
		"modules/users/hasher.go":        "testing",
		"cmd/portico/main.go":            "portico.internal/modules/gatewaytest",
		"modules/docproxy/docproxy.go":   "portico.internal/modules/users",
		"modules/newcomer/newcomer.go":   "portico.internal/modules/users",
		"modules/users/themes.go":        "portico.internal/modules/settings",
		"features/docservice/metrics.go": "portico.internal/platform/app",
	} {
		require.NotEmpty(t, breaches(file, imported), "%s importing %s went unseen", file, imported)
	}
	for file, imported := range map[string]string{
		"modules/auth/service.go":     "portico.internal/modules/users",
		"modules/newcomer/service.go": "portico.internal/modules/settings",
		"modules/users/hasher.go":     "golang.org/x/crypto/bcrypt",
		"modules/modules.go":          "portico.internal/modules/auth",
		"cmd/portico/main.go":         "portico.internal/modules",
		"features/docservice/site.go": "portico.internal/platform/web",
	} {
		require.Empty(t, breaches(file, imported))
	}
}
