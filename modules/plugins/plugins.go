// Package plugins shows users the feature services behind the gateway: how they are, which of them each user may use,
// and their settings, which it keeps to the schema and the secrets of which it masks.
package plugins

import (
	"context"

	"portico.internal/modules/groups"
	"portico.internal/platform/identity"
	"portico.internal/platform/module"
)

// Module adds the feature services to the gateway.
var Module = module.New("plugins",
	module.Provide(newCatalog, newHealth, newHandler),
	module.Export(func(c *catalog) Catalog { return c }),
	module.Routes((*handler).routes),
)

// Catalog tells other modules which plugins there are for whom.
type Catalog interface {
	// Visible returns the plugins that a caller who is in these groups may use, in the order of the configuration, empty when
	// there are none. No service is asked: they are as they were when the gateway last did, at most 30 s ago. In the first
	// seconds after the start it waits until each has had its chance to answer.
	Visible(ctx context.Context, caller *identity.Caller, in []groups.Joined) ([]PluginOut, error)
}
