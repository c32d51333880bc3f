package settings_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const emptyAI = `{"provider":null,"providers":{` +
	`"anthropic":{"model":null,"base_url":null,"api_key":null,"has_api_key":false},` +
	`"openai":{"model":null,"base_url":null,"api_key":null,"has_api_key":false},` +
	`"ollama":{"model":null,"base_url":null,"api_key":null,"has_api_key":false},` +
	`"openai_compatible":{"model":null,"base_url":null,"api_key":null,"has_api_key":false}}}`

func TestAI(t *testing.T) {
	gatewaytest.Each(t, withFakes(nil), func(t *testing.T, g *testkit.Gateway) {
		first := g.Call(t, admin("GET", aiPath, ""))
		require.Equal(t, emptyAI, first.Body)
		tag := first.Header.Get("ETag")
		require.Regexp(t, `^"0-[0-9a-f]{16}"$`, tag)

		g.Run(t,
			testkit.Scenario{Name: "nothing", Request: admin("PATCH", aiPath, `{}`), Status: 200, Want: []string{emptyAI}},
			testkit.Scenario{Name: "unknown names", Request: admin("PATCH", aiPath, `{"api_key":7,"providers":{"OpenAI":{"model":"m"},"gemini":{"model":7},"openai":{"Model":"m"}}}`),
				Status: 200, Want: []string{emptyAI}},
			testkit.Scenario{Name: "NUL", Request: admin("PATCH", aiPath, one("openai", `"model":" gpt-5\u0000 "`)), Status: 422},
			testkit.Scenario{Name: "cleaned", Request: admin("PATCH", aiPath, one("openai", `"model":" gpt\u200b-5 ","base_url":"https://ai.example.com/v1","api_key":"sk-0123456789"`)),
				Status: 200, Want: []string{`"provider":"openai"`, `"openai":{"model":"gpt-5","base_url":"https://ai.example.com/v1","api_key":"********6789","has_api_key":true}`},
				Not: []string{"sk-0123456789", "012345"}},
			testkit.Scenario{Name: "the others stay", Request: admin("PATCH", aiPath, `{"providers":{"ollama":{"model":"llama3:8b"},"openai_compatible":{"model":"org/m"}}}`),
				Status: 200, Want: []string{`"provider":"openai"`, `"model":"gpt-5"`, `"api_key":"********6789"`, `"ollama":{"model":"llama3:8b"`, `"model":"org/m"`}},
			testkit.Scenario{Name: "null clears", Request: admin("PATCH", aiPath, `{"provider":null,"providers":{"ollama":{"model":null},"openai_compatible":{"model":null}}}`),
				Status: 200, Want: []string{`"provider":null`, `"ollama":{"model":null`, `"model":"gpt-5"`}},
			testkit.Scenario{Name: "user", Request: testkit.Request{Method: "GET", Path: aiPath, As: "user@example.com"}, Status: 404},
			testkit.Scenario{Name: "user", Request: testkit.Request{Method: "POST", Path: aiTestPath, As: "user@example.com"}, Status: 404},
			testkit.Scenario{Name: "anonymous", Request: testkit.Request{Method: "PATCH", Path: aiPath, Body: `{}`}, Status: 401},
		)
		stale := admin("PATCH", aiPath, `{"provider":"ollama"}`)
		stale.Header = http.Header{"If-Match": {tag}}
		require.Equal(t, 412, g.Call(t, stale).Status)
		stale.Header = http.Header{"If-Match": {g.Call(t, admin("GET", aiPath, "")).Header.Get("ETag")}}
		require.Equal(t, 200, g.Call(t, stale).Status)
	})
}

