// Package settings owns what admins decide for the whole workspace: AI, limits, system prompts, appearance and themes,
// and the [Store] in which other modules keep settings of their own.
package settings

import (
	"context"

	"portico.internal/platform/config"
	"portico.internal/platform/egress"
	"portico.internal/platform/module"
)

// Module adds the workspace's settings to the gateway.
var Module = module.New("settings",
	module.Config[Config]("ai"),
	module.Migrations(migrations...),
	module.Provide(newAI, newLimits, newPrompts, newThemes),
	module.Export(
		newStore,
		func(l *limits) Limits { return l },
		func(t *themes) Looks { return t },
	),
	module.Routes((*aiSettings).routes),
	module.Routes((*limits).routes),
	module.Routes((*prompts).routes),
	module.Routes((*Store).historyRoutes),
	module.Routes((*themes).routes),
	module.Internal((*aiSettings).internalRoutes),
	module.Internal((*limits).internalRoutes),
	module.Internal((*prompts).internalRoutes),
	module.Secrets(sealedFields),
)

// Config says which addresses AI providers may have.
type Config struct {
	AllowedHosts []string `yaml:"allowed_hosts" env:"PORTICO_AI_ALLOWED_HOSTS" validate:"max=100,dive,max=260" example:"localhost:11434" doc:"Private hosts that an AI provider may be at, as host or host:port. None: private addresses are refused."`
}

var _ config.Checker = (*Config)(nil)

// Check holds the hosts against their form.
func (c *Config) Check() []config.Problem {
	for _, host := range c.AllowedHosts {
		if err := egress.CheckHost(host); err != nil {
			return []config.Problem{{Setting: "allowed_hosts", Text: err.Error()}}
		}
	}
	return nil
}

// Limits tells other modules how much a user may send.
type Limits interface {
	// MaxPDFBytes is the most bytes that the file in an upload may have, the multipart frame aside. It follows a
	// change within a second on every replica.
	MaxPDFBytes(ctx context.Context) (int64, error)
}

// Looks tells other modules what the workspace looks like.
type Looks interface {
	// Appearance returns the theme that is chosen and the mode for those who have not chosen one. They follow a change
	// within a second on every replica.
	Appearance(ctx context.Context) (AppearanceOut, error)
}
