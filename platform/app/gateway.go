package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/changes"
	"portico.internal/platform/config"
	"portico.internal/platform/database"
	"portico.internal/platform/datadir"
	"portico.internal/platform/logging"
	"portico.internal/platform/migrate"
	"portico.internal/platform/module"
	"portico.internal/platform/secrets"
	"portico.internal/platform/upstream"
)

// gateway is what a run has opened: everything below the modules.
type gateway struct {
	base     *config.Base
	keys     *secrets.Keyring
	assembly module.Assembly
	log      *slog.Logger
	plan     *migrate.Plan
	db       *gorm.DB
	feed     *changes.Feed
	services *upstream.Registry
	own      []string // ids of the services in this process
	metrics  *prometheus.Registry
	internal string // address of the internal door, empty while there is none

	executable string
}

// The files that hold secrets which the configuration does not.
const (
	secretKeyFile    = "secret.key"
	serviceTokenFile = "service.token"
)

// configured loads the configuration, and opens and makes nothing.
func (p *program) configured(modules []module.Module) (*gateway, error) {
	base, assembly, err := p.configure(modules)
	if err != nil {
		return nil, err
	}
	g := &gateway{base: base, assembly: assembly, log: logging.New(p.Stderr, base.Log.Level, base.Log.Format)}
	g.plan, err = plan(p.Spec)
	return g, err
}

// open loads the configuration, makes what is missing in the data directory, and opens the database.
func (p *program) open(ctx context.Context, modules []module.Module) (*gateway, error) {
	g, err := p.configured(modules)
	if err != nil {
		return nil, err
	}
	base := g.base
	g.metrics, g.executable = newMetrics(), p.Executable
	if base.DataDir, err = datadir.Open(base.DataDir); err != nil {
		return nil, err
	}
	if base.SecretKey, err = generated(base.DataDir, secretKeyFile, base.SecretKey); err != nil {
		return nil, err
	}
	if g.keys, err = secrets.Parse(base.SecretKey); err != nil {
		return nil, fmt.Errorf("secret_key (PORTICO_SECRET_KEY), from %s: %w", filepath.Join(base.DataDir, secretKeyFile), err)
	}
	if base.ServiceToken, err = generated(base.DataDir, serviceTokenFile, base.ServiceToken); err != nil {
		return nil, err
	}
	g.db, err = database.Open(ctx, database.Config{
		URL: base.Database.URL, DataDir: base.DataDir, MaxConnections: base.Database.MaxConnections,
		ConnectTimeout: base.Database.ConnectTimeout, Logger: g.log,
	})
	if err != nil {
		return nil, err
	}
	g.feed = changes.NewFeed(g.db, g.log)
	return g, g.measure()
}

func plan(spec Spec) (*migrate.Plan, error) {
	chain, err := migrate.ParseChain(spec.Chain)
	if err != nil {
		return nil, err
	}
	return migrate.New(chain, module.Steps(spec.Modules))
}

// generated returns the configured secret, or one of 32 random bytes in base64 that is made once in the data directory.
func generated(dir, name, configured string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	content, err := datadir.File(dir, name, func() ([]byte, error) {
		var b [32]byte
		_, _ = rand.Read(b[:])
		return []byte(base64.StdEncoding.EncodeToString(b[:]) + "\n"), nil
	})
	return strings.TrimSpace(string(content)), err
}

// migrate brings the schema up to date, or refuses to go on when that is not wanted.
func (g *gateway) migrate(ctx context.Context) error {
	if g.base.Database.Migrate == "check" {
		if err := g.plan.AtHead(ctx, g.db); err != nil {
			return fmt.Errorf("database.migrate (PORTICO_MIGRATE) is check: %w; run portico migrate up", err)
		}
		return nil
	}
	applied, err := g.plan.Up(ctx, g.db)
	for _, a := range applied {
		g.log.InfoContext(ctx, "migration", "revision", a.Revision, "module", a.Module, "step", a.Slug, "adopted", a.Adopted)
	}
	return err
}

// build makes the graph of the modules.
func (g *gateway) build(p *program, more ...fx.Option) (*fx.App, error) {
	graph := fx.New(
		fx.Supply(*g.base, g.log, g.db, g.feed, g.keys, module.Console{Writer: p.Stdout}),
		fx.Provide(
			func() *upstream.Registry { return g.services },
			func() prometheus.Registerer { return g.metrics },
			func(k module.Optional[audit.Keeper]) *audit.Log { return audit.NewLog(k.Value) },
		),
		fx.StartTimeout(startTimeout), fx.StopTimeout(stopTimeout),
		fx.WithLogger(func() fxevent.Logger {
			l := &fxevent.SlogLogger{Logger: g.log}
			l.UseLogLevel(slog.LevelDebug)
			l.UseErrorLevel(slog.LevelDebug)
			return l
		}),
		g.assembly.Options,
		fx.Options(more...),
	)
	if err := graph.Err(); err != nil {
		return nil, dig.RootCause(err)
	}
	return graph, nil
}

// runner runs a function inside the graph, seen from one module.
func (p *program) runner(name string) module.Runner {
	return func(ctx context.Context, function any) (err error) {
		modules := module.Call(p.Modules, name, function)
		g, err := p.open(ctx, modules)
		if err != nil {
			return err
		}
		defer database.Close(g.db)
		if err := g.migrate(ctx); err != nil {
			return err
		}
		if g.services, err = upstream.NewRegistry(nil); err != nil {
			return err
		}
		graph, err := g.build(p)
		if err != nil {
			return err
		}
		return graph.Stop(ctx)
	}
}

// lines splits an error into the lines a person reads, one for each thing that is wrong.
func lines(err error) []string { return strings.Split(strings.TrimSpace(err.Error()), "\n") }