func TestAIRefusesWhatIsMalformed(t *testing.T) {
	gatewaytest.Each(t, withFakes(nil), func(t *testing.T, g *testkit.Gateway) {
		for body, loc := range map[string]string{
			`{"provider":"gemini"}`:                                    `"provider"`,
			`{"provider":""}`:                                          `"provider"`,
			`{"provider":["openai"]}`:                                  `"provider"`,
			`{"providers":null}`:                                       `"providers"`,
			`{"providers":[]}`:                                         `"providers"`,
			`{"providers":{"openai":null}}`:                            `"providers","openai"`,
			`{"providers":{"openai":"x"}}`:                             `"providers","openai"`,
			one("openai", `"model":""`):                                `"providers","openai","model"`,
			one("openai", `"model":" \u200b"`):                         `"providers","openai","model"`,
			one("openai", `"model":7`):                                 `"providers","openai","model"`,
			one("ollama", `"model":"`+long(201)+`"`):                   `"providers","ollama","model"`,
			one("openai", `"base_url":""`):                             `"providers","openai","base_url"`,
			one("openai", `"base_url":"example.com"`):                  `"providers","openai","base_url"`,
			one("openai", `"base_url":"file:///etc"`):                  `"providers","openai","base_url"`,
			one("openai", `"base_url":"https://"`):                     `"providers","openai","base_url"`,
			one("openai", `"base_url":"https://a:b@c"`):                `"providers","openai","base_url"`,
			one("openai", `"base_url":"https://c?q=1"`):                `"providers","openai","base_url"`,
			one("openai", `"base_url":"https://c#f"`):                  `"providers","openai","base_url"`,
			one("openai", `"base_url":" https://c"`):                   `"providers","openai","base_url"`,
			one("openai", `"base_url":"https://c:0/"`):                 `"providers","openai","base_url"`,
			one("openai", `"base_url":true`):                           `"providers","openai","base_url"`,
			one("openai", `"api_key":""`):                              `"providers","openai","api_key"`,
			one("openai", `"api_key":7`):                               `"providers","openai","api_key"`,
			one("openai", `"api_key":"a b"`):                           `"providers","openai","api_key"`,
			one("openai", `"api_key":"a\r\nX-Other: b"`):               `"providers","openai","api_key"`,
			one("openai", `"api_key":"schlüssel"`):                     `"providers","openai","api_key"`,
			one("openai", `"api_key":"`+long(513)+`"`):                 `"providers","openai","api_key"`,
			one("openai", `"base_url":"https://e.com/`+long(2048)+`"`): `"providers","openai","base_url"`,
		} {
			for _, r := range []testkit.Request{admin("PATCH", aiPath, body), admin("POST", aiTestPath, body)} {
				reply := g.Call(t, r)
				require.Equal(t, 422, reply.Status, "%s: %s", body, reply.Body)
				require.Contains(t, reply.Body, `"loc":["body",`+loc+`]`, body)
			}
		}
		require.Equal(t, emptyAI, g.Call(t, admin("GET", aiPath, "")).Body)
		for _, body := range []string{
			one("openai", `"model":"`+long(200)+`","api_key":"`+long(512)+`"`),
			one("openai", `"base_url":"https://e.com/`+long(2034)+`"`),
		} {
			require.Equal(t, 200, g.Call(t, admin("PATCH", aiPath, body)).Status, "the bounds themselves")
		}
	})
}

func long(n int) string { return strings.Repeat("x", n) }

