package storage

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"portico.internal/platform/errs"
	"portico.internal/platform/module"
)

// storageCommand is for the operator at the machine. It works through the database, with gateways running or not.
func storageCommand(run module.Runner) *cobra.Command {
	parent := &cobra.Command{Use: "storage", Short: "Move all files to another place, or check that they are whole"}
	parent.AddCommand(migrateCommand(run), statusCommand(run), cancelCommand(run), verifyCommand(run))
	return parent
}

func migrateCommand(run module.Runner) *cobra.Command {
	cmd := &cobra.Command{
		Use: "migrate", Short: "Move all files to another place while people work", Args: cobra.NoArgs,
		Long: "Moves all files to another place while people work, and shows how it goes on.\n\n" +
			"A running gateway does the work where there is one, else this command. When it is interrupted, a gateway goes\n" +
			"on; started again to the same place after a failure, a migration goes on from where it was.\n\n" +
			"The place is read from a file, as the body of POST /api/admin/storage-config/migrate, or named by flags. A\n" +
			"secret is never taken from the command line, where others see it.\n\n" +
			"Exit code: 0 completed, 1 failed, 2 cancelled.",
		Example: "  portico storage migrate --target place.json\n" +
			"  portico storage migrate --backend s3 --bucket files --region eu-central-1 --access-key-id AKIA... --secret-env AWS_SECRET_ACCESS_KEY\n" +
			"  portico storage migrate --backend local --root /srv/files",
	}
	target := targetFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in, err := target.read(cmd)
		if err != nil {
			return err
		}
		return run(cmd.Context(), func(c Config, e *engine) error {
			if err := c.here(); err != nil {
				return err
			}
			if _, err := e.beginAt(cmd.Context(), in); err != nil {
				return plain(err)
			}
			return e.follow(cmd)
		})
	}
	return cmd
}

// here refuses to do what another service does.
func (c Config) here() error {
	if c.ServiceURL != "" {
		return errors.New("storage.service_url (PORTICO_STORAGE_SERVICE_URL) names a service that keeps the files: they are moved and checked there")
	}
	return nil
}

// plain makes lines for the operator of an error that is meant for clients.
func plain(err error) error {
	var e *errs.Error
	if !errors.As(err, &e) || len(e.Issues) == 0 {
		return err
	}
	var lines []error
	for _, issue := range e.Issues {
		var words []string
		for _, word := range issue.Loc[1:] {
			words = append(words, fmt.Sprint(word))
		}
		lines = append(lines, fmt.Errorf("%s: %s", strings.Join(words, "."), issue.Msg))
	}
	return errors.Join(lines...)
}

func statusCommand(run module.Runner) *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "Show how the running migration goes on, or how the last one ended", Args: cobra.NoArgs}
	asJSON := cmd.Flags().Bool("json", false, "as GET /api/admin/storage-config/migrate/status has it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return run(cmd.Context(), func(c Config, e *engine) error {
			if err := c.here(); err != nil {
				return err
			}
			s, err := e.status(cmd.Context())
			if err != nil {
				return err
			}
			if *asJSON {
				text, err := json.Marshal(s)
				fmt.Fprintln(cmd.OutOrStdout(), string(text))
				return err
			}
			report(cmd.OutOrStdout(), s)
			return nil
		})
	}
	return cmd
}

func report(out io.Writer, s *Status) {
	if s.State == stateIdle {
		fmt.Fprintln(out, "there has never been a migration")
		return
	}
	p := newProgress(out)
	p.show(*s)
	p.end()
	fmt.Fprintf(out, "started %s\n", s.StartedAt.UTC().Format(time.RFC3339))
	if s.FinishedAt != nil {
		fmt.Fprintf(out, "ended   %s\n", s.FinishedAt.UTC().Format(time.RFC3339))
	}
	_ = ended(out, s)
}

func cancelCommand(run module.Runner) *cobra.Command {
	return &cobra.Command{
		Use: "cancel", Short: "End the running migration before it switches; the files stay where they are", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), func(c Config, e *engine) error {
				if err := c.here(); err != nil {
					return err
				}
				if _, err := e.cancel(cmd.Context()); err != nil {
					return err
				}
				err := e.follow(cmd)
				var exit *module.Exit
				if errors.As(err, &exit) && exit.Code == 2 { // as was wanted
					return nil
				}
				return err
			})
		},
	}
}
