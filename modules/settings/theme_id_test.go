package settings

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestSlug(t *testing.T) {
	for label, want := range map[string]string{
		"Portico":                 "portico",
		"  Night & Day!  ":        "night-day",
		"Crème Brûlée":            "creme-brulee",
		"Straße":                  "strasse",
		"ﬁne ①②":                  "fine-12",
		"ＡＢＣ":                     "abc",
		"--a__b--":                "a-b",
		"日本語":                     "theme",
		"!!!":                     "theme",
		"日本 2030":                 "2030",
		"Ünï ب 👩‍💻 x":             "uni-x",
		"O'Brien":                 "o-brien",
		"\u212aelvin":             "kelvin",
		strings.Repeat("㏙", 64):   strings.Repeat("ppm", 22)[:64], // one character becomes three
		strings.Repeat("a ", 64):  strings.TrimSuffix(strings.Repeat("a-", 32), "-"),
		"../../etc/passwd%00\x00": "etc-passwd-00",
	} {
		require.Equal(t, want, slug(label), "%q", label)
	}
}

func TestFreeThemeID(t *testing.T) {
	require.Equal(t, "night", freeThemeID("Night", nil))
	require.Equal(t, "night-3", freeThemeID("Night", []string{"night", "night-2", "night-4"}))
	require.Equal(t, "night-2", freeThemeID("Night 2", []string{"night"}))
	require.Equal(t, "theme-2", freeThemeID("夜", []string{"theme"}))
}

func TestCopyLabel(t *testing.T) {
	require.Equal(t, "Portico copy", copyLabel("Portico"))
	for _, label := range []string{strings.Repeat("ß", maxThemeLabel), strings.Repeat("ab ", 21) + "x"} {
		got, err := cleanLabel(copyLabel(label))
		require.NoError(t, err)
		require.Equal(t, got, copyLabel(label))
		require.LessOrEqual(t, utf8.RuneCountInString(got), maxThemeLabel)
		require.Regexp(t, `\S copy$`, got)
	}
}
