package secrets_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/secrets"
)

func TestSealedShowsNothing(t *testing.T) {
	sealed := parse(t, newKey()).Seal("c4n4ry-w0rd", "place")
	text := stored(t, sealed)
	type row struct {
		Sealed secrets.Sealed
		List   []secrets.Sealed
		ByName map[string]*secrets.Sealed
	}
	within := row{sealed, []secrets.Sealed{sealed}, map[string]*secrets.Sealed{"a": &sealed}}
	var shown bytes.Buffer
	for _, value := range []any{sealed, &sealed, within, &within, []any{sealed}, fmt.Errorf("wrapped: %w: %v", errors.New("x"), sealed)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%08b", "%t"} {
			fmt.Fprintf(&shown, verb+"\n", value)
		}
		fmt.Fprintln(&shown, value)
		for _, handler := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
			slog.New(handler).Info("stored", "value", value, slog.Group("in", "value", value))
		}
	}
	for _, value := range []any{sealed, within} {
		one, err := json.Marshal(value)
		require.NoError(t, err)
		two, err := jsonv2.Marshal(value)
		require.NoError(t, err)
		shown.Write(append(one, two...))
	}
	for _, part := range []string{"c4n4ry", text, text[:12], text[20:30], fmt.Sprintf("%x", text[:12]), fmt.Sprintf("%X", text[:12])} {
		require.NotContains(t, shown.String(), part)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		require.Equal(t, secrets.Hidden, fmt.Sprintf(verb, sealed))
	}
	encoded, err := json.Marshal(sealed)
	require.NoError(t, err)
	require.Equal(t, `"`+secrets.Hidden+`"`, string(encoded))
}

func TestSealedTakesOnlyWhatIsSealed(t *testing.T) {
	text := stored(t, parse(t, newKey()).Seal("x", ""))
	for _, value := range []any{"c4n4ry-w0rd", "", " " + text, "v2" + text[2:], text[3:], "v1.c4n4ry-w0rd", []byte("c4n4ry-w0rd"), 7, true} {
		var s secrets.Sealed
		err := s.Scan(value)
		require.EqualError(t, err, "a secret in the database is not encrypted", "%v", value)
		require.True(t, s.IsZero())
	}
	for _, value := range []any{text, []byte(text)} {
		var s secrets.Sealed
		require.NoError(t, s.Scan(value))
		require.Equal(t, text, stored(t, s))
	}
	s := read(t, text)
	require.NoError(t, s.Scan(nil))
	require.True(t, s.IsZero())
	value, err := s.Value()
	require.NoError(t, err)
	require.Nil(t, value)
}
