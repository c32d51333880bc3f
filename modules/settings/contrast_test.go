package settings

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The ratios are those of the working group's own examples and of widely used checkers.
func TestContrast(t *testing.T) {
	for _, c := range []struct {
		a, b color
		want float64
	}{
		{"#000", "#fff", 21}, {"#fff", "#000000", 21}, {"#123456", "#123456", 1},
		{"#777777", "#ffffff", 4.478}, {"#767676", "#fff", 4.542}, {"#595959", "#fff", 7.004},
		{"#ff0000", "#ffffff", 3.998}, {"#00f", "#fff", 8.592}, {"#008000", "#fff", 5.137},
		{"#0b0b0b", "#000000", 1.067}, // above and below the linear part
		{"#0a0a0a", "#000000", 1.061},
	} {
		require.InDelta(t, c.want, contrast(c.a.over(rgb{}), c.b.over(rgb{})), 0.001, "%s on %s", c.a, c.b)
	}
}

func TestTranslucentColorsAreSeenOverWhatIsBehind(t *testing.T) {
	white, black := rgb{1, 1, 1}, rgb{}
	require.Equal(t, white, color("#00000000").over(white))
	require.Equal(t, black, color("#000000ff").over(white))
	for _, part := range color("#00000080").over(white) {
		require.InDelta(t, 1-128.0/255, part, 1e-9)
	}

	// Black at half is a gray on the white page of light mode, and nothing on the black one of dark mode.
	p := palette{"#000", "#fff", "#000", "#ffffff", "#fff", "#00000080", "#000", "#000", "#000", "#000", "#000", "#000"}
	require.Equal(t, []contrastWarning{{"light", "on_surface", "surface", 4, 4.5}, {"light", "on_surface", "background", 4, 4.5}},
		poorContrast(colors{Light: p, Dark: defaultTheme.Colors.Dark}, readable))
	p = palette{"#000", "#fff", "#000", "#ffffff00", "#ffffff00", "#000", "#000", "#000", "#000", "#000", "#000", "#000"}
	require.Empty(t, poorContrast(colors{Light: p, Dark: defaultTheme.Colors.Dark}, readable), "the page is white")
	require.NotEmpty(t, poorContrast(colors{Light: defaultTheme.Colors.Light, Dark: p}, readable), "the page is black")
}

// A ratio that is too low must not look like one that is not.
func TestRatiosAreRoundedDown(t *testing.T) {
	p := defaultTheme.Colors.Light
	p.Background, p.Surface, p.Muted = "#ffffff", "#ffffff", "#777777" // 4.478
	list := poorContrast(colors{Light: p, Dark: defaultTheme.Colors.Dark}, 4.478)
	require.Empty(t, list)
	list = poorContrast(colors{Light: p, Dark: defaultTheme.Colors.Dark}, readable)
	require.Len(t, list, 2)
	require.Equal(t, contrastWarning{"light", "muted", "surface", 4.47, 4.5}, list[0])
}

func TestBuiltinThemesAreReadable(t *testing.T) {
	require.GreaterOrEqual(t, len(builtinThemes), 6)
	for _, theme := range builtinThemes {
		text, border, apart, apartDichromat := readable, 1.3, 0.1, 0.04
		if strings.HasPrefix(theme.ID, "high-contrast") {
			text, border = 7, 3 // WCAG 2.2, success criteria 1.4.6 and 1.4.11
		}
		require.Equal(t, slug(theme.Label), theme.ID)
		require.True(t, theme.IsBuiltin)
		require.False(t, theme.IsActive)
		require.Empty(t, poorContrast(theme.Colors, text), theme.ID)
		for _, p := range []palette{theme.Colors.Light, theme.Colors.Dark} {
			for token, c := range p.tokens() {
				require.Regexp(t, `^#[0-9a-f]{6}$`, c, "%s %s", theme.ID, token)
			}
			at := func(c color) rgb { return c.over(rgb{}) }
			require.GreaterOrEqual(t, contrast(at(p.Border), at(p.Background)), border, theme.ID)
			require.GreaterOrEqual(t, contrast(at(p.Border), at(p.Surface)), border, theme.ID)
			for _, pair := range [][2]color{{p.Success, p.Warning}, {p.Warning, p.Danger}, {p.Danger, p.Success}} {
				require.Greater(t, difference(at(pair[0]), at(pair[1])), apart, "%s %v", theme.ID, pair)
				for name, seen := range dichromats {
					require.Greater(t, difference(seen.of(at(pair[0])), seen.of(at(pair[1]))), apartDichromat, "%s %v %s", theme.ID, pair, name)
				}
			}
		}
		require.Greater(t, contrast(theme.Colors.Light.Background.over(rgb{}), theme.Colors.Dark.Background.over(rgb{})), 12.0, theme.ID)
		require.Greater(t, theme.Colors.Light.Background.over(rgb{}).luminance(), 0.8, theme.ID)
	}
}

type matrix [3][3]float64

// dichromats see colors so (Machado, Oliveira, Fernandes 2009, severity 1, on linear light).
var dichromats = map[string]matrix{
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

func (m matrix) times(v rgb) (out rgb) {
	for i, row := range m {
		out[i] = row[0]*v[0] + row[1]*v[1] + row[2]*v[2]
	}
	return out
}

func (m matrix) of(c rgb) rgb {
	seen := m.times(linear(c))
	for i, part := range seen {
		if seen[i] = min(max(part, 0), 1); seen[i] <= 0.0031308 {
			seen[i] *= 12.92
		} else {
			seen[i] = 1.055*math.Pow(seen[i], 1/2.4) - 0.055
		}
	}
	return seen
}

func linear(c rgb) (out rgb) {
	for i, part := range c {
		if out[i] = part / 12.92; part > 0.04045 {
			out[i] = math.Pow((part+0.055)/1.055, 2.4)
		}
	}
	return out
}

// difference is the distance in Oklab (https://bottosson.github.io/posts/oklab/); 0.02 is just seen.
func difference(a, b rgb) float64 {
	lab := func(c rgb) rgb {
		lms := matrix{{0.4122214708, 0.5363325363, 0.0514459929}, {0.2119034982, 0.6806995451, 0.1073969566}, {0.0883024619, 0.2817188376, 0.6299787005}}.times(linear(c))
		for i := range lms {
			lms[i] = math.Cbrt(lms[i])
		}
		return matrix{{0.2104542553, 0.7936177850, -0.0040720468}, {1.9779984951, -2.4285922050, 0.4505937099}, {0.0259040371, 0.7827717662, -0.8086757660}}.times(lms)
	}
	x, y := lab(a), lab(b)
	return math.Hypot(math.Hypot(x[0]-y[0], x[1]-y[1]), x[2]-y[2])
}
