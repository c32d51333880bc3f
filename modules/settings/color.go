package settings

import (
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
)

// color is #rgb, #rrggbb or #rrggbbaa in lower case.
type color string

// UnmarshalText takes the digits in either case.
func (c *color) UnmarshalText(text []byte) error {
	*c = color(strings.ToLower(string(text)))
	return nil
}

// palette has a color for each token.
type palette struct {
	Primary    color `json:"primary" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	OnPrimary  color `json:"on_primary" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Secondary  color `json:"secondary" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Background color `json:"background" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Surface    color `json:"surface" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	OnSurface  color `json:"on_surface" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Muted      color `json:"muted" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Border     color `json:"border" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Accent     color `json:"accent" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Success    color `json:"success" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Warning    color `json:"warning" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Danger     color `json:"danger" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
}

// tokens returns the colors by the names of their tokens.
func (p palette) tokens() map[string]color {
	v, list := reflect.ValueOf(p), map[string]color{}
	for i := range v.NumField() {
		list[v.Type().Field(i).Tag.Get("json")] = v.Field(i).Interface().(color)
	}
	return list
}

// colors are those of a theme.
type colors struct {
	Light palette `json:"light"`
	Dark  palette `json:"dark"`
}

// paletteUpdate sets the tokens that are given.
type paletteUpdate struct {
	Primary    color `json:"primary,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	OnPrimary  color `json:"on_primary,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Secondary  color `json:"secondary,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Background color `json:"background,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Surface    color `json:"surface,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	OnSurface  color `json:"on_surface,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Muted      color `json:"muted,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Border     color `json:"border,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Accent     color `json:"accent,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Success    color `json:"success,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Warning    color `json:"warning,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
	Danger     color `json:"danger,omitzero" pattern:"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})$"`
}

// colorsUpdate sets the tokens that are given, in either mode or both.
type colorsUpdate struct {
	Light paletteUpdate `json:"light,omitzero"`
	Dark  paletteUpdate `json:"dark,omitzero"`
}

// set overwrites the tokens that u has.
func (c *colors) set(u colorsUpdate) error {
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, c)
}
