package plugins

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"gorm.io/gorm"

	"portico.internal/modules/groups"
	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

type handler struct {
	catalog *catalog
	health  *health
	groups  groups.Directory
	db      *gorm.DB
	audit   *audit.Log
	log     *slog.Logger
}

func newHandler(c *catalog, h *health, g groups.Directory, db *gorm.DB, a *audit.Log, log *slog.Logger) *handler {
	return &handler{c, h, g, db, a, log}
}

func (h *handler) routes() []web.Route {
	allowed := web.Allow(h.mayUse)
	return []web.Route{
		web.Get("/api/services", web.User, h.services, web.Summary("The feature services and how they are")),
		web.Get("/api/plugins", web.User, h.list, web.Summary("The plugins that the caller may use")),
		web.Get("/api/plugins/{id}/manifest", web.User, h.manifest, allowed, web.Summary("What a plugin says about itself")),
		web.Get("/api/plugins/{id}/settings", web.User, h.settings, allowed, web.Summary("The settings of a plugin, secrets masked")),
		web.Patch("/api/plugins/{id}/settings", web.User, h.change, allowed, web.Summary("Change settings of a plugin; a mask that is sent back keeps its secret")),
	}
}

func (h *handler) services(ctx context.Context, _ *web.None) (*[]serviceOut, error) {
	list, err := h.health.list(ctx)
	return &list, err
}

func (h *handler) list(ctx context.Context, _ *web.None) (*[]PluginOut, error) {
	in, err := h.groupsOf(ctx)
	if err != nil {
		return nil, err
	}
	list, err := h.catalog.Visible(ctx, identity.From(ctx), in)
	return &list, err
}

// mayUse lets in whoever may use the plugin. To all others there is none of that id: the caller is judged first, by the
// same steps whatever the id.
func (h *handler) mayUse(r *http.Request) error {
	ctx := r.Context()
	in, err := h.groupsOf(ctx)
	if err == nil {
		err = h.catalog.ready(ctx)
	}
	if err != nil {
		return err
	}
	if p := h.catalog.byID[r.PathValue("id")]; p == nil || !p.admits(identity.From(ctx), in) {
		return errs.New(errs.NotFound, "")
	}
	return nil
}

// one names a plugin.
type one struct {
	ID string `path:"id"`
}

func (h *handler) manifest(_ context.Context, in *one) (*web.Tagged[manifestOut], error) {
	m, err := h.catalog.byID[in.ID].usable()
	if err != nil {
		return nil, err
	}
	return web.Tag(0, m.out)
}

func (h *handler) settings(ctx context.Context, in *one) (*web.Tagged[map[string]any], error) {
	s, err := h.settingsOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.shown(s.read(ctx))
}

func (h *handler) change(ctx context.Context, in *struct {
	one
	web.IfMatch
	Body mergePatch
}) (*web.Tagged[map[string]any], error) {
	s, err := h.settingsOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	patch, err := s.patchOf(in.Body)
	if err != nil {
		return nil, err
	}
	before, now, sent, err := s.change(ctx, patch, in.IfMatch)
	if sent {
		h.log.InfoContext(ctx, "plugin settings changed", "actor", identity.From(ctx).ID, "plugin", in.ID, "keys", keysOf(patch), "address", web.ClientAddr(ctx))
	}
	if sent {
		err = errors.Join(err, h.record(ctx, s, before, now))
	}
	return s.shown(now, err)
}

// record leaves in the audit log how settings differ, as far as the service has told what they are now. It has taken the
// change by then: that is no part of a transaction.
func (h *handler) record(ctx context.Context, s *settings, before, now *stored) error {
	e := audit.Event{Action: "plugin.settings_changed", Target: audit.Target{Type: "plugin", ID: s.id, Name: s.name}}
	if now != nil {
		e.Changes = audit.DiffShown(before.values, now.values, s.schema.mask(before.values), s.schema.mask(now.values))
	}
	return database.Write(context.WithoutCancel(ctx), h.db, func(tx *gorm.DB) error { return h.audit.Record(ctx, tx, e) })
}

// settingsOf is a plugin's settings for the caller.
func (h *handler) settingsOf(ctx context.Context, id string) (*settings, error) {
	p := h.catalog.byID[id]
	m, err := p.usable()
	if err != nil {
		return nil, err
	}
	in, err := h.groupsOf(ctx)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, g := range in {
		ids = append(ids, g.ID)
	}
	slices.Sort(ids)
	return &settings{p, m.schema, callerOf(ctx, ids)}, nil
}
