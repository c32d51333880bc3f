package profile

import (
	"context"

	"portico.internal/modules/groups"
	"portico.internal/modules/users"
	"portico.internal/platform/web"
)

// person is all that an administrator sees of a user.
type person struct {
	users.UserAdminOut
	Groups  []groups.Joined           `json:"groups"`
	Profile web.Nullable[profileRead] `json:"profile"` // null until its owner has looked at it
}

func (h *handler) person(ctx context.Context, in *struct {
	UserID string `path:"user_id"`
}) (*person, error) {
	account, err := h.accounts.Account(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	joined, err := h.groups.Of(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	p, err := h.service.find(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	return &person{account, joined, web.Nullable[profileRead]{Value: read(p)}}, nil
}
