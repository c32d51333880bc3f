package settings

import (
	"math"
	"strconv"
	"strings"
)

// readable is the contrast that text needs: WCAG 2.2, success criterion 1.4.3, level AA.
const readable = 4.5

// contrastWarning tells of a text that is hard to read.
type contrastWarning struct {
	Mode       string  `json:"mode" enum:"light,dark"`
	Foreground string  `json:"foreground" doc:"A token"`
	Background string  `json:"background" doc:"A token"`
	Ratio      float64 `json:"ratio" doc:"Rounded down to two digits"`
	Required   float64 `json:"required"`
}

// textPair is a token that text may be written in and the token that it is written on.
type textPair struct{ text, ground string }

// textPairs are the label of a button on primary, and on surface and background each: plain and muted text, links
// (primary), quiet actions (secondary), highlights (accent) and messages (success, warning, danger). No text is written
// in border, and none but on_primary on a filled color.
var textPairs = func() []textPair {
	list := []textPair{{"on_primary", "primary"}}
	for _, text := range []string{"on_surface", "muted", "primary", "secondary", "accent", "success", "warning", "danger"} {
		list = append(list, textPair{text, "surface"}, textPair{text, "background"})
	}
	return list
}()

// poorContrast lists the pairs of which the contrast is less than required. Translucent colors are seen over the
// background, and that over what a browser shows behind a page: white in light mode, black in dark mode.
func poorContrast(c colors, required float64) []contrastWarning {
	list := []contrastWarning{}
	for _, mode := range []struct {
		name string
		palette
		page rgb
	}{{"light", c.Light, rgb{1, 1, 1}}, {"dark", c.Dark, rgb{}}} {
		tokens := mode.tokens()
		background := tokens["background"].over(mode.page)
		for _, pair := range textPairs {
			ground := background
			if pair.ground != "background" {
				ground = tokens[pair.ground].over(background)
			}
			if ratio := contrast(tokens[pair.text].over(ground), ground); ratio < required {
				list = append(list, contrastWarning{mode.name, pair.text, pair.ground, math.Floor(ratio*100) / 100, required})
			}
		}
	}
	return list
}

// rgb is an opaque color in sRGB, each part from 0 to 1.
type rgb [3]float64

// over is what is seen of the color in front of another one: simple alpha compositing in sRGB, as browsers do it (W3C
// Compositing and Blending Level 1, section 5.1).
func (c color) over(behind rgb) (seen rgb) {
	hex := strings.TrimPrefix(string(c), "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, _ := strconv.ParseUint(hex, 16, 32)
	alpha := 1.0
	if len(hex) == 8 {
		alpha, n = float64(n&0xff)/255, n>>8
	}
	for i, part := range []uint64{n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff} {
		seen[i] = float64(part)/255*alpha + behind[i]*(1-alpha)
	}
	return seen
}

// contrast is the contrast ratio of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio), from 1 to 21.
func contrast(a, b rgb) float64 {
	lighter, darker := a.luminance(), b.luminance()
	if lighter < darker {
		lighter, darker = darker, lighter
	}
	return (lighter + 0.05) / (darker + 0.05)
}

// luminance is the relative luminance of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance).
func (c rgb) luminance() float64 {
	linear := func(part float64) float64 {
		if part <= 0.04045 {
			return part / 12.92
		}
		return math.Pow((part+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}
