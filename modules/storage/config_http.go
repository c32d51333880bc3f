package storage

import (
	"context"

	"portico.internal/platform/web"
)

const configPath = "/api/admin/storage-config"

// configDoor is where admins see and change the active backend.
type configDoor struct {
	settings *settings
	remote   *remote
}

func newConfigDoor(s *settings, r *remote) configDoor { return configDoor{s, r} }

func (d configDoor) routes() []web.Route {
	return d.remote.instead([]web.Route{
		web.Get(configPath, web.Admin, d.get, web.Summary("Where files are kept, how that is, and how much there is")),
		web.Patch(configPath, web.Admin, d.patch, web.Summary("Change credentials or options of the place; they are tried first")),
	})
}

// configPatch changes what is given; null clears.
type configPatch struct {
	Backend web.Optional[string] `json:"backend,omitzero" enum:"local,s3,azure" doc:"The one that is active"`
	Config  configIn             `json:"config"`
}

func (d configDoor) get(ctx context.Context, _ *web.None) (*configOut, error) {
	return d.settings.get(ctx)
}

func (d configDoor) patch(ctx context.Context, in *struct{ Body configPatch }) (*configOut, error) {
	if err := d.settings.patch(ctx, in.Body); err != nil {
		return nil, err
	}
	return d.settings.get(ctx)
}
