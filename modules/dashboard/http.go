package dashboard

import (
	"context"

	"portico.internal/modules/groups"
	"portico.internal/modules/plugins"
	"portico.internal/modules/settings"
	"portico.internal/modules/users"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

type handler struct {
	accounts users.Accounts
	groups   groups.Directory
	plugins  plugins.Catalog
	looks    settings.Looks
	limits   settings.Limits
}

func newHandler(a users.Accounts, g groups.Directory, p plugins.Catalog, s settings.Looks, l settings.Limits) *handler {
	return &handler{a, g, p, s, l}
}

func (h *handler) routes() []web.Route {
	return []web.Route{
		web.Get("/api/users/me/context", web.User, h.context, web.Summary("All that a dashboard needs at its start: account, groups, plugins, appearance, limits")),
	}
}

// context reads the groups from the database, once, for whoever has just left one must not see its plugins any more. All
// else is at hand, and at most a second old.
func (h *handler) context(ctx context.Context, _ *web.None) (*web.Tagged[contextOut], error) {
	caller := identity.From(ctx)
	var out contextOut
	var err error
	if out.User, out.AppIDs, err = h.accounts.Own(ctx, caller.ID); err != nil {
		return nil, err
	}
	if out.Groups, err = h.groups.Of(ctx, caller.ID); err != nil {
		return nil, err
	}
	if out.Plugins, err = h.plugins.Visible(ctx, caller, out.Groups); err != nil {
		return nil, err
	}
	if out.Appearance, err = h.looks.Appearance(ctx); err != nil {
		return nil, err
	}
	bytes, err := h.limits.MaxPDFBytes(ctx)
	if err != nil {
		return nil, err
	}
	out.Limits = limits{MaxPDFMB: bytes >> 20}
	out.Mode = out.Appearance.DefaultMode
	if own := out.User.ColorMode; own != nil {
		out.Mode = *own
	}
	return web.Tag(0, out)
}
