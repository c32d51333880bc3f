package settings

import (
	"context"

	"gorm.io/gorm"

	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

// appearance is the setting of that name. Its theme may be gone where somebody has changed the database by hand: then
// the default one is meant.
type appearance struct {
	ThemeID     string `json:"theme_id"`
	DefaultMode string `json:"default_mode"`
}

type appearanceUpdate struct {
	ThemeID     web.Optional[string] `json:"theme_id,omitzero"`
	DefaultMode web.Optional[string] `json:"default_mode,omitzero" enum:"light,dark,system"`
}

// AppearanceOut is what the workspace looks like.
type AppearanceOut struct {
	ThemeID     string   `json:"theme_id"`
	DefaultMode string   `json:"default_mode" enum:"light,dark,system"`
	Theme       themeOut `json:"theme"`
}

// publicAppearance is what anybody may know.
type publicAppearance struct {
	DefaultMode string   `json:"default_mode" enum:"light,dark,system"`
	Theme       themeOut `json:"theme"`
}

// publicOut may lie in caches between, which ask each time whether it is still so.
type publicOut struct {
	CacheControl string `header:"Cache-Control"`
	web.Tagged[publicAppearance]
}

// show resolves the theme. Whoever is not in a transaction reads the setting before: then the version is never newer
// than what is shown under it, and a change to that version is refused where more has happened.
func (a appearance) show(db *gorm.DB) (AppearanceOut, error) {
	theme, err := activeTheme(db, a.ThemeID)
	return AppearanceOut{theme.ID, a.DefaultMode, theme}, err
}

func (t *themes) read(ctx context.Context) (out AppearanceOut, version int64, err error) {
	v, err := t.chosen.Read(ctx)
	if err == nil {
		out, err = v.Is.show(t.db.WithContext(ctx))
	}
	return out, v.Version, err
}

func (t *themes) getAppearance(ctx context.Context, _ *web.None) (*web.Tagged[AppearanceOut], error) {
	out, version, err := t.read(ctx)
	if err != nil {
		return nil, err
	}
	return web.Tag(version, out)
}

func (t *themes) getPublic(ctx context.Context, _ *web.None) (*publicOut, error) {
	return t.public.Get(ctx, "")
}

// Appearance is that of the public route, and as recent.
func (t *themes) Appearance(ctx context.Context) (AppearanceOut, error) {
	out, err := t.public.Get(ctx, "")
	if err != nil {
		return AppearanceOut{}, err
	}
	return AppearanceOut{out.Body.Theme.ID, out.Body.DefaultMode, out.Body.Theme}, nil
}

func (t *themes) loadPublic(ctx context.Context, _ string) (*publicOut, error) {
	out, _, err := t.read(ctx)
	if err != nil {
		return nil, err
	}
	tagged, err := web.Tag(0, publicAppearance{out.DefaultMode, out.Theme})
	if err != nil {
		return nil, err
	}
	return &publicOut{"no-cache", *tagged}, nil
}

func (t *themes) patchAppearance(ctx context.Context, in *struct {
	web.IfMatch
	Body appearanceUpdate
}) (*web.Tagged[AppearanceOut], error) {
	var out AppearanceOut
	v, err := t.chosen.Change(ctx, in.IfMatch, func(c *Change, v *appearance) (err error) {
		if in.Body.ThemeID.Set {
			if err := v.choose(c, in.Body.ThemeID.Value); err != nil {
				return err
			}
		}
		if in.Body.DefaultMode.Set {
			v.DefaultMode = in.Body.DefaultMode.Value
		}
		out, err = v.show(c.DB)
		return err
	})
	if err != nil {
		return nil, err
	}
	return web.Tag(v.Version, out)
}

// choose fails with errs.BadRequest where there is no such theme.
func (a *appearance) choose(c *Change, id string) error {
	_, err := findTheme(c.DB, id)
	if errs.KindOf(err) == errs.NotFound {
		return errs.New(errs.BadRequest, "There is no such theme")
	}
	a.ThemeID = id
	return err
}
