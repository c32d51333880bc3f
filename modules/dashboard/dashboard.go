// Package dashboard answers the first call of a dashboard: what its first page is made of, in one reply. It owns nothing; it
// asks the modules that do.
package dashboard

import "portico.internal/platform/module"

// Module adds the dashboard's first call to the gateway.
var Module = module.New("dashboard",
	module.Provide(newHandler),
	module.Routes((*handler).routes),
)
