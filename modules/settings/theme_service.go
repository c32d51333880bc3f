package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"golang.org/x/text/cases"
	"gorm.io/gorm"

	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

const (
	maxThemes   = 200       // that admins have made
	themePrefix = "themes." // of the keys of the history
)

func builtinTheme(id string) (themeOut, bool) {
	at := slices.IndexFunc(builtinThemes, func(t themeOut) bool { return t.ID == id })
	if at < 0 {
		return themeOut{}, false
	}
	return builtinThemes[at], true
}

// findTheme fails with errs.NotFound where there is none.
func findTheme(db *gorm.DB, id string) (themeOut, error) {
	if theme, ok := builtinTheme(id); ok {
		return theme, nil
	}
	var row Theme
	err := db.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return themeOut{}, errs.New(errs.NotFound, "Theme not found")
	}
	if err != nil {
		return themeOut{}, err
	}
	return themeOf(row)
}

// activeTheme is the theme that is chosen, or the default one where that is gone.
func activeTheme(db *gorm.DB, chosen string) (themeOut, error) {
	theme, err := findTheme(db, chosen)
	if errs.KindOf(err) == errs.NotFound {
		theme, err = defaultTheme, nil
	}
	theme.IsActive = true
	return theme, err
}

// listThemes returns the built-in ones, then the others by label.
func listThemes(db *gorm.DB, chosen string) ([]themeOut, error) {
	var rows []Theme
	if err := db.Find(&rows).Error; err != nil {
		return nil, err
	}
	fold := cases.Fold()
	slices.SortFunc(rows, func(a, b Theme) int {
		return cmp.Or(cmp.Compare(fold.String(a.Label), fold.String(b.Label)), cmp.Compare(a.ID, b.ID))
	})
	list := slices.Clone(builtinThemes)
	for _, row := range rows {
		theme, err := themeOf(row)
		if err != nil {
			return nil, err
		}
		list = append(list, theme)
	}
	active := slices.IndexFunc(list, func(t themeOut) bool { return t.ID == chosen })
	list[max(active, 0)].IsActive = true
	return list, nil
}

// makeTheme stores a theme under an id that is free.
func makeTheme(c *Change, theme themeOut) error {
	var count int64
	if err := c.Model(&Theme{}).Count(&count).Error; err != nil {
		return err
	}
	if count >= maxThemes {
		return errs.New(errs.BadRequest, fmt.Sprintf("There can be at most %d themes besides the built-in ones", maxThemes))
	}
	text, err := json.Marshal(theme.Colors)
	if err != nil {
		return err
	}
	if err := c.Create(&Theme{ID: theme.ID, Label: theme.Label, Colors: string(text)}).Error; err != nil {
		return err
	}
	return c.Record(themePrefix+theme.ID, nil, theme.value())
}

// addTheme makes a theme under an id made of its label.
func addTheme(c *Change, v *appearance, label string, in colors) (themeOut, error) {
	var taken []string
	if err := c.Model(&Theme{}).Pluck("id", &taken).Error; err != nil {
		return themeOut{}, err
	}
	taken = append(taken, "import", v.ThemeID) // part of a path, and chosen even while it is gone
	for _, theme := range builtinThemes {
		taken = append(taken, theme.ID)
	}
	theme := themeOut{ID: freeThemeID(label, taken), Label: label, Colors: in}
	return theme, makeTheme(c, theme)
}

func alterTheme(c *Change, before, after themeOut) error {
	if after.value() == before.value() {
		return nil
	}
	text, err := json.Marshal(after.Colors)
	if err != nil {
		return err
	}
	err = c.Model(&Theme{}).Where("id = ?", after.ID).Updates(map[string]any{"label": after.Label, "colors": string(text)}).Error
	if err != nil {
		return err
	}
	return c.Record(themePrefix+after.ID, before.value(), after.value())
}

// dropTheme deletes a theme. Where it is the chosen one, the default one takes its place.
func dropTheme(c *Change, v *appearance, theme themeOut) error {
	if v.ThemeID == theme.ID {
		v.ThemeID = defaultTheme.ID
	}
	if err := c.Where("id = ?", theme.ID).Delete(&Theme{}).Error; err != nil {
		return err
	}
	return c.Record(themePrefix+theme.ID, theme.value(), nil)
}

// restoreTheme brings back what a theme was, also one that is gone, or deletes one that was not there. What another
// theme under the same id has been meanwhile is in the history as well.
func (t *themes) restoreTheme(ctx context.Context, key string, value []byte) error {
	id := strings.TrimPrefix(key, themePrefix)
	if _, builtin := builtinTheme(id); builtin {
		return errs.New(errs.BadRequest, "A built-in theme has this id now")
	}
	_, err := t.chosen.Change(ctx, web.IfMatch{}, func(c *Change, v *appearance) error {
		present, err := findTheme(c.DB, id)
		gone := errs.KindOf(err) == errs.NotFound
		switch {
		case err != nil && !gone:
			return err
		case gone && value == nil:
			return nil
		case value == nil:
			return dropTheme(c, v, present)
		}
		past := themeValue{Colors: defaultTheme.Colors}
		if err := json.Unmarshal(value, &past); err != nil {
			return err
		}
		theme := themeOut{ID: id, Label: past.Label, Colors: past.Colors}
		if gone {
			return makeTheme(c, theme)
		}
		return alterTheme(c, present, theme)
	})
	return err
}
