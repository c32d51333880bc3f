// Package modules lists the modules of the gateway.
package modules

import (
	"portico.internal/modules/audit"
	"portico.internal/modules/auth"
	"portico.internal/modules/dashboard"
	"portico.internal/modules/docproxy"
	"portico.internal/modules/groups"
	"portico.internal/modules/plugins"
	"portico.internal/modules/profile"
	"portico.internal/modules/settings"
	"portico.internal/modules/storage"
	"portico.internal/modules/users"
	"portico.internal/platform/module"
)

// All are the modules of this tree, one line each, sorted.
func All() []module.Module {
	return []module.Module{
		audit.Module,
		auth.Module,
		dashboard.Module,
		docproxy.Module,
		groups.Module,
		plugins.Module,
		profile.Module,
		settings.Module,
		storage.Module,
		users.Module,
	}
}
