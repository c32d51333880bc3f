// Package settings owns what admins decide for the whole workspace.
package settings

import (
	"context"

	"portico.internal/platform/module"
)

// Module adds the workspace's settings to the gateway.
var Module = module.New("settings",
	module.Config[Config]("ai"),
	module.Export(func() Limits { return defaults{} }),
)

// Config says which addresses AI providers may have.
type Config struct {
	AllowedHosts []string `yaml:"allowed_hosts" env:"PORTICO_AI_ALLOWED_HOSTS" validate:"max=100,dive,max=260" example:"localhost:11434" doc:"Private hosts that an AI provider may be at, as host or host:port. None: private addresses are refused."`
}

// Limits tells other modules how much a user may send.
type Limits interface {
	// MaxPDFBytes is the most bytes that the file in an upload may have, the multipart frame aside. It follows a
	// change within a second on every replica.
	MaxPDFBytes(ctx context.Context) (int64, error)
}

// defaultMaxPDFMB holds until an admin says otherwise. 1 MB is 1,048,576 bytes.
const defaultMaxPDFMB = 20

type defaults struct{}

func (defaults) MaxPDFBytes(context.Context) (int64, error) { return defaultMaxPDFMB << 20, nil }
