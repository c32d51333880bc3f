// Package app is the program: the commands, the start in its right order, and the stop that loses nothing.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"portico.internal/platform/audit"
	"portico.internal/platform/config"
	"portico.internal/platform/feature"
	"portico.internal/platform/module"
	"portico.internal/platform/shutdown"
)

// Spec says what a gateway is made of.
type Spec struct {
	Modules  []module.Module
	Chain    string            // the text of migrations/chain.txt
	Features []feature.Feature // served by this process unless the configuration names a service of the same id
}

// version is set by the build (-ldflags "-X portico.internal/platform/app.version=1.2.3").
var version = ""

// Version is that of the build, "dev" when nobody said.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// Main runs the program with the arguments of the process and returns its exit code.
func Main(spec Spec) int {
	ctx, stop := shutdown.Context()
	defer stop()
	self, _ := os.Executable()
	return Run(ctx, spec, Process{Executable: self, Args: os.Args[1:], Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
}

// Process is what a run of the program gets from outside.
type Process struct {
	Executable     string // what can be run again as this program; empty when there is nothing
	Args           []string
	Environ        []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs the program until it is done or ctx ends, and returns its exit code.
func Run(ctx context.Context, spec Spec, p Process) int {
	root := command(&program{Spec: spec, Process: p})
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		for _, line := range lines(err) {
			fmt.Fprintln(p.Stderr, "portico: "+line)
		}
		var exit *module.Exit
		if errors.As(err, &exit) {
			return exit.Code
		}
		return 1
	}
	return 0
}

// program is one run: its parts and the flags all commands share.
type program struct {
	Spec
	Process
	configFile string
}

func command(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "portico",
		Short: "A self-hosted workspace gateway",
		Long: "Portico is a self-hosted workspace gateway: it signs people in and stands between a dashboard and feature services.\n" +
			"Without a command it serves; without a configuration it is complete on this machine, with everything in ./data.",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context()) },
	}
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		if cmd != root && cmd.Name() != "serve" {
			cmd.SetContext(audit.As(cmd.Context(), audit.Operator()))
		}
	}
	root.PersistentFlags().StringVar(&p.configFile, "config", "", "configuration file (YAML); PORTICO_CONFIG names it too")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		&cobra.Command{Use: "serve", Short: "Run the gateway (the default)", Args: cobra.NoArgs, RunE: root.RunE},
		migrateCommand(p), configCommand(p), openapiCommand(p), healthcheckCommand(p), moduleCommand(p), secretsCommand(p),
		backupCommand(p), restoreCommand(p),
		&cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), Version())
		}},
	)
	for _, f := range p.Features {
		if f.Command != nil {
			root.AddCommand(f.Command)
		}
	}
	for _, c := range module.Commands(p.Modules, p.runner) {
		adopt(root, c)
	}
	for _, c := range root.Commands() {
		if c.HasSubCommands() {
			c.RunE = incomplete
		}
	}
	return root
}

// incomplete refuses a command that is only the beginning of others. Cobra would print its help and call that a success,
// in a script too, where nobody reads it.
func incomplete(c *cobra.Command, args []string) error {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	needs := fmt.Sprintf("%s needs one of: %s", c.CommandPath(), strings.Join(names, ", "))
	if len(args) > 0 {
		return fmt.Errorf("unknown command %q; %s", args[0], needs)
	}
	return errors.New(needs)
}

// adopt adds a command, or its subcommands where there is one of its name.
func adopt(root, c *cobra.Command) {
	for _, other := range root.Commands() {
		if other.Name() == c.Name() {
			other.AddCommand(c.Commands()...)
			return
		}
	}
	root.AddCommand(c)
}

// configuration loads the settings of the platform and of the modules.
func (p *program) configuration() (*config.Base, module.Assembly, error) {
	return p.configure(p.Modules)
}

func (p *program) configure(modules []module.Module) (*config.Base, module.Assembly, error) {
	base := new(config.Base)
	assembly := module.Assemble(modules)
	file := p.configFile
	if file == "" {
		file = lookup(p.Environ, "PORTICO_CONFIG")
	}
	err := config.Load(file, p.Environ, append([]config.Section{{Target: base}}, assembly.Sections...)...)
	return base, assembly, err
}

func lookup(environ []string, name string) string {
	for _, pair := range environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}
