// Command docservice is the reference feature service as a process of its own.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"portico.internal/features/docservice"
	settings "portico.internal/platform/config"
	"portico.internal/platform/feature"
	"portico.internal/platform/logging"
	"portico.internal/platform/shutdown"
	"portico.internal/platform/web"
)

const help = `Keeps documents for Portico and believes the identity headers of whoever calls:
let nobody but the gateway reach it.

The environment: DOCSERVICE_LISTEN and DOCSERVICE_DATA_DIR stand for the flags of
these names; DATABASE_URL names the database, which may be the gateway's
(postgres://...; SQLite in the data directory when empty).

With --gateway (DOCSERVICE_GATEWAY_URL) the limit of uploads and the AI that
sorts documents into categories are those of the gateway's settings, and files are
kept in the gateway's storage, unless that is an external service; those in the
data directory move there. It names the
gateway's internal interface, such as http://gateway:8002; the token to show there
is read from PORTICO_SERVICE_TOKEN, which the gateway has, too. Without it there
is no AI, an upload may have 500 MiB, and files stay in the data directory.

As a plugin of the gateway it has settings: which superusers may change and, with
--required-groups (DOCSERVICE_REQUIRED_GROUPS), the members of groups, by name or
id, separated by commas. DOCSERVICE_SECRET_KEY encrypts the secrets among them: 32
bytes in base64 (openssl rand -base64 32), older keys after it, separated by commas;
made as secret.key in the data directory when empty.

DATABASE_URL, DOCSERVICE_SECRET_KEY and PORTICO_SERVICE_TOKEN are secrets: each may
be given by file, named in the variable with _FILE at its end (DATABASE_URL_FILE).`

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := shutdown.Context()
	defer stop()
	root := command()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "docservice:", err)
		return 1
	}
	return 0
}

func command() *cobra.Command {
	var listen string
	var grace time.Duration
	var config docservice.Config
	root := &cobra.Command{
		Use: "docservice", Short: "Portico's reference document service", Long: help, Args: cobra.NoArgs,
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := readSecrets(&config); err != nil {
				return err
			}
			if err := checkGateway(config.Gateway); err != nil {
				return err
			}
			config.Logger = logging.New(os.Stderr, "", "")
			return serve(cmd.Context(), listen, grace, config)
		},
	}
	root.PersistentFlags().StringVar(&listen, "listen", cmp.Or(os.Getenv("DOCSERVICE_LISTEN"), "127.0.0.1:8001"), "address to listen on")
	flags := root.Flags()
	flags.StringVar(&config.DataDir, "data-dir", cmp.Or(os.Getenv("DOCSERVICE_DATA_DIR"), "./data/documents"), "where documents are kept")
	flags.StringVar(&config.Gateway.URL, "gateway", os.Getenv("DOCSERVICE_GATEWAY_URL"), "URL of the gateway's internal interface")
	flags.StringSliceVar(&config.RequiredGroups, "required-groups", strings.Split(os.Getenv("DOCSERVICE_REQUIRED_GROUPS"), ","), "whose members may change the settings, beside superusers")
	flags.DurationVar(&grace, "shutdown-grace", 30*time.Second, "how long requests in flight may take to end")
	root.AddCommand(docservice.Feature.Command, &cobra.Command{
		Use: "healthcheck", Short: "Ask the running service whether it is well: exit code 0 or 1", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return web.AskHealth(cmd.Context(), listen, "/health") },
	})
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// readSecrets takes from the environment what is never a flag: other accounts of the machine see those.
func readSecrets(c *docservice.Config) error {
	for _, secret := range []struct {
		name string
		into *string
	}{
		{"DATABASE_URL", &c.DatabaseURL}, {"DOCSERVICE_SECRET_KEY", &c.SecretKey}, {"PORTICO_SERVICE_TOKEN", &c.Gateway.Token},
	} {
		var err error
		if *secret.into, err = settings.Secret(os.Environ(), secret.name); err != nil {
			return err
		}
	}
	return nil
}

// checkGateway names the setting that is missing beside the other.
func checkGateway(g feature.Gateway) error {
	switch {
	case g.URL == "" && g.Token != "":
		return errors.New("--gateway (DOCSERVICE_GATEWAY_URL): is missing; PORTICO_SERVICE_TOKEN is of no use without it")
	case g.URL != "" && g.Token == "":
		return errors.New("PORTICO_SERVICE_TOKEN: is missing; --gateway (DOCSERVICE_GATEWAY_URL) is of no use without it")
	}
	return nil
}

// serve answers until ctx ends.
func serve(ctx context.Context, listen string, grace time.Duration, config docservice.Config) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	config.Inspector = []string{self, docservice.Feature.Command.Name()}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("--listen (DOCSERVICE_LISTEN): %w", err)
	}
	defer listener.Close()
	service, err := docservice.New(ctx, config)
	if err != nil {
		return err
	}
	config.Logger.Info("listening", slog.String("address", listener.Addr().String()))
	err = web.Serve(ctx, listener, service.Handler(), web.Stop{Grace: grace}, config.Logger)
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return errors.Join(err, service.Close(deadline))
}
