// Package storage owns where files are kept.
package storage

import "portico.internal/platform/module"

// Module adds storage to the gateway.
var Module = module.New("storage",
	module.Config[Config]("storage"),
)

// Config says who keeps the files.
type Config struct {
	ServiceURL string `yaml:"service_url" env:"PORTICO_STORAGE_SERVICE_URL" validate:"omitempty,http_url,max=2048" example:"http://127.0.0.1:8103" doc:"A storage service that takes the storage calls. Empty: the engine in this process."`
}
