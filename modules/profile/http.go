package profile

import (
	"context"

	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

type handler struct{ service *service }

func newHandler(s *service) *handler { return &handler{s} }

func (h *handler) routes() []web.Route {
	return []web.Route{
		web.Get("/api/profile/me", web.User, h.mine, web.Summary("The caller's profile, made on first sight")),
		web.Put("/api/profile/me", web.User, h.setMine, web.Summary("Change the caller's profile: given fields are set, null clears")),
	}
}

func (h *handler) mine(ctx context.Context, _ *web.None) (*profileRead, error) {
	p, err := h.service.get(ctx, identity.From(ctx).ID)
	if err != nil {
		return nil, err
	}
	return read(p), nil
}

func (h *handler) setMine(ctx context.Context, in *struct{ Body profileUpdate }) (*profileRead, error) {
	p, err := h.service.update(ctx, identity.From(ctx).ID, in.Body.changes())
	if err != nil {
		return nil, err
	}
	return read(p), nil
}
