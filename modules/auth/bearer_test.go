package auth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
)

func TestBearerToken(t *testing.T) {
	const none, bad = "Not authenticated", "Could not validate credentials"
	for _, c := range []struct {
		name   string
		values []string
		token  string
		detail string
	}{
		{"none", nil, "", none},
		{"empty", []string{""}, "", none},
		{"blank", []string{"  "}, "", none},
		{"other scheme", []string{"Basic dXNlcg=="}, "", none},
		{"scheme with the same start", []string{"BearerX abc"}, "", none},
		{"tab after the scheme", []string{"Bearer\tabc"}, "", none},
		{"token alone", []string{"abc"}, "", none},
		{"good", []string{"Bearer abc"}, "abc", ""},
		{"lower case", []string{"bearer abc"}, "abc", ""},
		{"mixed case", []string{"bEaReR abc"}, "abc", ""},
		{"two blanks", []string{"Bearer  abc"}, "abc", ""},
		{"blanks around", []string{" Bearer abc \t"}, "abc", ""},
		{"scheme without a token", []string{"Bearer"}, "", ""},
		{"scheme and a blank", []string{"Bearer "}, "", ""},
		{"two words", []string{"Bearer abc def"}, "abc def", ""},
		{"twice", []string{"Bearer abc", "Bearer abc"}, "", bad},
		{"with another scheme before", []string{"Basic abc", "Bearer abc"}, "", bad},
		{"with another scheme after", []string{"Bearer abc", "Basic abc"}, "", bad},
		{"other schemes twice", []string{"Basic abc", "Digest abc"}, "", none},
	} {
		token, err := bearerToken(http.Header{"Authorization": c.values})
		require.Equal(t, c.token, token, c.name)
		if c.detail == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.Equal(t, errs.Unauthenticated, errs.KindOf(err), c.name)
		require.EqualError(t, err, c.detail, c.name)
	}
}

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"", "Bearer", "Bearer x", "bearer  x ", "Basic x", "Bearer\tx", "Bearer x y", "\xff Bearer"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, err := bearerToken(http.Header{"Authorization": {value}})
		if err == nil {
			require.Regexp(t, `(?i)^[ \t]*bearer`, value)
			require.Equal(t, strings.Trim(token, " \t"), token)
			require.Contains(t, value, token)
			again, err := bearerToken(http.Header{"Authorization": {"Bearer " + token}})
			require.NoError(t, err)
			require.Equal(t, token, again)
			return
		}
		require.Empty(t, token)
		require.Equal(t, errs.Unauthenticated, errs.KindOf(err))
	})
}
