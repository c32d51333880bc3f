package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/changes"
	"portico.internal/platform/secrets"
)

func emptyStore(t *testing.T) *Store {
	t.Helper()
	keys, err := secrets.Parse("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
	require.NoError(t, err)
	return newStore(nil, keys, changes.NewFeed(nil, slog.New(slog.DiscardHandler)), nil, slog.New(slog.DiscardHandler))
}

type access struct {
	APIKey Secret `json:"api_key"`
}

// tree is a type within which no search for secrets may lose itself.
type tree struct {
	Name  string           `json:"name"`
	Below []*tree          `json:"below"`
	By    map[string]*tree `json:"by"`
}

type good struct {
	access
	Token  Secret    `json:"token,omitzero"`
	At     time.Time `json:"at"`
	Tree   tree      `json:"tree"`
	Nested struct {
		Deep struct {
			Password Secret `json:"password"`
		} `json:"deep"`
	} `json:"nested"`
	unseen Secret
}

func TestSecretFieldsAreFoundWhereTheyAre(t *testing.T) {
	s := emptyStore(t)
	setting := Of(s, "good", good{unseen: Secret{}})
	var paths []string
	for _, f := range setting.fields {
		paths = append(paths, f.path)
	}
	require.Equal(t, []string{"api_key", "token", "nested.deep.password"}, paths)

	v := good{}
	v.APIKey, v.Token, v.Nested.Deep.Password = setting.Seal("api_key", "one"), setting.Seal("token", "two"), setting.Seal("nested.deep.password", "three")
	text, err := shown(v)
	require.NoError(t, err)
	require.JSONEq(t, `{"api_key":"********","token":"********","at":"0001-01-01T00:00:00Z","tree":{"name":"","below":[],"by":{}},"nested":{"deep":{"password":"********"}}}`, string(text))
	plain, err := s.Open(v.Nested.Deep.Password)
	require.NoError(t, err)
	require.Equal(t, "three", plain)
	require.Panics(t, func() { setting.Seal("nested.password", "x") })
	require.Panics(t, func() { setting.Seal("", "x") })
}

func TestBadDeclarationsPanic(t *testing.T) {
	s := emptyStore(t)
	Of(s, "taken", struct{}{})
	for name, declare := range map[string]func(){
		"twice":               func() { Of(s, "taken", struct{}{}) },
		"no key":              func() { Of(s, "", struct{}{}) },
		"upper case":          func() { Of(s, "Notes", struct{}{}) },
		"dot at the end":      func() { Of(s, "notes.", struct{}{}) },
		"two dots":            func() { Of(s, "notes..x", struct{}{}) },
		"blank":               func() { Of(s, "notes x", struct{}{}) },
		"too long":            func() { Of(s, strings.Repeat("x", 201), struct{}{}) },
		"no JSON":             func() { Of(s, "channel", struct{ C chan int }{make(chan int)}) },
		"secret in a list":    func() { Of(s, "list", struct{ Tokens []Secret }{}) },
		"secret in a map":     func() { Of(s, "map", struct{ Tokens map[string]access }{}) },
		"secret by a pointer": func() { Of(s, "pointer", struct{ Token *Secret }{}) },
		"secret far below":    func() { Of(s, "below", struct{ A [2]map[string][]*access }{}) },
		"a log would show it": func() {
			Of(s, "shown", struct {
				Motto Secret `json:"motto"`
			}{})
		},
	} {
		require.Panics(t, declare, name)
	}
}

// A secret in a program's memory is not printed by accident, sealed though it is.
func TestSecretShowsNothing(t *testing.T) {
	setting := Of(emptyStore(t), "good", good{})
	v := struct{ Token Secret }{setting.Seal("token", "c4n4ry-w0rd")}
	var log strings.Builder
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("secret", "alone", v.Token, "within", v)
	}
	encoded, err := json.Marshal(v)
	require.NoError(t, err)
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v) + fmt.Sprintf("%v %+v %#v %s %q %x", v.Token, v.Token, v.Token, v.Token, v.Token, v.Token)
	for _, text := range []string{printed, log.String(), string(encoded)} {
		require.NotContains(t, text, "v1.")
		require.NotContains(t, text, "76312e") // in hex
		require.NotContains(t, text, "c4n4ry")
	}
	require.Contains(t, printed, secrets.Hidden)
}

func TestTheLongestPrefixRestores(t *testing.T) {
	s := emptyStore(t)
	var asked []string
	by := func(who string) restorer {
		return func(_ context.Context, key string, _ []byte) error {
			asked = append(asked, who+" "+key)
			return nil
		}
	}
	s.Restorer("a.", by("a."))
	s.Restorer("a.b.", by("a.b."))
	for _, key := range []string{"a.x", "a.b", "a.b.c", "a.bc", "a.b.c.d"} {
		require.NoError(t, s.restorerOf(key)(t.Context(), key, nil))
	}
	require.Equal(t, []string{"a. a.x", "a. a.b", "a.b. a.b.c", "a. a.bc", "a.b. a.b.c.d"}, asked)
	for _, key := range []string{"a", "ab.c", "b.a.", ""} {
		require.Nil(t, s.restorerOf(key), key)
	}
}
