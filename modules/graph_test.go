package modules_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"gorm.io/gorm"

	"portico.internal/modules"
	"portico.internal/platform/audit"
	"portico.internal/platform/changes"
	"portico.internal/platform/config"
	"portico.internal/platform/module"
	"portico.internal/platform/secrets"
	"portico.internal/platform/upstream"
)

// Each module can be built from the platform and the modules it has an edge to, and from nothing else.
func TestModulesNeedOnlyTheirEdges(t *testing.T) {
	byName := map[string]module.Module{}
	for _, m := range modules.All() {
		byName[m.Name] = m
	}
	for name := range byName {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, validate(withEdges(byName, name)))
		})
	}
	require.Error(t, validate([]module.Module{byName["auth"]}), "a missing edge went unseen")
}

func withEdges(byName map[string]module.Module, name string) []module.Module {
	seen := map[string]bool{}
	var list []module.Module
	var visit func(string)
	visit = func(name string) {
		m, known := byName[name]
		if seen[name] || !known {
			return
		}
		seen[name] = true
		list = append(list, m)
		for _, next := range edgesOf(name) {
			visit(next)
		}
	}
	visit(name)
	return list
}

func validate(list []module.Module) error {
	return fx.ValidateApp(
		fx.NopLogger,
		fx.Supply(config.Base{}, slog.Default(), &gorm.DB{}, &changes.Feed{}, &secrets.Keyring{}, &upstream.Registry{}, module.Console{Writer: io.Discard}),
		fx.Provide(
			func() prometheus.Registerer { return prometheus.NewRegistry() },
			func(k module.Optional[audit.Keeper]) *audit.Log { return audit.NewLog(k.Value) },
		),
		module.Assemble(list).Options,
		fx.Invoke(func(module.Gathered) {}),
	)
}
