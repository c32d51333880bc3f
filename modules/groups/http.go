package groups

import (
	"context"
	"net/http"

	"portico.internal/platform/identity"
	"portico.internal/platform/listing"
	"portico.internal/platform/web"
)

type handler struct{ service *service }

func newHandler(s *service) *handler { return &handler{s} }

func (h *handler) routes() []web.Route {
	created := web.Status(http.StatusCreated)
	return append(h.ownRoutes(),
		web.Get("/api/users/me/groups", web.User, h.mine, web.Summary("The groups of the caller, by name")),

		web.Get("/api/admin/groups", web.Admin, h.list, web.Summary("All groups, by name")),
		web.Post("/api/admin/groups", web.Admin, h.create, created, web.Summary("Make a group")),
		web.Get("/api/admin/groups/{id}", web.Admin, h.detail, web.Summary("A group and who is in it, by e-mail")),
		web.Patch("/api/admin/groups/{id}", web.Admin, h.update, web.Summary("Rename or describe a group")),
		web.Delete("/api/admin/groups/{id}", web.Admin, h.delete, web.Summary("Delete a group; nobody is in it any more")),
		web.Put("/api/admin/groups/{id}/members", web.Admin, h.change, web.Summary("Add and remove many members: additions first, all or none")),
		web.Post("/api/admin/groups/{id}/members/{user_id}", web.Admin, h.add, created, web.Summary("Add a member")),
		web.Delete("/api/admin/groups/{id}/members/{user_id}", web.Admin, h.remove, web.Summary("Remove a member")),
		web.Patch("/api/admin/groups/{id}/members/{user_id}/admin", web.Admin, h.setAdmin, web.Summary("Say whether a member runs the group")),
	)
}

// one names a group.
type one struct {
	ID string `path:"id"`
}

// both name a group and a user.
type both struct {
	ID     string `path:"id"`
	UserID string `path:"user_id"`
}

func (h *handler) mine(ctx context.Context, _ *web.None) (*[]Joined, error) {
	list, err := h.service.Of(ctx, identity.From(ctx).ID)
	return &list, err
}

func (h *handler) list(ctx context.Context, q *listing.Query) (*listing.Out[groupOut], error) {
	return h.service.list(ctx, *q)
}

func (h *handler) create(ctx context.Context, in *struct{ Body groupCreate }) (*groupOut, error) {
	return h.service.create(ctx, in.Body)
}

type detailOut struct {
	Total int64 `header:"X-Total-Count"` // of the members that match
	Body  groupDetail
}

func (h *handler) detail(ctx context.Context, in *struct {
	one
	listing.Query
}) (*detailOut, error) {
	g, err := h.service.get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := h.service.members(ctx, g, in.Query)
	if err != nil {
		return nil, err
	}
	return &detailOut{found.Total, groupDetail{g.ID, g.Name, g.Description, g.CreatedAt, g.MemberCount, found.Body}}, nil
}

func (h *handler) update(ctx context.Context, in *struct {
	one
	Body groupUpdate
}) (*groupOut, error) {
	return h.service.update(ctx, in.ID, in.Body)
}

func (h *handler) delete(ctx context.Context, in *one) (*web.None, error) {
	return nil, h.service.delete(ctx, in.ID)
}

func (h *handler) change(ctx context.Context, in *struct {
	one
	Body bulk
}) (*bulkOut, error) {
	return h.service.change(ctx, in.ID, in.Body)
}

func (h *handler) add(ctx context.Context, in *both) (*member, error) {
	return h.service.add(ctx, in.ID, byID(in.UserID))
}

func (h *handler) remove(ctx context.Context, in *both) (*web.None, error) {
	return nil, h.service.remove(ctx, in.ID, in.UserID, false)
}

func (h *handler) setAdmin(ctx context.Context, in *struct {
	both
	Body adminUpdate
}) (*member, error) {
	return h.service.setAdmin(ctx, in.ID, in.UserID, in.Body.IsGroupAdmin)
}
