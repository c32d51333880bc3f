package settings_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// logged is a line about a setting.
type logged struct {
	Msg          string `json:"msg"`
	Actor        string `json:"actor"`
	Key          string `json:"key"`
	Fields       string `json:"fields"`
	Address      string `json:"address"`
	RestoredFrom string `json:"restored_from"`
	RequestID    string `json:"request_id"`
}

func changesLogged(t testing.TB, g *testkit.Gateway) []logged {
	t.Helper()
	var list []logged
	for line := range strings.Lines(g.Log.String()) {
		var l logged
		require.NoError(t, json.Unmarshal([]byte(line), &l), line)
		if l.Msg == "setting changed" {
			list = append(list, l)
		}
	}
	return list
}

func TestChangesAreLogged(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		last := func(n int) logged {
			t.Helper()
			list := changesLogged(t, g)
			require.Len(t, list, n)
			l := list[n-1]
			require.Equal(t, parse[struct{ ID string }](t, g.Call(t, admin("GET", "/api/users/me", ""))).ID, l.Actor)
			require.Equal(t, "127.0.0.1", l.Address)
			require.NotEmpty(t, l.RequestID)
			return l
		}
		set(t, g, one("openai", `"model":"some-model","base_url":"https://some.example.com",`+keyOf("some-secret")))
		require.Equal(t, "provider providers.openai.api_key providers.openai.base_url providers.openai.model", last(1).Fields)
		require.Equal(t, "ai", last(1).Key)
		set(t, g, one("openai", `"model":"some-model",`+keyOf("other-secret")))
		require.Equal(t, "providers.openai.api_key", last(2).Fields)
		require.Equal(t, 200, g.Call(t, admin("PATCH", limitsPath, `{"max_pdf_mb":41}`)).Status)
		require.Equal(t, "documents.limits", last(3).Key)
		require.Equal(t, "max_pdf_mb", last(3).Fields)

		first := aiHistory(t, g)[1]
		require.Equal(t, 200, g.Call(t, admin("POST", "/api/settings/history/"+first.ID+"/restore", "")).Status)
		require.Equal(t, first.ID, last(4).RestoredFrom)
		require.Contains(t, last(4).Fields, "providers.openai.api_key", "the key went with its address")

		set(t, g, `{}`)
		set(t, g, `{"provider":null}`)
		refused := admin("PATCH", aiPath, `{"provider":"ollama"}`)
		refused.Header = http.Header{"If-Match": {`"1"`}}
		require.Equal(t, 412, g.Call(t, refused).Status)
		require.Equal(t, 422, g.Call(t, admin("PATCH", aiPath, one("openai", keyOf("********")))).Status)
		last(4)
		for _, value := range []string{"some-model", "some.example.com", "some-secret", "other-secret"} {
			require.NotContains(t, g.Log.String(), value)
		}
	})
}
