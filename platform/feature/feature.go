// Package feature is what a feature service written in Go looks like to the program that runs it: the gateway, on a
// loopback port of its own, or a process of its own.
package feature

import (
	"context"
	"log/slog"
	"net/http"

	"portico.internal/platform/config"
)

// Feature is a feature service that can be started.
type Feature struct {
	Service config.Service // how the gateway lists it; its URL is found at the start
	Start   func(context.Context, Env) (Running, error)
}

// Env is what a feature is given.
type Env struct {
	DataDir     string // its own folder, which it makes
	DatabaseURL string // empty: SQLite in DataDir
	Logger      *slog.Logger
}

// Running is a started feature.
type Running interface {
	Handler() http.Handler
	Close(context.Context) error // after the last request
}
