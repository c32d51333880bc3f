package users

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"portico.internal/platform/errs"
	"portico.internal/platform/sanitize"
)

func TestCanonicalEmail(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, c := range []struct{ in, want string }{
		{"user@example.com", "user@example.com"},
		{" \t\u00a0User.Name+Tag@EXAMPLE.Com\n", "user.name+tag@example.com"},
		{"o'brien!#$%&*/=?^_`{|}~-@example.com", "o'brien!#$%&*/=?^_`{|}~-@example.com"},
		{"me@Bücher.example", "me@xn--bcher-kva.example"},
		{"me@xn--bcher-kva.example", "me@xn--bcher-kva.example"},
		{"me@bu\u0308cher.example", "me@xn--bcher-kva.example"},
		{"me@XN--BCHER-KVA.example", "me@xn--bcher-kva.example"},
		{"me@straße.example", "me@xn--strae-oqa.example"},
		{"me@exa\uff4dple\u3002com", "me@example.com"}, // full width, ideographic full stop
		{"Jose\u0301@example.com", "jos\u00e9@example.com"},
		{"ÜSER@example.com", "üser@example.com"},
		{"\u212aim@example.com", "kim@example.com"}, // the Kelvin sign
		{"用户@例子.公司", "用户@xn--fsqu00a.xn--55qx5d"},
		{"a@b.co", "a@b.co"},
		{long + "@example.com", long + "@example.com"},
	} {
		got, err := CanonicalEmail(c.in)
		require.NoError(t, err, "%q", c.in)
		require.Equal(t, c.want, got, "%q", c.in)
	}
}

func TestCanonicalEmailRefuses(t *testing.T) {
	label := strings.Repeat("a", 60) + "."
	for _, c := range []struct{ in, reason string }{
		{"nope", "An email address must have an @-sign."},
		{"", "An email address must have an @-sign."},
		{"user\uff20example.com", "An email address must have an @-sign."},
		{"@example.com", "There must be something before the @-sign."},
		{"me@", "There must be something after the @-sign."},
		{"a@b@example.com", "The part after the @-sign contains invalid characters: '@'."},
		{"Bob <bob@example.com>", "A display name and angle brackets around the email address are not permitted here."},
		{"<bob@example.com>", "A display name and angle brackets around the email address are not permitted here."},
		{`"bob"@example.com`, "Quoting the part before the @-sign is not allowed here."},
		{`bob(x)@example.com`, "The email address contains invalid characters before the @-sign: '(', ')'."},
		{`a\,b@example.com`, `The email address contains invalid characters before the @-sign: ',', "\".`},
		{"a b@example.com", "The email address contains unsafe characters: SPACE."},
		{"a\u200bb@example.com", "The email address contains unsafe characters: U+200B."},
		{"a\x00b@example.com", "The email address contains unsafe characters: U+0000."},
		{"\u202ea@example.com", "The email address contains unsafe characters: U+202E."},
		{"a\u3164@example.com", "The email address contains unsafe characters: U+3164."},
		{"a\xff@example.com", "The email address contains unsafe characters: U+FFFD."},
		{"a@exam\u200dple.com", "The part after the @-sign contains unsafe characters: U+200D."},
		{"a@exam ple.com", "The part after the @-sign contains unsafe characters: SPACE."},
		{"a@exam_ple.com", "The part after the @-sign contains invalid characters: '_'."},
		{"a@example.com, b@example.com", "The part after the @-sign contains unsafe characters: SPACE."},
		{".a@example.com", "An email address cannot start with a period."},
		{"a.@example.com", "An email address cannot have a period immediately before the @-sign."},
		{"a..b@example.com", "An email address cannot have two periods in a row."},
		{"a@.example.com", "An email address cannot have a period immediately after the @-sign."},
		{"a@-example.com", "An email address cannot have a hyphen immediately after the @-sign."},
		{"a@example.com.", "An email address cannot end with a period."},
		{"a@example..com", "An email address cannot have two periods in a row."},
		{"a@example-.com", "An email address cannot have a period and a hyphen next to each other."},
		{"a@[127.0.0.1]", "A bracketed IP address after the @-sign is not allowed here."},
		{"a@127.0.0.1", "The part after the @-sign is not valid. It is not within a valid top-level domain."},
		{"a@example", "The part after the @-sign is not valid. It should have a period."},
		{"a@localhost", "The part after the @-sign is a special-use or reserved name that cannot be used with email."},
		{"a@printer.local", "The part after the @-sign is a special-use or reserved name that cannot be used with email."},
		{"a@xn--a.example", "The part after the @-sign contains invalid characters or is not a domain name."},
		{"a@ab--cd.example", "The part after the @-sign contains invalid characters or is not a domain name."},
		{"a@" + strings.Repeat("b", 64) + ".example", "The part after the @-sign contains invalid characters or is not a domain name."},
		{strings.Repeat("a", 65) + "@example.com", "The email address is too long before the @-sign (1 character too many)."},
		{strings.Repeat("a", 64) + "@" + strings.Repeat(label, 3) + "example.com", "The email address is too long (5 characters too many)."},
		{"a@" + strings.Repeat(label, 6) + "com", "The email address is too long after the @-sign."},
		{strings.Repeat("ü", 1<<20), "The email address is too long (1048322 characters too many)."},
	} {
		got, err := CanonicalEmail(c.in)
		require.Empty(t, got)
		var e *errs.Error
		require.True(t, errors.As(err, &e), "%.80q", c.in)
		require.Equal(t, errs.Invalid, e.Kind)
		require.Equal(t, []errs.Issue{{Type: "value_error", Msg: "value is not a valid email address: " + c.reason, Ctx: map[string]any{"reason": c.reason}}}, e.Issues, "%.80q", c.in)
	}
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"user@example.com", " Ü@BÜCHER.example ", "\u212a@\uff4d.com", "a@b@c.de", "İ@İ.com", "ς@ς.gr", "a@xn--zca.de", "\u1fbe\u0345@x.yz", "a@x\uff20y.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := CanonicalEmail(s)
		if err != nil {
			return
		}
		if again, err := CanonicalEmail(got); err != nil || again != got {
			t.Fatalf("%q became %q, then %q, %v", s, got, again, err)
		}
		if strings.Count(got, "@") != 1 || utf8.RuneCountInString(got) > maxEmail || !norm.NFC.IsNormalString(got) || got != strings.ToLower(got) {
			t.Fatalf("%q became %q", s, got)
		}
		_, domain, _ := strings.Cut(got, "@")
		for _, r := range domain {
			if r >= utf8.RuneSelf {
				t.Fatalf("%q became %q, its domain is not ASCII", s, got)
			}
		}
		for _, r := range got {
			if sanitize.Invisible(r) || r == ' ' {
				t.Fatalf("%q became %q, which holds %U", s, got, r)
			}
		}
	})
}
