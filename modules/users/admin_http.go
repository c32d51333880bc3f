package users

import (
	"context"
	"net/http"

	"portico.internal/platform/identity"
	"portico.internal/platform/listing"
	"portico.internal/platform/web"
)

func (h *handler) adminRoutes() []web.Route {
	return []web.Route{
		web.Get("/api/admin/users", web.Admin, h.list, web.Summary("The accounts, by e-mail address")),
		web.Post("/api/admin/users", web.Admin, h.add, web.Status(http.StatusCreated), web.Summary("Make an account for somebody")),
		web.Patch("/api/admin/users/{user_id}", web.Admin, h.edit, web.Summary("Change an account; the last active administrator stays one")),
		web.Delete("/api/admin/users/{user_id}", web.Admin, h.remove, web.Summary("Delete an account, its profile and its memberships")),
		web.Patch("/api/admin/users/{user_id}/active", web.Admin, h.setActive, web.Summary("Let an account in or keep it out; without a body, the opposite of what is")),
		web.Post("/api/admin/users/{user_id}/password", web.Admin, h.setPassword, web.Also(http.StatusNoContent), web.Summary("Set a user's password (204), or without a body make a token to set one with")),
	}
}

func (h *handler) list(ctx context.Context, in *listing.Query) (*listing.Out[UserAdminOut], error) {
	return h.service.list(ctx, *in)
}

func (h *handler) add(ctx context.Context, in *struct{ Body adminCreate }) (*UserAdminOut, error) {
	return h.service.add(ctx, identity.From(ctx), in.Body)
}

func (h *handler) edit(ctx context.Context, in *struct {
	ID   string `path:"user_id"`
	Body adminUpdate
}) (*UserAdminOut, error) {
	return h.service.edit(ctx, identity.From(ctx), in.ID, in.Body)
}

func (h *handler) remove(ctx context.Context, in *struct {
	ID string `path:"user_id"`
}) (*web.None, error) {
	return nil, h.service.remove(ctx, identity.From(ctx), in.ID)
}

func (h *handler) setActive(ctx context.Context, in *struct {
	ID   string `path:"user_id"`
	Body *activeUpdate
}) (*UserAdminOut, error) {
	return h.service.setActive(ctx, identity.From(ctx), in.ID, in.Body.decide)
}

func (h *handler) setPassword(ctx context.Context, in *struct {
	ID   string `path:"user_id"`
	Body *passwordUpdate
}) (*resetOut, error) {
	by := identity.From(ctx)
	if in.Body != nil {
		return nil, h.service.setPassword(ctx, by, in.ID, in.Body.NewPassword)
	}
	token, expires, err := h.service.makeReset(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	return &resetOut{token, expires}, nil
}
