// Package storage owns where files are kept.
//
// A blob at a backend never changes. The catalogue, a table, says for each key which blob has its content, where that
// lies, its size and its SHA-256; what it does not name does not exist for clients. So an overwrite is one commit, what
// was deleted cannot come back, and moving to another backend is copying things that stay as they are.
//
// With storage.service_url an external storage service does all this: admins' calls are passed on to it (see [remote]),
// and the gateway keeps no objects.
package storage

import (
	"portico.internal/platform/backup"
	"portico.internal/platform/module"
)

// Module adds storage to the gateway.
var Module = module.New("storage",
	module.Config[Config]("storage"),
	module.Migrations(migrations...),
	module.Secrets(sealedColumn),
	module.Backup(backup.Part{Files: backedUp, Restored: restored}),
	module.Provide(newRemote, newBackends, newObjects, newObjectsDoor, newSettings, newConfigDoor, newEngine, newMigrationDoor),
	module.Routes(configDoor.routes),
	module.Routes(migrationDoor.routes),
	module.Internal(objectsDoor.routes),
	module.Metrics[*engine](),
	module.Summary("storage", (*settings).summary),
	module.OnStart((*backends).start),
	module.OnStart((*engine).start),
	module.Command(storageCommand),
)

// Config says who keeps the files.
type Config struct {
	ServiceURL string `yaml:"service_url" env:"PORTICO_STORAGE_SERVICE_URL" validate:"omitempty,http_url,max=2048" example:"http://127.0.0.1:8103" doc:"A storage service that takes the storage calls. Empty: the engine in this process."`
}
