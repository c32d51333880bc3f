package audit_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/app"
	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/module"
	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

// bell is a module of somebody else. Its one call is all that it takes.
type bell struct {
	db    *gorm.DB
	audit *audit.Log
}

var bellModule = module.New("bell",
	module.Provide(func(db *gorm.DB, a *audit.Log) *bell { return &bell{db, a} }),
	module.Routes((*bell).routes),
)

func (b *bell) routes() []web.Route {
	return []web.Route{web.Post("/api/bell", web.User, b.ring), web.Post("/api/bell/broken", web.User, b.fail)}
}

func (b *bell) ring(ctx context.Context, _ *web.None) (*web.None, error) {
	return nil, database.Write(ctx, b.db, func(tx *gorm.DB) error {
		return b.audit.Record(ctx, tx, audit.Event{Action: "bell.rung", Target: audit.Target{Type: "bell", ID: "1", Name: "Door"}, Changes: audit.Diff(map[string]int{"rings": 1}, map[string]int{"rings": 2})})
	})
}

func (b *bell) fail(ctx context.Context, _ *web.None) (*web.None, error) {
	return nil, database.Write(ctx, b.db, func(tx *gorm.DB) error {
		if err := b.audit.Record(ctx, tx, audit.Event{Action: "bell.broken"}); err != nil {
			return err
		}
		return errs.New(errs.BadRequest, "It does not ring")
	})
}

func TestAModuleRecordsWithOneCall(t *testing.T) {
	gatewaytest.EachSpec(t, gatewaytest.Spec(bellModule), nil, func(t *testing.T, g *testkit.Gateway) {
		require.Equal(t, 204, g.Call(t, under("ring", call("POST", "/api/bell", ann))).Status)
		found, _ := list(t, g, "action=bell")
		require.Len(t, found, 1)
		require.Equal(t, ann, found[0].Actor.Name)
		require.Equal(t, "Door", found[0].Target.Name)
		require.Equal(t, "ring", found[0].Request)
		require.EqualValues(t, 2, found[0].Changes["rings"].New)

		require.Equal(t, 400, g.Call(t, call("POST", "/api/bell/broken", ann)).Status)
		found, _ = list(t, g, "action=bell")
		require.Len(t, found, 1, "what is not done is not recorded")
	})
}

// A gateway without the log works, and the modules that record do not know.
func TestAGatewayWithoutTheLog(t *testing.T) {
	spec := gatewaytest.Spec(bellModule)
	spec.Modules = slices.DeleteFunc(spec.Modules, func(m module.Module) bool { return m.Name == "audit" })
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		g := gatewaytest.Start(t, spec, d, nil)
		require.Equal(t, 204, g.Call(t, call("POST", "/api/bell", ann)).Status)
		made(t, g, call("POST", "/api/admin/groups", root, `{"name":"Archive"}`))
		require.Equal(t, 404, g.Call(t, call("GET", logPath, root)).Status)
		require.NotContains(t, strings.ToLower(g.Log.String()), "error")
	})
	_, _, err := app.Describe(spec)
	require.NoError(t, err)
}
