package docservice

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"portico.internal/platform/sanitize"
)

// Bounds of texts, in characters.
const (
	maxTitle       = 255
	maxFilename    = 255
	maxName        = 128
	maxDescription = 512
)

// groupIDForm is what a group id may be. The gateway owns groups; here they are only compared.
var groupIDForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// canonicalID is the one spelling of a UUID, and empty, which no id is, for what is none.
func canonicalID(s string) string {
	if len(s) != 36 || uuid.Validate(s) != nil {
		return ""
	}
	return strings.ToLower(s)
}

// fold makes texts equal that a reader takes for the same.
func fold(s string) string { return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s))) }

// line cleans a line of text that no person has typed here: from inside a file, or the name of one.
func line(s string, limit int) string {
	s = strings.ToValidUTF8(s, "")
	return strings.TrimSpace(truncate(sanitize.Line(truncate(s, 4*limit)), limit))
}

// truncate cuts after limit characters.
func truncate(s string, limit int) string {
	for i := range s {
		if limit == 0 {
			return s[:i]
		}
		limit--
	}
	return s
}

// cleanFilename is the last element of what a client calls a file, and never empty.
func cleanFilename(name string) string {
	name = line(name[strings.LastIndexAny(name, `/\`)+1:], maxFilename)
	if strings.Trim(name, ". ") == "" {
		return "document.pdf"
	}
	return name
}

// titleOf is the title of a document that names none: its file name without the extension.
func titleOf(filename string) string {
	if n := len(filename) - len(".pdf"); n > 0 && strings.EqualFold(filename[n:], ".pdf") {
		return strings.TrimSpace(filename[:n])
	}
	return filename
}

func tooLong(s string, limit int) bool { return utf8.RuneCountInString(s) > limit }
