// Package sanitize cleans text that people type. Its functions are pure and idempotent; the length of what they
// return is for the caller to judge. They do not escape: what shows the text must.
package sanitize

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Line cleans text of one line, such as a name: NFC, no control, invisible or direction-changing characters, no HTML
// tags or comments, line breaks and tabs become blanks, no blanks around it. `R&D`, `a < b` and `O'Brien` stay.
func Line(s string) string {
	return clean(s, func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return visible(r)
	})
}

// Text cleans text of several lines as [Line] does, but keeps line feeds and tabs. Other line ends become line feeds.
func Text(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s)
	return clean(s, func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return visible(r)
	})
}

// Invisible reports whether a reader cannot see r at all though it may change what the text means or what it equals:
// control and format characters (bidi overrides and zero-width ones among them), fillers, variation selectors,
// code points that are no characters.
func Invisible(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Co, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point)
}

func visible(r rune) rune {
	if Invisible(r) {
		return -1
	}
	return r
}

// clean composes before it looks for tags, as one may show only then (U+212A is a `K` after that), and again at the
// end, as the text around a tag may come together to compose.
func clean(s string, keep func(rune) rune) string {
	s = strings.Map(keep, strings.ToValidUTF8(s, ""))
	s = stripTags(norm.NFC.String(s))
	return strings.TrimSpace(norm.NFC.String(capMarks(s)))
}

// maxMarks is how many combining marks in a row stay; no language needs as many. A composer inserts invisible
// joiners into longer runs.
const maxMarks = 8

func capMarks(s string) string {
	run := 0
	return strings.Map(func(r rune) rune {
		switch {
		case Invisible(r) && r != '\n' && r != '\t':
			return -1
		case !unicode.Is(unicode.M, r):
			run = 0
		case run == maxMarks:
			return -1
		default:
			run++
		}
		return r
	}, s)
}
