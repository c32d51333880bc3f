// Package feature is what a feature service written in Go looks like to the program that runs it: the gateway, on a
// loopback port of its own, or a process of its own.
package feature

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/spf13/cobra"

	"portico.internal/platform/backup"
	"portico.internal/platform/config"
	"portico.internal/platform/migrate"
)

// Feature is a feature service that can be started.
type Feature struct {
	Service config.Service // how the gateway lists it; its URL is found at the start
	Start   func(context.Context, Env) (Running, error)

	// Command is a hidden command of the program that runs the feature, for work that is better done in a process of
	// its own. Nil: none.
	Command *cobra.Command

	// Kept is what it leaves in its folder, for backups of the gateway. Nil: nothing.
	Kept *Kept
}

// Kept is what a feature leaves in its folder.
type Kept struct {
	Database string                        // the file of its SQLite database, where [Env].DatabaseURL is empty
	Schema   func() (*migrate.Plan, error) // of its tables
	backup.Part
}

// Env is what a feature is given.
type Env struct {
	DataDir     string // its own folder, which it makes
	DatabaseURL string // empty: SQLite in DataDir
	Logger      *slog.Logger
	Migrate     bool // bring the schema up to date; else refuse to start where it is behind
	Gateway     Gateway

	// Executable is the program that has the feature's Command, empty where there is no such program (in a test).
	Executable string
}

// Gateway is where a feature asks for the workspace's settings. It answers a moment after the feature has started.
type Gateway struct {
	URL   string // of the internal interface, empty where that is turned off
	Token string // the bearer token to show there
}

// Running is a started feature.
type Running interface {
	Handler() http.Handler
	Close(context.Context) error // after the last request
}
