package settings

import (
	"context"
	"fmt"

	"portico.internal/platform/ai"
	"portico.internal/platform/web"
)

func (a *aiSettings) routes() []web.Route {
	return []web.Route{
		web.Get("/api/settings/ai", web.Admin, a.get, web.Summary("How AI providers are reached; keys are masked")),
		web.Patch("/api/settings/ai", web.Admin, a.patch, web.Summary("Set how AI providers are reached")),
		web.Post("/api/settings/ai/test", web.Admin, a.postTest, web.Summary("Ask the chosen provider for its model, with changes that are not stored")),
	}
}

func (a *aiSettings) internalRoutes() []web.Route {
	return []web.Route{
		web.Get("/internal/settings/ai", web.User, a.getRecent, web.Summary("How AI providers are reached, with their keys")),
	}
}

func (a *aiSettings) get(ctx context.Context, _ *web.None) (*web.Tagged[aiOut], error) {
	return a.tagged(a.setting.Read(ctx))
}

func (a *aiSettings) patch(ctx context.Context, in *struct {
	web.IfMatch
	Body aiUpdate
}) (*web.Tagged[aiOut], error) {
	return a.tagged(a.setting.Change(ctx, in.IfMatch, func(_ *Change, v *aiDocument) error { return a.apply(v, &in.Body) }))
}

func (a *aiSettings) tagged(v Value[aiDocument], err error) (*web.Tagged[aiOut], error) {
	if err != nil {
		return nil, err
	}
	return web.Tag(v.Version, a.show(v.Is))
}

func (a *aiSettings) show(v aiDocument) aiOut {
	out := aiOut{Provider: v.Provider}
	for _, p := range ai.Providers {
		from := v.Providers.of(p)
		to := aiProviderOut{Model: from.Model, BaseURL: from.BaseURL, APIKey: a.store.Mask(from.APIKey), HasAPIKey: from.APIKey.IsSet()}
		if _, err := a.store.Open(from.APIKey); err != nil {
			to.APIKeyError = unusable(err)
		}
		*out.Providers.of(p) = to
	}
	return out
}

// unusable says why a stored key cannot be opened.
func unusable(err error) string { return fmt.Sprintf("The stored key cannot be used: %s", err) }

type aiInternalOut struct {
	CacheControl string `header:"Cache-Control"`
	web.Tagged[aiInternal]
}

// getRecent tags what it shows with the keys masked: from the hash of a short one it could be guessed. The version
// tells one key from the next.
func (a *aiSettings) getRecent(ctx context.Context, _ *web.None) (*aiInternalOut, error) {
	v, err := a.setting.Get(ctx)
	if err != nil {
		return nil, err
	}
	shown := a.show(v.Is)
	tagged, err := web.Tag(v.Version, aiInternal{shown.Provider, shown.Providers, append([]string{}, a.allowedHosts...)})
	if err != nil {
		return nil, err
	}
	for _, p := range ai.Providers {
		out := tagged.Body.Providers.of(p)
		out.APIKey = nil
		if key, err := a.store.Open(v.Is.Providers.of(p).APIKey); err == nil && key != "" {
			out.APIKey = &key
		}
	}
	return &aiInternalOut{"no-store", *tagged}, nil
}
