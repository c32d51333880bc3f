package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"portico.internal/platform/scaffold"
)

func moduleCommand(p *program) *cobra.Command {
	parent := &cobra.Command{Use: "module", Short: "Add to the gateway's sources"}
	var out, path string
	var from scaffold.Source
	begin := &cobra.Command{Use: "new NAME", Short: "Write a module that works, to be changed into yours", Args: cobra.ExactArgs(1),
		Long: "Writes a module that works: a table, two routes and a setting, with tests on both databases.\n\n" +
			"In the gateway's sources it becomes modules/NAME, with lines in modules/modules.go, migrations/chain.txt,\n" +
			"modules/boundaries_test.go and modules/audit_deeds_test.go. With --out it becomes a gateway of your own elsewhere: a Go module with the same main.go,\n" +
			"which lists yours too. Nothing that is there is written over. The guide is docs/guides/module.md.",
		Example: "  portico module new bookmarks\n  portico module new bookmarks --out ../bookmarks --path example.com/team/bookmarks",
		RunE: func(cmd *cobra.Command, args []string) error {
			m := scaffold.Module{Name: args[0]}
			var err error
			if m.Taken, err = p.taken(); err != nil {
				return err
			}
			here, err := os.Getwd()
			if err != nil {
				return err
			}
			tree := scaffold.FindTree(here)
			if out == "" {
				return inTree(cmd, m, tree)
			}
			if from.Version == "" && from.Tree == "" {
				from.Tree = tree
			}
			return outside(cmd, m, out, path, from)
		}}
	begin.Flags().StringVar(&out, "out", "", "folder for a gateway of your own, outside of these sources")
	begin.Flags().StringVar(&path, "path", "", "with --out: path of its Go module (default NAME.internal)")
	begin.Flags().StringVar(&from.Tree, "source", "", "with --out: folder of the gateway's sources (default: those around this folder)")
	begin.Flags().StringVar(&from.Version, "version", "", "with --out: version of the gateway, in place of its sources")
	begin.MarkFlagsMutuallyExclusive("source", "version")
	parent.AddCommand(begin)
	return parent
}

func inTree(cmd *cobra.Command, m scaffold.Module, tree string) error {
	for _, name := range []string{"path", "source", "version"} {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s says something about a gateway of your own: give --out too", name)
		}
	}
	if tree == "" {
		return errors.New("the gateway's sources are not around this folder: go there, or give --out for a gateway of your own")
	}
	written, err := m.InTree(tree)
	if err != nil {
		return err
	}
	report(cmd, tree, written, "go test ./modules ./migrations -run 'Golden|Schema' -update", "go test ./modules/"+m.Name)
	return nil
}

func outside(cmd *cobra.Command, m scaffold.Module, dir, path string, from scaffold.Source) error {
	if from == (scaffold.Source{}) {
		return errors.New("where are the gateway's packages? Give --source, a folder with its sources, or --version")
	}
	if path == "" {
		path = m.Name + ".internal"
	}
	written, err := m.Outside(dir, path, from)
	if err != nil {
		return err
	}
	first := "go test ./..."
	if from.Tree == "" {
		first = "go mod tidy && go test ./..."
	}
	report(cmd, dir, written, first, "go run .")
	return nil
}

// report says what was written and what to do next.
func report(cmd *cobra.Command, dir string, written []string, next ...string) {
	for _, file := range written {
		fmt.Fprintln(cmd.OutOrStdout(), "wrote "+filepath.Join(dir, filepath.FromSlash(file)))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "\nNext, in %s:\n  %s\n", dir, strings.Join(next, "\n  "))
}

// taken are the names that a module cannot have, with who has them: a module's, and the first word of a path that the
// module would want for itself.
func (p *program) taken() (map[string]string, error) {
	public, _, err := Describe(p.Spec)
	if err != nil {
		return nil, err
	}
	taken := map[string]string{}
	for _, r := range public.Routes() {
		for _, prefix := range []string{"/api/", "/api/settings/"} {
			if rest, ok := strings.CutPrefix(r.Path, prefix); ok {
				name, _, _ := strings.Cut(rest, "/")
				taken[name] = r.Path + ", which module " + r.Module + " serves"
			}
		}
	}
	for _, m := range p.Modules {
		taken[m.Name] = "a module"
	}
	return taken, nil
}
