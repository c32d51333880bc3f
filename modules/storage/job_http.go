package storage

import (
	"context"
	"net/http"

	"portico.internal/platform/web"
)

const migratePath = configPath + "/migrate"

// migrationDoor is where admins start, watch and cancel migrations.
type migrationDoor struct {
	engine *engine
	remote *remote
}

func newMigrationDoor(e *engine, r *remote) migrationDoor { return migrationDoor{e, r} }

func (d migrationDoor) routes() []web.Route {
	accepted := web.Status(http.StatusAccepted)
	return d.remote.instead([]web.Route{
		web.Post(migratePath, web.Admin, d.begin, accepted, web.Summary("Move all files to another place, which is tried first, while people work")),
		web.Delete(migratePath, web.Admin, d.cancel, accepted, web.Summary("Cancel the migration before it switches; the files stay where they are")),
		web.Get(migratePath+"/status", web.Admin, d.status, web.Summary("How the migration goes on, or how the last one ended")),
	})
}

func (d migrationDoor) begin(ctx context.Context, in *struct{ Body placeIn }) (*Status, error) {
	return d.engine.beginAt(ctx, in.Body)
}

func (d migrationDoor) cancel(ctx context.Context, _ *web.None) (*Status, error) {
	return d.engine.cancel(ctx)
}

func (d migrationDoor) status(ctx context.Context, _ *web.None) (*Status, error) {
	return d.engine.status(ctx)
}
