// Package notes keeps a list of items for each user, with titles as long as an administrator allows.
package notes

import "portico.internal/platform/module"

// Module adds notes to the gateway.
var Module = module.New("notes",
	module.Migrations(migrations...),
	module.Provide(newService, newHandler),
	module.Routes((*handler).routes),
)
