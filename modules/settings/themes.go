package settings

import (
	"context"
	"mime"
	"net/http"

	"gorm.io/gorm"

	"portico.internal/platform/errs"
	"portico.internal/platform/recent"
	"portico.internal/platform/web"
)

// themes are what the workspace may look like, and which of them it does. All of it changes under the lock and the version
// of the setting appearance.
type themes struct {
	db     *gorm.DB
	chosen *Typed[appearance]
	public *recent.Cache[*publicOut] // one key
}

var _ Looks = (*themes)(nil)

func newThemes(s *Store) *themes {
	t := &themes{db: s.db, chosen: Of(s, "appearance", appearance{ThemeID: defaultTheme.ID, DefaultMode: "system"})}
	t.public = recent.New(1, t.loadPublic)
	s.feed.Subscribe(topic, func(key string) {
		if key == "" || key == t.chosen.Key {
			t.public.InvalidateAll()
		}
	})
	t.chosen.OnRestore = func(c *Change, _ appearance, past *appearance) error { return past.choose(c, past.ThemeID) }
	s.Restorer(themePrefix, t.restoreTheme)
	return t
}

func (t *themes) routes() []web.Route {
	created := web.Status(http.StatusCreated)
	return []web.Route{
		web.Get("/api/public/appearance", web.Public, t.getPublic, web.Summary("What the login page looks like")),

		web.Get("/api/settings/appearance", web.User, t.getAppearance, web.Summary("What the workspace looks like")),
		web.Patch("/api/settings/appearance", web.Admin, t.patchAppearance, web.Summary("Choose the theme and the mode for those who have not chosen one")),

		web.Get("/api/settings/themes", web.User, t.list, web.Summary("The themes to choose from: the built-in ones, then the others by label")),
		web.Post("/api/settings/themes", web.Admin, t.create, created, web.Summary("Make a theme")),
		web.Post("/api/settings/themes/import", web.Admin, t.importTheme, created, web.Summary("Make a theme of an exported one")),
		web.Patch("/api/settings/themes/{id}", web.Admin, t.update, web.Summary("Rename a theme or set single colors; built-in ones stay as they are")),
		web.Delete("/api/settings/themes/{id}", web.Admin, t.delete, web.Summary("Delete a theme; where it is active, the default one becomes so")),
		web.Post("/api/settings/themes/{id}/duplicate", web.Admin, t.duplicate, created, web.Summary("Make a copy of a theme, to be changed")),
		web.Get("/api/settings/themes/{id}/export", web.Admin, t.export, web.Summary("A theme as a document for another workspace")),
	}
}

// themeNamed names a theme.
type themeNamed struct {
	ID string `path:"id"`
}

func (t *themes) list(ctx context.Context, _ *web.None) (*web.Tagged[[]themeOut], error) {
	v, err := t.chosen.Read(ctx)
	if err != nil {
		return nil, err
	}
	list, err := listThemes(t.db.WithContext(ctx), v.Is.ThemeID)
	if err != nil {
		return nil, err
	}
	return web.Tag(v.Version, list)
}

func (t *themes) create(ctx context.Context, in *struct{ Body themeCreate }) (*web.Tagged[themeOut], error) {
	return t.save(ctx, web.IfMatch{}, func(c *Change, v *appearance) (themeOut, error) {
		return addTheme(c, v, in.Body.Label, in.Body.Colors)
	})
}

func (t *themes) importTheme(ctx context.Context, in *struct{ Body themeDocument }) (*web.Tagged[themeOut], error) {
	return t.save(ctx, web.IfMatch{}, func(c *Change, v *appearance) (themeOut, error) {
		return addTheme(c, v, in.Body.Label, in.Body.Colors)
	})
}

func (t *themes) duplicate(ctx context.Context, in *struct {
	themeNamed
	Body *themeDuplicate
}) (*web.Tagged[themeOut], error) {
	return t.save(ctx, web.IfMatch{}, func(c *Change, v *appearance) (themeOut, error) {
		theme, err := findTheme(c.DB, in.ID)
		if err != nil {
			return themeOut{}, err
		}
		label := copyLabel(theme.Label)
		if in.Body != nil && in.Body.Label.Set {
			label = in.Body.Label.Value
		}
		return addTheme(c, v, label, theme.Colors)
	})
}

func (t *themes) update(ctx context.Context, in *struct {
	themeNamed
	web.IfMatch
	Body themeUpdate
}) (*web.Tagged[themeOut], error) {
	if _, builtin := builtinTheme(in.ID); builtin {
		return nil, errs.New(errs.BadRequest, "A built-in theme cannot be changed")
	}
	return t.save(ctx, in.IfMatch, func(c *Change, _ *appearance) (themeOut, error) {
		before, err := findTheme(c.DB, in.ID)
		if err != nil {
			return themeOut{}, err
		}
		after := before
		if in.Body.Label.Set {
			after.Label = in.Body.Label.Value
		}
		if err := after.Colors.set(in.Body.Colors); err != nil {
			return themeOut{}, err
		}
		return after, alterTheme(c, before, after)
	})
}

// save runs a change that makes or alters a theme.
func (t *themes) save(ctx context.Context, match web.IfMatch, change func(*Change, *appearance) (themeOut, error)) (*web.Tagged[themeOut], error) {
	var theme themeOut
	v, err := t.chosen.Change(ctx, match, func(c *Change, v *appearance) (err error) {
		theme, err = change(c, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	theme.IsActive = theme.ID == v.Is.ThemeID
	theme.Warnings = poorContrast(theme.Colors, readable)
	return web.Tag(v.Version, theme)
}

func (t *themes) delete(ctx context.Context, in *struct {
	themeNamed
	web.IfMatch
}) (*web.None, error) {
	if _, builtin := builtinTheme(in.ID); builtin {
		return nil, errs.New(errs.BadRequest, "A built-in theme cannot be deleted")
	}
	_, err := t.chosen.Change(ctx, in.IfMatch, func(c *Change, v *appearance) error {
		theme, err := findTheme(c.DB, in.ID)
		if err != nil {
			return err
		}
		return dropTheme(c, v, theme)
	})
	return nil, err
}

type exportOut struct {
	Disposition string `header:"Content-Disposition"`
	web.Tagged[themeDocument]
}

func (t *themes) export(ctx context.Context, in *themeNamed) (*exportOut, error) {
	theme, err := findTheme(t.db.WithContext(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	tagged, err := web.Tag(0, themeDocument{1, theme.Label, theme.Colors})
	if err != nil {
		return nil, err
	}
	name := mime.FormatMediaType("attachment", map[string]string{"filename": theme.ID + ".theme.json"})
	return &exportOut{name, *tagged}, nil
}
