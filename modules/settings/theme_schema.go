package settings

import (
	"github.com/go-json-experiment/json"

	"portico.internal/platform/errs"
	"portico.internal/platform/sanitize"
	"portico.internal/platform/web"
)

// themeOut is a theme as it is shown.
type themeOut struct {
	ID        string            `json:"id"`
	Label     string            `json:"label"`
	IsBuiltin bool              `json:"is_builtin"`
	IsActive  bool              `json:"is_active"`
	Colors    colors            `json:"colors"`
	Warnings  []contrastWarning `json:"warnings,omitzero" doc:"Texts that are hard to read in these colors; only told to whoever makes or alters the theme"`
}

// themeValue is what the history keeps of a theme.
type themeValue struct {
	Label  string `json:"label"`
	Colors colors `json:"colors"`
}

func (t themeOut) value() themeValue { return themeValue{t.Label, t.Colors} }

// themeOf reads a row. Tokens that it does not have yet are those of the default theme.
func themeOf(row Theme) (themeOut, error) {
	theme := themeOut{ID: row.ID, Label: row.Label, Colors: defaultTheme.Colors}
	return theme, json.Unmarshal([]byte(row.Colors), &theme.Colors)
}

// themeCreate is what a new theme is made of.
type themeCreate struct {
	Label  string `json:"label" doc:"1 to 64 characters"`
	Colors colors `json:"colors"`
}

var _ web.Checker = (*themeCreate)(nil)

// Check brings the label into the form in which it is stored, and refuses what is no mode or token.
func (t *themeCreate) Check(c *web.Check) {
	web.Apply(c, &t.Label, cleanLabel, "label")
	checkColors(c)
}

// themeUpdate sets what is given.
type themeUpdate struct {
	Label  web.Optional[string] `json:"label,omitzero" doc:"1 to 64 characters"`
	Colors colorsUpdate         `json:"colors,omitzero"`
}

var _ web.Checker = (*themeUpdate)(nil)

// Check brings the label into the form in which it is stored, and refuses what is no mode or token.
func (t *themeUpdate) Check(c *web.Check) {
	checkLabel(c, &t.Label)
	checkColors(c)
}

// themeDuplicate may name the copy.
type themeDuplicate struct {
	Label web.Optional[string] `json:"label,omitzero" doc:"1 to 64 characters; that of the theme and copy unless said otherwise"`
}

var _ web.Checker = (*themeDuplicate)(nil)

// Check brings the label into the form in which it is stored.
func (t *themeDuplicate) Check(c *web.Check) { checkLabel(c, &t.Label) }

// themeDocument is a theme on its way from one workspace to another. It holds nothing but what is made anew there.
type themeDocument struct {
	Version int    `json:"portico_theme" minimum:"1" maximum:"1" doc:"Version of this form"`
	Label   string `json:"label" doc:"1 to 64 characters"`
	Colors  colors `json:"colors"`
}

var _ web.Checker = (*themeDocument)(nil)

// Check brings the label into the form in which it is stored, and refuses whatever this form does not have.
func (t *themeDocument) Check(c *web.Check) {
	c.Closed()
	web.Apply(c, &t.Label, cleanLabel, "label")
	checkColors(c)
}

func checkColors(c *web.Check) {
	c.Closed("colors")
	c.Closed("colors", "light")
	c.Closed("colors", "dark")
}

func checkLabel(c *web.Check, label *web.Optional[string]) {
	if label.Set {
		web.Apply(c, &label.Value, cleanLabel, "label")
	}
}

const maxThemeLabel = 64

func cleanLabel(label string) (string, error) {
	if label = sanitize.Line(label); label == "" {
		return "", errs.InvalidInput(errs.Issue{Type: "string_too_short", Msg: "String should have at least 1 character", Ctx: map[string]any{"min_length": 1}})
	}
	return label, web.AtMost(maxThemeLabel, label)
}
