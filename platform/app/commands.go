package app

import (
	"fmt"
	"net/http"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/migrate"
	"portico.internal/platform/module"
	"portico.internal/platform/web"
)

func migrateCommand(p *program) *cobra.Command {
	parent := &cobra.Command{Use: "migrate", Short: "Bring the database schema up to date, or show where it stands"}
	parent.AddCommand(
		&cobra.Command{Use: "up", Short: "Run what is pending, in one transaction; then the same for the services in this process", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return p.migrateUp(cmd) }},
		&cobra.Command{Use: "status", Short: "Say where the schema stands and what is to be done; changes nothing", Args: cobra.NoArgs,
			Long: `Says where the schema of the database stands and what migrate up, or the next start, does first; then shows each step:

applied    done, and recorded so
adoptable  done by Alembic, the tool of the FastAPI backend: it is recorded and not run again
pending    not done yet

It changes nothing, and fails where migrate up would refuse to begin.`,
			RunE: func(cmd *cobra.Command, _ []string) error { return p.migrateStatus(cmd) }},
	)
	return parent
}

func (p *program) migrateUp(cmd *cobra.Command) error {
	g, err := p.open(cmd.Context(), p.Modules)
	if err != nil {
		return err
	}
	defer database.Close(g.db)
	applied, err := g.plan.Up(cmd.Context(), g.db)
	if err != nil {
		return err
	}
	for _, a := range applied {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", map[bool]string{true: "adopted", false: "applied"}[a.Adopted], a.Link)
	}
	if len(applied) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "nothing to do")
	}
	return g.migrateFeatures(cmd.Context(), p.Features)
}

func (p *program) migrateStatus(cmd *cobra.Command) error {
	g, err := p.open(cmd.Context(), p.Modules)
	if err != nil {
		return err
	}
	defer database.Close(g.db)
	status, err := g.plan.Status(cmd.Context(), g.db)
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), status.Explain())
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		state string
		links []migrate.Link
	}{{"applied", status.Applied}, {"adoptable", status.Adoptable}, {"pending", status.Pending}} {
		for _, link := range part.links {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", part.state, link.Revision, link.Module, link.Slug)
		}
	}
	return table.Flush()
}

func configCommand(p *program) *cobra.Command {
	parent := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	parent.AddCommand(&cobra.Command{Use: "check", Short: "Say everything that is wrong with the settings, and touch nothing", Args: cobra.NoArgs,
		Long: "Says everything that is wrong with the settings, and touches nothing.\n\n" +
			"They come from the file that --config or PORTICO_CONFIG names, and from variables, which win. What a variable holds\n" +
			"of secrets may be in a file, named in that variable with _FILE at its end: DATABASE_URL_FILE, JWT_PRIVATE_KEY_FILE.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, _, err := p.configuration(); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "the configuration is good")
			return nil
		}})
	return parent
}

func openapiCommand(p *program) *cobra.Command {
	var inside bool
	c := &cobra.Command{Use: "openapi", Short: "Print the OpenAPI 3.1 document", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, internal, err := Describe(p.Spec)
			if err != nil {
				return err
			}
			if inside {
				site = internal
			}
			document, err := site.OpenAPI()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), string(document))
			return err
		}}
	c.Flags().BoolVar(&inside, "internal", false, "that of the internal interface, for feature services")
	return c
}

// Describe returns the public and the internal site of a gateway as they describe themselves, with nothing built behind
// their routes.
func Describe(spec Spec) (public, internal *web.Site, err error) {
	health := &web.Health{}
	outside, inside := module.Declared(spec.Modules)
	public, err = web.New(web.Options{
		Routes: append(outside, health.Routes()), Authenticator: nobody{}, Title: "Portico", Version: Version(),
	})
	if err != nil {
		return nil, nil, err
	}
	internal, err = web.New(web.Options{
		Routes: append(inside, metricsRoutes(nil)), Authenticator: nobody{}, Title: "Portico for feature services", Version: Version(),
	})
	return public, internal, err
}

type nobody struct{}

func (nobody) Authenticate(*http.Request) (*identity.Caller, error) {
	return nil, errs.New(errs.Unauthenticated, "")
}

func healthcheckCommand(p *program) *cobra.Command {
	return &cobra.Command{Use: "healthcheck", Short: "Ask the running gateway whether it is ready: exit code 0 or 1", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			base, _, err := p.configuration()
			if err != nil {
				return err
			}
			if err := web.AskHealth(cmd.Context(), base.Listen, "/health/ready"); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "ready")
			return nil
		}}
}
