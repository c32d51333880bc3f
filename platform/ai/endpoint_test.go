package ai_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/ai"
)

func TestCheckBaseURL(t *testing.T) {
	const (
		form  = "must be an http or https URL with a host, such as https://ai.example.com/v1"
		port  = "must have a port from 1 to 65535, or none"
		user  = "must have no user or password"
		query = "must have no query or fragment"
		long  = "must have at most 2048 characters"
	)
	for text, want := range map[string]string{
		"https://ai.example.com":                  "",
		"https://ai.example.com/v1/":              "",
		"HTTP://AI.Example.com:8080/x":            "",
		"http://localhost:11434":                  "",
		"http://bücher.example/ü":                 "",
		"http://[::1]:80":                         "",
		"http://[fe80::1%25eth0]":                 "",
		"http://2130706433":                       "", // the policy decides about addresses
		"http://h/a%20b;c=d":                      "",
		"http://h/" + strings.Repeat("a", 2048-9): "",
		"http://h/" + strings.Repeat("ü", 2048-9): "",

		"": form, "ai.example.com": form, "localhost:11434": form, "ftp://h": form, "file:///etc/passwd": form, "javascript:x": form,
		"http:": form, "http://": form, "http:///x": form, "http://:80": form, "http:h": form, "//h": form, "/v1": form, "unix://h": form,
		"http://h/a b": form, " http://h": form, "http://h ": form, "http://h\n": form, "http://h/\t": form, "http://h/\u00a0": form,
		"http://h/\x00": form, "http://h/\xff": form, "http://h/%zz": form, "http://[::1": form, "http://a\\@b": form, "http://h:x": form,
		"http://h:0": port, "http://h:65536": port, "http://h:": port, "http://h:99999999999999999999": port,
		"http://u@h": user, "http://u:" + key + "@h": user, "http://@h": user, "http://:@h": user,
		"http://h?": query, "http://h/?a=b": query, "http://h#": query, "http://h/#a": query,
		"http://h/" + strings.Repeat("a", 2048-8): long, strings.Repeat("ü", 2049): long,
	} {
		err := ai.CheckBaseURL(text)
		if want == "" {
			require.NoError(t, err, text)
		} else {
			require.EqualError(t, err, want, text)
		}
	}
}

func TestCheckKey(t *testing.T) {
	for _, good := range []string{"x", key, "!~", strings.Repeat("k", 512)} {
		require.NoError(t, ai.CheckKey(good))
	}
	for _, bad := range []string{"", " ", "a b", " a", "a ", "a\n", "a\r\nX-Other: 1", "a\tb", "a\x00", "a\x7f", "ä", "a\u00a0", "a\xff", strings.Repeat("k", 513)} {
		require.EqualError(t, ai.CheckKey(bad), "must have 1 to 512 characters, all visible ASCII, no blanks", "%q", bad)
	}
}

func TestAnEndpointNeverShowsItsKey(t *testing.T) {
	e := endpoint(ai.OpenAI, "https://ai.example.com")
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T %v"} {
		for _, v := range []any{e, &e, []ai.Endpoint{e}, map[string]ai.Endpoint{"e": e}, struct{ E ai.Endpoint }{e}, struct{ E *ai.Endpoint }{&e}} {
			shown = append(shown, fmt.Sprintf(verb, v, v))
		}
	}
	text, err := json.Marshal(map[string]any{"value": e, "pointer": &e})
	require.NoError(t, err)
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("call", "endpoint", e, "pointer", &e, "list", []ai.Endpoint{e}, "in", struct{ E ai.Endpoint }{e})
	}
	shown = append(shown, fmt.Sprint(e), e.String(), string(text), log.String())
	for _, s := range shown {
		require.NotContains(t, s, key)
		require.NotContains(t, s, fmt.Sprintf("%x", key))
		require.NotContains(t, s, fmt.Sprintf("%X", key))
	}
	require.Equal(t, `openai "some-model" at "https://ai.example.com" with a key`, e.String())
	require.JSONEq(t, `{"provider": "openai", "model": "some-model", "base_url": "https://ai.example.com", "has_api_key": true}`, string(mustJSON(t, e)))
	require.Contains(t, log.String(), "endpoint.has_api_key=true")
	e.APIKey = ""
	require.Equal(t, `openai "some-model" at "https://ai.example.com" without a key`, e.String())
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}
