package module

import (
	"go.uber.org/fx"

	"github.com/spf13/cobra"

	"portico.internal/platform/backup"
	"portico.internal/platform/config"
	"portico.internal/platform/migrate"
	"portico.internal/platform/secrets"
	"portico.internal/platform/web"
)

const (
	routeGroup    = `group:"portico.routes"`
	internalGroup = `group:"portico.internal"`
	probeGroup    = `group:"portico.probes"`
	summaryGroup  = `group:"portico.summary"`
)

// declared are routes of a module as it names them before anything is built.
type declared struct {
	group  string
	routes func() web.RouteSet
}

// Assembly is the result of bringing modules together, for platform/app.
type Assembly struct {
	Sections []config.Section
	Options  fx.Option
}

// Assemble prepares modules for one run: their sections are to be loaded before the options are used.
func Assemble(modules []Module) Assembly {
	var a Assembly
	var options []fx.Option
	for _, m := range modules {
		own := m.options
		for _, section := range m.config {
			s, provide := section()
			a.Sections = append(a.Sections, s)
			own = append(own[:len(own):len(own)], provide)
		}
		options = append(options, fx.Module(m.Name, own...))
	}
	a.Options = fx.Options(options...)
	return a
}

// Steps are the migrations of each module.
func Steps(modules []Module) map[string][]migrate.Step {
	steps := map[string][]migrate.Step{}
	for _, m := range modules {
		steps[m.Name] = m.Migrations
	}
	return steps
}

// SecretColumns are the columns in which the modules keep sealed texts.
func SecretColumns(modules []Module) []secrets.Column {
	var columns []secrets.Column
	for _, m := range modules {
		columns = append(columns, m.Secrets...)
	}
	return columns
}

// BackupParts are what the modules say of their files.
func BackupParts(modules []Module) []backup.Part {
	var parts []backup.Part
	for _, m := range modules {
		parts = append(parts, m.Backup...)
	}
	return parts
}

// Declared are the routes of the modules as data, with nothing built behind them: those of the public door, and those
// of the internal one.
func Declared(modules []Module) (public, internal []web.RouteSet) {
	for _, m := range modules {
		for _, d := range m.declared {
			if d.group == internalGroup {
				internal = append(internal, d.routes())
				continue
			}
			public = append(public, d.routes())
		}
	}
	return public, internal
}

// Commands are the commands of the modules. run makes the runner of one module: its functions see what it provides.
func Commands(modules []Module, run func(name string) Runner) []*cobra.Command {
	var list []*cobra.Command
	for _, m := range modules {
		for _, build := range m.commands {
			list = append(list, build(run(m.Name)))
		}
	}
	return list
}

// Call adds a function to one module, to be run where only that module's own provisions are seen.
func Call(modules []Module, name string, function any) []Module {
	changed := make([]Module, len(modules))
	for i, m := range modules {
		if m.Name == name {
			m.options = append(m.options[:len(m.options):len(m.options)], fx.Invoke(function))
		}
		changed[i] = m
	}
	return changed
}

// Gathered is what the modules brought to the groups, for the site.
type Gathered struct {
	fx.In
	Routes   []web.RouteSet `group:"portico.routes"`
	Internal []web.RouteSet `group:"portico.internal"`
	Probes   []web.Probe    `group:"portico.probes"`
	Summary  []Fact         `group:"portico.summary"`
}
