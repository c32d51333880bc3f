package docservice

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"portico.internal/platform/backup"
	"portico.internal/platform/config"
	"portico.internal/platform/feature"
)

// serviceID is the id under which the gateway keeps the system prompt.
const serviceID = "doc-service"

// Feature is the service inside of a gateway.
var Feature = feature.Feature{
	Service: config.Service{ID: serviceID, Name: serviceName, HealthPath: "/health", Plugin: true, SystemPrompt: defaultPrompt},
	Start: func(ctx context.Context, env feature.Env) (feature.Running, error) {
		c := Config{DataDir: env.DataDir, DatabaseURL: env.DatabaseURL, CheckSchema: !env.Migrate, Gateway: env.Gateway, Logger: env.Logger}
		if env.Executable != "" {
			c.Inspector = []string{env.Executable, inspectCommand.Name()}
		}
		return New(ctx, c)
	},
	Command: inspectCommand,
	Kept:    &feature.Kept{Database: databaseFile, Schema: schema, Part: backup.Part{Files: backedUp}},
}

var inspectCommand = &cobra.Command{
	Use: "docservice-inspect", Short: "Read a PDF from standard input", Hidden: true, Args: cobra.NoArgs,
	Run: func(*cobra.Command, []string) { os.Exit(InspectStdin()) },
}
