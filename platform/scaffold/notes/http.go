package notes

import (
	"context"
	"net/http"

	"portico.internal/modules/settings"
	"portico.internal/platform/identity"
	"portico.internal/platform/listing"
	"portico.internal/platform/web"
)

type handler struct{ service *service }

func newHandler(s *service) *handler { return &handler{s} }

func (h *handler) routes() []web.Route {
	return []web.Route{
		web.Get("/api/notes", web.User, h.list, web.Summary("The items of the caller, the oldest first")),
		web.Post("/api/notes", web.User, h.create, web.Status(http.StatusCreated), web.Summary("Make an item")),
		web.Delete("/api/notes/{id}", web.User, h.delete, web.Summary("Delete an item of the caller")),

		web.Get("/api/settings/notes", web.Admin, h.limits, web.Summary("How long the title of an item may be")),
		web.Patch("/api/settings/notes", web.Admin, h.setLimits, web.Summary("Set how long the title of a new item may be")),
	}
}

func (h *handler) list(ctx context.Context, q *listing.Query) (*listing.Out[itemOut], error) {
	return h.service.list(ctx, identity.From(ctx).ID, *q)
}

func (h *handler) create(ctx context.Context, in *struct{ Body itemCreate }) (*itemOut, error) {
	return h.service.create(ctx, identity.From(ctx).ID, in.Body)
}

func (h *handler) delete(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*web.None, error) {
	return nil, h.service.delete(ctx, identity.From(ctx).ID, in.ID)
}

func (h *handler) limits(ctx context.Context, _ *web.None) (*web.Tagged[limits], error) {
	return settings.Tagged(h.service.limits.Read(ctx))
}

func (h *handler) setLimits(ctx context.Context, in *struct {
	web.IfMatch
	Body limitsUpdate
}) (*web.Tagged[limits], error) {
	return settings.Tagged(h.service.limits.Change(ctx, in.IfMatch, func(_ *settings.Change, v *limits) error {
		if in.Body.MaxTitle.Set {
			v.MaxTitle = in.Body.MaxTitle.Value
		}
		return nil
	}))
}