func TestAKeyIsKeptClearedAndDropped(t *testing.T) {
	const key = "sk-0123456789"
	gatewaytest.Each(t, withFakes(nil), func(t *testing.T, g *testkit.Gateway) {
		for i, c := range []struct{ name, before, patch, key string }{
			{"absent keeps", `"model":"m"`, `"model":"n"`, key},
			{"the mask keeps", `"model":"m"`, `"api_key":"********6789"`, key},
			{"null clears", `"model":"m"`, `"api_key":null`, ""},
			{"another", `"model":"m"`, `"api_key":"sk-9876543210"`, "sk-9876543210"},
			{"another place", `"base_url":"https://a.example.com"`, `"base_url":"https://b.example.com"`, ""},
			{"another place, with the mask", `"base_url":"https://a.example.com"`, `"base_url":"https://b.example.com","api_key":"********6789"`, ""},
			{"another place, with a key", `"base_url":"https://a.example.com"`, `"base_url":"https://b.example.com","api_key":"sk-9876543210"`, "sk-9876543210"},
			{"another place, with the key", `"base_url":"https://a.example.com"`, `"base_url":"https://b.example.com","api_key":"` + key + `"`, key},
			{"another path", `"base_url":"https://a.example.com/v1"`, `"base_url":"https://a.example.com/V1"`, ""},
			{"another port", `"base_url":"https://a.example.com"`, `"base_url":"https://a.example.com:8443"`, ""},
			{"another scheme", `"base_url":"https://a.example.com"`, `"base_url":"http://a.example.com"`, ""},
			{"the default port written out", `"base_url":"https://a.example.com"`, `"base_url":"https://a.example.com:443"`, ""},
			{"a dot at the end", `"base_url":"https://a.example.com"`, `"base_url":"https://a.example.com."`, ""},
			{"the provider's own place instead", `"base_url":"https://a.example.com"`, `"base_url":null`, ""},
			{"instead of the provider's own place", `"base_url":null`, `"base_url":"https://a.example.com"`, ""},
			{"the same place", `"base_url":"https://a.example.com/v1"`, `"base_url":"https://a.example.com/v1"`, key},
			{"the same place, spelled otherwise", `"base_url":"https://a.example.com/v1"`, `"base_url":"HTTPS://A.example.COM/v1/"`, key},
			{"the provider's own place by name", `"base_url":null`, `"base_url":"https://api.openai.com/v1"`, key},
		} {
			t.Run(c.name, func(t *testing.T) {
				set(t, g, `{"providers":{"openai":{"base_url":null,"api_key":null}}}`)
				set(t, g, one("openai", c.before+","+keyOf(key)))
				shown := set(t, g, one("openai", c.patch)).Providers["openai"]
				require.Equal(t, c.key != "", shown.HasKey, i)
				stored := inClear(t, g).Providers["openai"]
				if c.key == "" {
					require.Nil(t, shown.Key)
					require.Nil(t, stored.Key)
					return
				}
				require.Equal(t, "********"+c.key[len(c.key)-4:], *shown.Key)
				require.Equal(t, c.key, *stored.Key)
			})
		}
	})
}

func TestAMaskIsNoKey(t *testing.T) {
	gatewaytest.Each(t, withFakes(nil), func(t *testing.T, g *testkit.Gateway) {
		refused := func(provider, mask string) {
			t.Helper()
			for _, r := range []testkit.Request{
				admin("PATCH", aiPath, one(provider, `"model":"lost",`+keyOf(mask))),
				admin("POST", aiTestPath, one(provider, `"model":"lost",`+keyOf(mask))),
			} {
				reply := g.Call(t, r)
				require.Equal(t, 422, reply.Status, reply.Body)
				require.Contains(t, reply.Body, fmt.Sprintf(`"loc":["body","providers",%q,"api_key"]`, provider))
				require.Contains(t, reply.Body, `"input":"********"`)
			}
		}
		set(t, g, `{"providers":{"anthropic":{"api_key":"sk-0123456789"},"openai":{"api_key":"short"}}}`)
		before := g.Call(t, admin("GET", aiPath, ""))
		refused("ollama", "********")
		refused("openai_compatible", "********6789") // that of another provider
		refused("openai", "********hort")
		refused("anthropic", "********")
		refused("anthropic", "********6788")
		after := g.Call(t, admin("GET", aiPath, ""))
		require.Equal(t, before.Body, after.Body)
		require.Equal(t, before.Header.Get("ETag"), after.Header.Get("ETag"))

		require.Equal(t, "********", *set(t, g, one("openai", `"api_key":"********"`)).Providers["openai"].Key)
		require.Equal(t, "short", *inClear(t, g).Providers["openai"].Key)
	})
}
