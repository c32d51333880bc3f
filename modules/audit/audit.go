// Package audit keeps the record of who has done what: rows that are only ever added, shown to administrators and swept when
// they are old. Modules write to it through [portico.internal/platform/audit].
package audit

import (
	"portico.internal/platform/audit"
	"portico.internal/platform/module"
)

// Module adds the audit log to the gateway.
var Module = module.New("audit",
	module.Config[Config]("audit"),
	module.Migrations(migrations...),
	module.Provide(newService, newHandler, newSweeper),
	module.Export(func(s *service) audit.Keeper { return s }),
	module.Routes((*handler).routes),
	module.OnStart((*sweeper).start),
)

// Config says for how long entries are kept.
type Config struct {
	RetentionDays int `yaml:"retention_days" env:"PORTICO_AUDIT_RETENTION_DAYS" default:"365" validate:"min=0,max=36500" doc:"How long entries of the audit log are kept. 0: for ever."`
}
