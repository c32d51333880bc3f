package storage

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestKeys(t *testing.T) {
	for _, key := range []string{"a", "a/b", "...", "a/.hidden", "~/x", " ", "Grüße", "\u202e", strings.Repeat("k", 1024), strings.Repeat("é", 512), "a\\b", "%2F", "?x#y"} {
		require.True(t, validKey(key), "%q", key)
	}
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\x00", "a\nb", "\x7f", "\u0085", "\xff", "a\xc3", strings.Repeat("k", 1025), strings.Repeat("é", 513)} {
		require.False(t, validKey(key), "%q", key)
	}
}

func TestNamesThatBlobsMayShareWithKeys(t *testing.T) {
	for _, key := range []string{"a", "a/b.pdf", "Grüße/日本語.txt", "a b", "x~y", strings.Repeat("s", 200), "report.tmp", "a.attrs"} {
		require.True(t, plainName(key), "%q", key)
	}
	for _, key := range []string{"~", "~/x", "~a", ".hidden", "a/.hidden", "a.", "a./b", "a ", " a", "a/ b", "...", strings.Repeat("s", 201),
		strings.Repeat("s/", 350) + "s", `a\b`, "a:b", "a*", "a?b", `a"b`, "a<b", "a|b", "a%b", "a#b", "a&b", "\u202ea", "😀", "a__0x41__"} {
		require.False(t, plainName(key), "%q", key)
	}
}

// Whatever the key, its blob has a name that a backend can take.
func TestNamesOfAllKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringN(1, 300, 1024).Draw(t, "key")
		if !validKey(key) {
			t.Skip()
		}
		if plainName(key) {
			require.True(t, validKey(key))
			require.NotContains(t, reserved, key[:1])
		}
	})
	version := uuid.NewString()
	require.Equal(t, "~/"+version[:2]+"/"+version, opaqueName(version))
	require.False(t, plainName(opaqueName(version)), "no key has such a name")
}

func TestParents(t *testing.T) {
	require.Empty(t, parents("a"))
	require.Equal(t, []string{"a", "a/b"}, parents("a/b/c"))
}

// The bound of a page by prefix lets through what begins with it and nothing else.
func TestPastAPrefix(t *testing.T) {
	require.Equal(t, "b", past("a"))
	require.Equal(t, "aa", past("a`"))
	require.Equal(t, "\uE000", past("\uD7FF"))
	require.Empty(t, past("\U0010FFFF"))
	require.Equal(t, "b", past("a\U0010FFFF"))
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.StringN(1, 5, -1).Draw(t, "prefix")
		other := rapid.OneOf(rapid.String(), rapid.Map(rapid.String(), func(s string) string { return prefix + s })).Draw(t, "other")
		end := past(prefix)
		inside := other >= prefix && (end == "" || other < end)
		require.Equal(t, strings.HasPrefix(other, prefix), inside)
	})
}
