package groups

import (
	"context"
	"net/http"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/listing"
	"portico.internal/platform/web"
)

// ownRoutes are for those who run a group. To all others but superusers there is nothing below /api/groups.
func (h *handler) ownRoutes() []web.Route {
	allowed := web.Allow(h.runsGroup)
	return []web.Route{
		web.Get("/api/groups/{id}", web.User, h.own, allowed, web.Summary("A group that the caller runs")),
		web.Get("/api/groups/{id}/members", web.User, h.ownMembers, allowed, web.Summary("Who is in a group that the caller runs, by e-mail")),
		web.Post("/api/groups/{id}/members", web.User, h.ownAdd, allowed, web.Status(http.StatusCreated), web.Summary("Add a user to a group that the caller runs")),
		web.Delete("/api/groups/{id}/members/{user_id}", web.User, h.ownRemove, allowed, web.Summary("Remove a user from a group that the caller runs; not its last admin")),
	}
}

// runsGroup lets in admins of the group and superusers.
func (h *handler) runsGroup(r *http.Request) error {
	caller := identity.From(r.Context())
	if caller.IsAdmin {
		return nil
	}
	runs, err := h.service.runs(r.Context(), caller.ID, r.PathValue("id"))
	if err == nil && !runs {
		err = errs.New(errs.NotFound, "")
	}
	return err
}

func (h *handler) own(ctx context.Context, in *one) (*groupOut, error) {
	return h.service.get(ctx, in.ID)
}

func (h *handler) ownMembers(ctx context.Context, in *struct {
	one
	listing.Query
}) (*listing.Out[member], error) {
	g, err := h.service.get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return h.service.members(ctx, g, in.Query)
}

func (h *handler) ownAdd(ctx context.Context, in *struct {
	one
	Body memberAdd
}) (*member, error) {
	return h.service.add(ctx, in.ID, byEmail(in.Body.Email))
}

func (h *handler) ownRemove(ctx context.Context, in *both) (*web.None, error) {
	return nil, h.service.remove(ctx, in.ID, in.UserID, true)
}
