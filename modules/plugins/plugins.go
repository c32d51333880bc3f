// Package plugins shows users the feature services behind the gateway: how they are, which of them each user may use,
// and their settings, which it keeps to the schema and the secrets of which it masks.
package plugins

import "portico.internal/platform/module"

// Module adds the feature services to the gateway.
var Module = module.New("plugins",
	module.Provide(newCatalog, newHealth, newHandler),
	module.Routes((*handler).routes),
)
