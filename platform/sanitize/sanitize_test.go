package sanitize

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func TestLine(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{" \t\r\n ", ""},
		{"  Ada Lovelace ", "Ada Lovelace"},
		{"R&D", "R&D"},
		{"a < b", "a < b"},
		{"a < b > c", "a < b > c"},
		{"I <3 you", "I <3 you"},
		{"1 <= 2 >= 0", "1 <= 2 >= 0"},
		{"O'Brien", "O'Brien"},
		{`say "hi" & &amp; &lt;b&gt;`, `say "hi" & &amp; &lt;b&gt;`},
		{"x->y", "x->y"},
		{"<b>Ada</b>", "Ada"},
		{"Ada<br/>Lovelace", "AdaLovelace"},
		{"<script>alert(1)</script>", "alert(1)"},
		{"<img src=x onerror=alert(1)>", ""},
		{"<<b>script>x", "x"},
		{"<<<b>i>script>x", "x"},
		{"<scr<b>ipt>x", "x"},
		{"<a < b>x", "x"},
		{"<!-- note -->x<!DOCTYPE html><?php ?>", "x"},
		{"Revenue <Q3 and costs", "Revenue Q3 and costs"},
		{"<img src=x onerror=alert(1) ", "img src=x onerror=alert(1)"},
		{"<<b", "b"},
		{"a <", "a <"},
		{"< <b>script>", "< script>"},
		{"<\u200bscript>x", "x"},
		{"<\x00b>x", "x"},
		{"<\u212aelvin>x", "x"},                      // composes to <K
		{"<\u0338b>x", "\u226eb>x"},                  // composes to "not less than"
		{"<<b>\u0338x", "b\u226fx"},                  // so does the > of the tag
		{"e\u0301", "\u00e9"},                        // NFC
		{"e<b>\u0301", "\u00e9"},                     // again after the tag is gone
		{"a\u200b\u200d\ufeff\u2060b", "ab"},         // zero width
		{"\u202eevil\u202c \u2066x\u2069", "evil x"}, // bidi
		{"a\u034f\u3164\ufe0f\U000e0041b", "ab"},     // joiner, filler, variation selector, tag character
		{"a\x00\x07\x1b[31m\x7f\u0085b", "a[31m b"},
		{"one\ntwo\tthree", "one two three"},
		{"a\xff\xc0b", "ab"},
		{"日本語 Ünï ب", "日本語 Ünï ب"},
		{"👩\u200d💻", "👩💻"},
	} {
		require.Equal(t, c.want, Line(c.in), "%q", c.in)
		require.Equal(t, c.want, Line(c.want), "again: %q", c.in)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"one\n\ttwo\r\nthree\rfour\u2028five", "one\n\ttwo\nthree\nfour\nfive"},
		{"\n a <b>b</b>\n", "a b"},
		{"a\x0bb\u200b", "ab"},
		{"<\nb>", "<\nb>"},
	} {
		require.Equal(t, c.want, Text(c.in), "%q", c.in)
		require.Equal(t, c.want, Text(c.want), "again: %q", c.in)
	}
}

func TestMarksInARowAreCapped(t *testing.T) {
	got := Line("z" + strings.Repeat("\u0323", 100) + "<b>" + strings.Repeat("\u0323", 100))
	require.LessOrEqual(t, utf8.RuneCountInString(got), 1+maxMarks)
	require.Equal(t, got, Line(got))
	require.NotContains(t, got, "\u034f")
}

// A cleaner that starts over after each removal needs hours for this.
func TestNestedTagsTakeLinearTime(t *testing.T) {
	const n = 300_000
	require.Equal(t, "", Line(strings.Repeat("<", n)+strings.Repeat("b>", n)))
	require.Equal(t, "b", Line(strings.Repeat("<", n)+"b"))
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"R&D", "a < b", "<<b>script>", "<\u212ax>", "e\u0301", "\u202ex", "<a <\u0338>", strings.Repeat("\u0301", 40), "a\xffb", "<b\n>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := Line(s)
		check(t, line, Line, "")
		check(t, Text(s), Text, "\n\t")
	})
}

func check(t *testing.T, got string, clean func(string) string, allowed string) {
	t.Helper()
	if again := clean(got); again != got {
		t.Fatalf("not idempotent: %q then %q", got, again)
	}
	if !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) {
		t.Fatalf("not NFC: %q", got)
	}
	for i, r := range got {
		if Invisible(r) && !strings.ContainsRune(allowed, r) {
			t.Fatalf("%U is left in %q", r, got)
		}
		if r == '<' && i+1 < len(got) && startsTag(got[i+1]) {
			t.Fatalf("a tag is left in %q", got)
		}
	}
}
