package users

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"portico.internal/platform/errs"
	"portico.internal/platform/sanitize"
)

// Limits of an address in characters, as RFC 5321 has them for the octets of one in ASCII.
const (
	maxEmail     = 254
	maxEmailUser = 64
)

// reservedDomains take no mail (RFC 6761 and others). The example domains are not among them: documentation uses them.
var reservedDomains = []string{"arpa", "invalid", "local", "localhost", "onion", "test"}

var mailDomain = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(true), idna.ValidateLabels(true),
	idna.CheckHyphens(true), idna.CheckJoiners(true), idna.BidiRule(), idna.VerifyDNSLength(true))

// CanonicalEmail returns the one form in which an address is stored and looked up: no blanks around it, lower case, NFC,
// the domain in IDNA ASCII, at most 254 characters. It is idempotent. Plain addresses are taken, internationalised ones
// too; display names, comments, quoted users, IP literals and reserved domains are not. The error is an errs.Invalid
// with one issue, worded as the Python package email-validator does.
func CanonicalEmail(s string) (string, error) {
	s = strings.TrimSpace(s)
	if n := utf8.RuneCountInString(s); n > 4*maxEmail { // an encoded domain may be shorter than what is typed, though not by much
		return "", emailError("The email address is too long (%s).", tooMany(n, maxEmail))
	}
	if !utf8.ValidString(s) {
		return "", emailError("The email address contains unsafe characters: U+FFFD.")
	}
	user, domain, ok := strings.Cut(s, "@")
	switch {
	case !ok:
		return "", emailError("An email address must have an @-sign.")
	case strings.HasSuffix(domain, ">") && strings.Contains(user, "<"):
		return "", emailError("A display name and angle brackets around the email address are not permitted here.")
	}
	user = norm.NFC.String(strings.ToLower(norm.NFC.String(user)))
	if err := checkEmailUser(user); err != nil {
		return "", err
	}
	domain, err := canonicalDomain(norm.NFC.String(domain))
	if err != nil {
		return "", err
	}
	s = user + "@" + domain
	if n := utf8.RuneCountInString(s); n > maxEmail {
		return "", emailError("The email address is too long (%s).", tooMany(n, maxEmail))
	}
	return s, nil
}

func checkEmailUser(user string) error {
	switch n := utf8.RuneCountInString(user); {
	case n == 0:
		return emailError("There must be something before the @-sign.")
	case n > maxEmailUser:
		return emailError("The email address is too long before the @-sign (%s).", tooMany(n, maxEmailUser))
	case len(user) > 1 && user[0] == '"' && user[len(user)-1] == '"':
		return emailError("Quoting the part before the @-sign is not allowed here.")
	}
	if bad := unsafeRunes(user); bad != "" {
		return emailError("The email address contains unsafe characters: %s.", bad)
	}
	if bad := listRunes(user, func(r rune) bool { return r < utf8.RuneSelf && !isAtomText(r) && r != '.' }); bad != "" {
		return emailError("The email address contains invalid characters before the @-sign: %s.", bad)
	}
	switch {
	case user[0] == '.':
		return emailError("An email address cannot start with a period.")
	case user[len(user)-1] == '.':
		return emailError("An email address cannot have a period immediately before the @-sign.")
	case strings.Contains(user, ".."):
		return emailError("An email address cannot have two periods in a row.")
	}
	return nil
}

// isAtomText says whether RFC 5322 allows the ASCII character in an unquoted word.
func isAtomText(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

func canonicalDomain(domain string) (string, error) {
	switch {
	case domain == "":
		return "", emailError("There must be something after the @-sign.")
	case domain[0] == '[' && domain[len(domain)-1] == ']':
		return "", emailError("A bracketed IP address after the @-sign is not allowed here.")
	}
	if bad := unsafeRunes(domain); bad != "" {
		return "", emailError("The part after the @-sign contains unsafe characters: %s.", bad)
	}
	if bad := listRunes(domain, func(r rune) bool { return r < utf8.RuneSelf && !isHostText(r) }); bad != "" {
		return "", emailError("The part after the @-sign contains invalid characters: %s.", bad)
	}
	if err := checkDots(domain); err != nil {
		return "", err
	}
	ascii, err := mailDomain.ToASCII(domain)
	if err != nil {
		if len(domain) > maxEmail-len("a@") {
			return "", emailError("The email address is too long after the @-sign.")
		}
		return "", emailError("The part after the @-sign contains invalid characters or is not a domain name.")
	}
	if err := checkDots(ascii); err != nil {
		return "", err
	}
	_, top, ok := cutLast(ascii, ".")
	switch last := ascii[len(ascii)-1]; {
	case slices.Contains(reservedDomains, top):
		return "", emailError("The part after the @-sign is a special-use or reserved name that cannot be used with email.")
	case !ok:
		return "", emailError("The part after the @-sign is not valid. It should have a period.")
	case '0' <= last && last <= '9' && !strings.HasPrefix(top, "xn--"):
		return "", emailError("The part after the @-sign is not valid. It is not within a valid top-level domain.")
	}
	return ascii, nil
}

func isHostText(r rune) bool {
	return r == '-' || r == '.' || isAtomText(r) && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func checkDots(domain string) error {
	names := [...]string{'-': "hyphen", '.': "period"}
	switch first, last := domain[0], domain[len(domain)-1]; {
	case first == '.' || first == '-':
		return emailError("An email address cannot have a %s immediately after the @-sign.", names[first])
	case last == '.' || last == '-':
		return emailError("An email address cannot end with a %s.", names[last])
	case strings.Contains(domain, ".."):
		return emailError("An email address cannot have two periods in a row.")
	case strings.Contains(domain, ".-") || strings.Contains(domain, "-."):
		return emailError("An email address cannot have a period and a hyphen next to each other.")
	}
	return nil
}

// cutLast returns what stands around the last sep; all of s is after when there is none.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// unsafeRunes lists the blanks and the characters that cannot be seen.
func unsafeRunes(s string) string {
	return listRunes(s, func(r rune) bool { return unicode.IsSpace(r) || sanitize.Invisible(r) || !unicode.IsGraphic(r) })
}

// listRunes names the characters of s that are bad, each once and in order.
func listRunes(s string, bad func(rune) bool) string {
	var found []rune
	for _, r := range s {
		if bad(r) && !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	slices.Sort(found)
	names := make([]string, len(found))
	for i, r := range found {
		switch {
		case r == ' ':
			names[i] = "SPACE"
		case r == '\'' || r == '\\':
			names[i] = `"` + string(r) + `"`
		case unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !sanitize.Invisible(r):
			names[i] = "'" + string(r) + "'"
		default:
			names[i] = fmt.Sprintf("U+%04X", r)
		}
	}
	return strings.Join(names, ", ")
}

func tooMany(n, limit int) string {
	if n == limit+1 {
		return "1 character too many"
	}
	return fmt.Sprintf("%d characters too many", n-limit)
}

func emailError(format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	return errs.InvalidInput(errs.Issue{
		Type: "value_error",
		Msg:  "value is not a valid email address: " + reason,
		Ctx:  map[string]any{"reason": reason},
	})
}
