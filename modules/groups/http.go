package groups

import (
	"context"

	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

type handler struct{ service *service }

func newHandler(s *service) *handler { return &handler{s} }

func (h *handler) routes() []web.Route {
	return []web.Route{
		web.Get("/api/users/me/groups", web.User, h.mine, web.Summary("The groups of the caller, by name")),
	}
}

func (h *handler) mine(ctx context.Context, _ *web.None) (*[]myGroup, error) {
	list, err := h.service.mine(ctx, identity.From(ctx).ID)
	return &list, err
}
