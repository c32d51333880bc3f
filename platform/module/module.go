// Package module is the contract between a feature module and the house: a module says as data what it brings.
// The helpers hide the container (uber/fx); no module writes a tag or a group of it.
package module

import (
	"context"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"portico.internal/platform/backup"
	"portico.internal/platform/config"
	"portico.internal/platform/migrate"
	"portico.internal/platform/secrets"
	"portico.internal/platform/web"
)

// Module is what one feature brings to the gateway.
type Module struct {
	Name       string
	Migrations []migrate.Step
	Secrets    []secrets.Column
	Backup     []backup.Part

	config   []func() (config.Section, fx.Option)
	commands []func(Runner) *cobra.Command
	declared []declared
	options  []fx.Option
}

// Part is one thing that a module brings.
type Part func(*Module)

// New makes a module. The name is a word that is also its folder; two modules cannot share one.
func New(name string, parts ...Part) Module {
	m := Module{Name: name}
	for _, p := range parts {
		p(&m)
	}
	return m
}

// Migrations brings changes of the schema. Each has its line in migrations/chain.txt; those of a module outside this
// tree run after the chain, in the order given here.
func Migrations(steps ...migrate.Step) Part {
	return func(m *Module) { m.Migrations = append(m.Migrations, steps...) }
}

// Secrets names the columns in which the module keeps sealed texts, so that they follow a change of the secret key.
func Secrets(columns ...secrets.Column) Part {
	return func(m *Module) { m.Secrets = append(m.Secrets, columns...) }
}

// Backup says which files of the module belong into a backup of the gateway. Its rows are in it anyway.
func Backup(parts ...backup.Part) Part {
	return func(m *Module) { m.Backup = append(m.Backup, parts...) }
}

// Config brings a section of the configuration: T is a struct whose tags say names, defaults and bounds (see
// platform/config), key its place in the file. Constructors of the module may take a T.
func Config[T any](key string) Part {
	return func(m *Module) {
		m.config = append(m.config, func() (config.Section, fx.Option) {
			target := new(T)
			return config.Section{Key: key, Target: target}, fx.Provide(func() T { return *target }, fx.Private)
		})
	}
}

// Provide brings constructors whose results only this module sees. They may take what the platform supplies
// (*gorm.DB, *changes.Feed, *audit.Log, *secrets.Keyring, *slog.Logger, config.Base, *upstream.Registry,
// prometheus.Registerer, Console, fx.Lifecycle)
// and what other modules export.
func Provide(constructors ...any) Part {
	return option(fx.Provide(append(constructors, fx.Private)...))
}

// Export brings constructors whose results other modules may take: the module's contract.
func Export(constructors ...any) Part { return option(fx.Provide(constructors...)) }

// Routes brings routes. H is what the module provides to serve them. The method is also called on the zero H to
// describe the routes without building anything, so it must only name methods of H, not use it.
func Routes[H any](routes func(H) []web.Route) Part { return door(routeGroup, routes) }

// Internal brings routes for feature services, behind the internal door: whoever calls has shown the service token.
// Their access is web.User. What holds of [Routes] holds of them.
func Internal[H any](routes func(H) []web.Route) Part { return door(internalGroup, routes) }

func door[H any](group string, routes func(H) []web.Route) Part {
	return func(m *Module) {
		name := m.Name
		m.declared = append(m.declared, declared{group, func() web.RouteSet {
			var zero H
			return web.RouteSet{Module: name, Routes: routes(zero)}
		}})
		m.options = append(m.options, fx.Provide(fx.Annotate(
			func(h H) web.RouteSet { return web.RouteSet{Module: name, Routes: routes(h)} },
			fx.ResultTags(group))))
	}
}

// Probe brings a readiness check. H is what the module provides to run it.
func Probe[H any](name string, run func(H, context.Context) error) Part {
	return option(fx.Provide(fx.Annotate(
		func(h H) web.Probe {
			return web.Probe{Name: name, Run: func(ctx context.Context) error { return run(h, ctx) }}
		},
		fx.ResultTags(probeGroup))))
}

// Fact is one line of what a person at a terminal is told at the start, after its label.
type Fact struct {
	Label string
	Say   func(context.Context) (string, error)
}

// Summary brings a line for the person who starts the gateway at a terminal. H is what the module provides to say it. The
// line holds no secret; where it cannot be said it is left out.
func Summary[H any](label string, say func(H, context.Context) (string, error)) Part {
	return option(fx.Provide(fx.Annotate(
		func(h H) Fact {
			return Fact{label, func(ctx context.Context) (string, error) { return say(h, ctx) }}
		},
		fx.ResultTags(summaryGroup))))
}

// Metrics brings metrics for Prometheus. C is what the module provides to collect them; it is made for commands too.
func Metrics[C prometheus.Collector]() Part {
	return option(fx.Invoke(func(c C, r prometheus.Registerer) error { return r.Register(c) }))
}

// OnStart brings work to be done when the gateway starts, before it listens; not for commands. H is what the module
// provides to do it. An error stops the start.
func OnStart[H any](run func(H, context.Context) error) Part {
	return option(fx.Invoke(func(life fx.Lifecycle, h H) {
		life.Append(fx.StartHook(func(ctx context.Context) error { return run(h, ctx) }))
	}))
}

// Console is where the operator is told, once and at the start, what must not be in a log. The platform supplies it.
type Console struct{ io.Writer }

// Runner runs a function of a command inside the gateway's graph: the configuration is loaded, the database open and
// migrated, and the function's parameters are filled as those of the module's constructors. Nothing listens.
type Runner func(ctx context.Context, function any) error

// Command brings a command of the binary. It is built for every help text, so everything that costs belongs into run.
// When another module brings a command of the same name, their subcommands are put together.
func Command(build func(run Runner) *cobra.Command) Part {
	return func(m *Module) { m.commands = append(m.commands, build) }
}

// Exit is the error of a command that ends with another code than 1.
type Exit struct {
	Code int
	Err  error // what the operator is told
}

func (e *Exit) Error() string { return e.Err.Error() }

func (e *Exit) Unwrap() error { return e.Err }

func option(o fx.Option) Part { return func(m *Module) { m.options = append(m.options, o) } }

// Optional is a constructor's parameter for what another module may export, the zero T where none does.
type Optional[T any] struct {
	fx.In
	Value T `optional:"true"`
}
