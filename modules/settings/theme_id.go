package settings

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxSlug leaves room for a number in the column.
const maxSlug = 64

// slug makes the id of a label: its letters and digits without case, accents or ligatures (NFKD), as far as they are
// ASCII, in words with one hyphen between. A label without any gives "theme".
func slug(label string) string {
	var id strings.Builder
	gap := false
	for _, r := range cases.Fold().String(norm.NFKD.String(label)) {
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			if gap && id.Len() > 0 {
				id.WriteByte('-')
			}
			id.WriteRune(r)
			gap = false
		case unicode.In(r, unicode.L, unicode.M):
		default:
			gap = true
		}
	}
	if id.Len() == 0 {
		return "theme"
	}
	return strings.Trim(id.String()[:min(id.Len(), maxSlug)], "-")
}

// freeThemeID makes the id of a label that is none of those taken.
func freeThemeID(label string, taken []string) string {
	base := slug(label)
	id := base
	for n := 2; slices.Contains(taken, id); n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	return id
}

// copyLabel is what the copy of a theme is called.
func copyLabel(label string) string {
	const suffix = " copy"
	runes := []rune(label)
	return strings.TrimSpace(string(runes[:min(len(runes), maxThemeLabel-len(suffix))])) + suffix
}
