// Package docproxy passes /api/documents on to the document service, with the caller's identity.
package docproxy

import (
	"fmt"
	"time"

	"portico.internal/modules/groups"
	"portico.internal/modules/settings"
	"portico.internal/platform/module"
	"portico.internal/platform/upstream"
)

// Module adds the document proxy to the gateway.
var Module = module.New("docproxy",
	module.Config[Config]("documents"),
	module.Provide(newProxy),
	module.Routes((*proxy).routes),
)

// Config says which service the documents are at.
type Config struct {
	Service               string        `yaml:"service" env:"PORTICO_DOCUMENTS_SERVICE" default:"doc-service" validate:"required,max=64" doc:"The id of the service that /api/documents goes to."`
	ResponseHeaderTimeout time.Duration `yaml:"response_header_timeout" env:"PORTICO_DOCUMENTS_RESPONSE_HEADER_TIMEOUT" default:"60s" validate:"min=100ms,max=1h" doc:"How long the document service may keep a caller waiting for its reply to begin; past it 504."`
}

type proxy struct {
	Config
	service *upstream.Client
	groups  groups.Memberships
	limits  settings.Limits
	shares  shares
}

func newProxy(c Config, services *upstream.Registry, g groups.Memberships, l settings.Limits) (*proxy, error) {
	service, ok := services.Lookup(c.Service)
	if !ok {
		return nil, fmt.Errorf("documents.service (PORTICO_DOCUMENTS_SERVICE): no service %q is configured; add it to services or name one that is there", c.Service)
	}
	return &proxy{Config: c, service: service, groups: g, limits: l}, nil
}
