// Package profile owns what a user tells about themselves: one profile for each user.
package profile

import "portico.internal/platform/module"

// Module adds profiles to the gateway.
var Module = module.New("profile",
	module.Migrations(migrations...),
)
