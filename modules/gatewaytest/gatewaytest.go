// Package gatewaytest runs the whole gateway in a test: every module, on a database of either kind, with keys at hand
// and password hashes that cost nothing.
package gatewaytest

import (
	_ "embed"
	"maps"
	"slices"
	"testing"

	"portico.internal/features/docservice"
	"portico.internal/migrations"
	"portico.internal/modules"
	"portico.internal/modules/users"
	"portico.internal/platform/app"
	"portico.internal/platform/feature"
	"portico.internal/platform/migrate"
	"portico.internal/platform/module"
	"portico.internal/platform/testkit"
)

//go:embed jwt_private.pem
var PrivateKey string // that signs the tokens; of no worth anywhere else

//go:embed jwt_public.pem
var PublicKey string

// Admin is the e-mail of the administrator every test gateway has; the password is testkit.Password.
const Admin = "root@example.com"

// minCost is the least that bcrypt knows.
const minCost = 4

// Spec is the gateway as cmd/portico builds it, with cheap password hashes. Modules with the name of one of the tree
// take its place.
func Spec(replace ...module.Module) app.Spec {
	list := modules.All()
	for _, m := range append([]module.Module{users.WithCost(minCost)}, replace...) {
		at := slices.IndexFunc(list, func(own module.Module) bool { return own.Name == m.Name })
		if at < 0 {
			list = append(list, m)
			continue
		}
		list[at] = m
	}
	return app.Spec{Modules: list, Chain: migrations.Chain, Features: []feature.Feature{docservice.Feature}}
}

// Plan is the schema of the gateway.
func Plan(t testing.TB) *migrate.Plan {
	t.Helper()
	chain, err := migrate.ParseChain(migrations.Chain)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := migrate.New(chain, module.Steps(modules.All()))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// Each runs the test with a gateway on a database of each kind.
func Each(t *testing.T, environ map[string]string, test func(t *testing.T, g *testkit.Gateway)) {
	t.Helper()
	EachSpec(t, Spec(), environ, test)
}

// EachSpec is [Each] for another gateway.
func EachSpec(t *testing.T, spec app.Spec, environ map[string]string, test func(t *testing.T, g *testkit.Gateway)) {
	t.Helper()
	testkit.Migrated(Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		test(t, Start(t, spec, d, environ))
	})
}

// Start runs a gateway on a database.
func Start(t testing.TB, spec app.Spec, d testkit.Database, environ map[string]string) *testkit.Gateway {
	t.Helper()
	env := map[string]string{
		"DATABASE_URL": d.URL, "JWT_PRIVATE_KEY": PrivateKey, "JWT_PUBLIC_KEY": PublicKey,
		"PORTICO_ADMIN_EMAIL": Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password,
	}
	maps.Copy(env, environ)
	return testkit.StartGateway(t, spec, env)
}
