package users

import (
	"context"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

type handler struct{ service *service }

func newHandler(s *service) *handler { return &handler{s} }

func (h *handler) routes() []web.Route {
	return append(h.adminRoutes(),
		web.Get("/api/users/me", web.User, h.me, web.Summary("The caller's account")),
		web.Patch("/api/users/me", web.User, h.setMe, web.Summary("Change the caller's name")),
		web.Get("/api/users/me/preferences", web.User, h.preferences, web.Summary("The caller's dashboard")),
		web.Patch("/api/users/me/preferences", web.User, h.setPreferences, web.Summary("Arrange the caller's dashboard")),
		web.Patch("/api/users/me/color-mode", web.User, h.setColorMode, web.Summary("Choose the caller's colour mode")),
	)
}

func (h *handler) me(ctx context.Context, _ *web.None) (*UserOut, error) {
	account, _, err := h.service.Own(ctx, identity.From(ctx).ID)
	return &account, err
}

func (h *handler) setMe(ctx context.Context, in *struct{ Body selfUpdate }) (*UserOut, error) {
	a, err := h.service.setFullName(ctx, identity.From(ctx).ID, in.Body.FullName)
	if err != nil {
		return nil, lost(err)
	}
	return &a.out, nil
}

func (h *handler) preferences(ctx context.Context, _ *web.None) (*preferences, error) {
	_, appIDs, err := h.service.Own(ctx, identity.From(ctx).ID)
	return &preferences{appIDs}, err
}

func (h *handler) setPreferences(ctx context.Context, in *struct{ Body preferencesUpdate }) (*preferences, error) {
	a, err := h.service.setAppIDs(ctx, identity.From(ctx).ID, in.Body.AppIDs)
	if err != nil {
		return nil, lost(err)
	}
	return &preferences{a.appIDs}, nil
}

func (h *handler) setColorMode(ctx context.Context, in *struct{ Body colorModeUpdate }) (*UserOut, error) {
	a, err := h.service.setColorMode(ctx, identity.From(ctx).ID, in.Body.ColorMode)
	if err != nil {
		return nil, lost(err)
	}
	return &a.out, nil
}

// lost says of a caller whose account went away since the request came in what any later request will hear.
func lost(err error) error {
	if errs.KindOf(err) == errs.NotFound {
		return errEnded()
	}
	return err
}
