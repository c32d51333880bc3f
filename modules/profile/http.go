package profile

import (
	"context"

	"portico.internal/modules/groups"
	"portico.internal/modules/users"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

type handler struct {
	service  *service
	accounts users.Accounts
	groups   groups.Directory
}

func newHandler(s *service, a users.Accounts, g groups.Directory) *handler { return &handler{s, a, g} }

func (h *handler) routes() []web.Route {
	return []web.Route{
		web.Get("/api/profile/me", web.User, h.mine, web.Summary("The caller's profile, made on first sight")),
		web.Put("/api/profile/me", web.User, h.setMine, web.Summary("Change the caller's profile: given fields are set, null clears")),
		web.Get("/api/admin/users/{user_id}", web.Admin, h.person, web.Summary("A user with groups and profile")),
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
	caller := identity.From(ctx)
	p, err := h.service.update(ctx, caller.ID, caller.Email, in.Body.changes())
	if err != nil {
		return nil, err
	}
	return read(p), nil
}
