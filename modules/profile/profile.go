// Package profile owns what users tell about themselves: one profile for each; and shows all that is known of a user.
package profile

import "portico.internal/platform/module"

// Module adds profiles to the gateway.
var Module = module.New("profile",
	module.Migrations(migrations...),
	module.Provide(newService, newHandler),
	module.Routes((*handler).routes),
)
