package settings_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/secrets"
	"portico.internal/platform/testkit"
)

// secretKey makes a configured key of a letter.
func secretKey(letter string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
}

func TestFeatureServicesSeeTheKeys(t *testing.T) {
	env := withFakes(map[string]string{"PORTICO_AI_ALLOWED_HOSTS": "127.0.0.1,localhost:11434"})
	gatewaytest.Each(t, env, func(t *testing.T, g *testkit.Gateway) {
		require.Equal(t, 404, g.Call(t, admin("GET", aiInternal, "")).Status)
		first := behindDoor(t, g, aiInternal, nil)
		require.Equal(t, strings.TrimSuffix(emptyAI, "}")+`,"allowed_hosts":["127.0.0.1","localhost:11434"]}`, first.Body)

		// The tag tells one key from the next, and whoever knows all but the key cannot find it from the tag.
		tags := map[string]string{}
		for i, key := range []string{"1111", "2222"} {
			set(t, g, `{"providers":{"ollama":{`+keyOf(key)+`}}}`)
			r := behindDoor(t, g, aiInternal, nil)
			require.Contains(t, r.Body, fmt.Sprintf(`"ollama":{"model":null,"base_url":null,"api_key":%q,"has_api_key":true}`, key))
			require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
			version, sum, ok := strings.Cut(r.Header.Get("ETag"), "-")
			require.True(t, ok)
			require.Equal(t, fmt.Sprintf(`"%d`, i+1), version)
			tags[sum] = version

			same := behindDoor(t, g, aiInternal, http.Header{"If-None-Match": {r.Header.Get("ETag")}})
			require.Equal(t, 304, same.Status)
			require.Empty(t, same.Body)
			require.Equal(t, "no-store", same.Header.Get("Cache-Control"))
		}
		require.Len(t, tags, 1, "the key is in the hash")
	})
}

func TestALostKeyIsTold(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		f := newFake(t)
		start := func(keys string) *testkit.Gateway {
			return gatewaytest.Start(t, gatewaytest.Spec(), d, withFakes(map[string]string{"PORTICO_SECRET_KEY": keys}))
		}
		g := start(secretKey("a"))
		set(t, g, one("ollama", `"model":"m","base_url":"`+f.URL+`",`+keyOf("lost-0123456789")))
		tag := behindDoor(t, g, aiInternal, nil).Header.Get("ETag")
		g.Stop(t)

		g = start(secretKey("b"))
		text := "The stored key cannot be used: " + secrets.ErrUnknownKey.Error()
		told := func(p aiProvider) {
			t.Helper()
			require.True(t, p.HasKey)
			require.NotNil(t, p.KeyError)
			require.Equal(t, text, *p.KeyError)
		}
		shown := g.Call(t, admin("GET", aiPath, ""))
		told(parse[aiReply](t, shown).Providers["ollama"])
		require.Equal(t, "********", *parse[aiReply](t, shown).Providers["ollama"].Key)
		require.Equal(t, 1, strings.Count(shown.Body, "api_key_error"))
		hidden := behindDoor(t, g, aiInternal, nil)
		told(parse[aiReply](t, hidden).Providers["ollama"])
		require.Nil(t, parse[aiReply](t, hidden).Providers["ollama"].Key)
		require.NotEqual(t, tag, hidden.Header.Get("ETag"))

		r := try(t, g, "")
		require.False(t, r.OK)
		require.Nil(t, r.Latency)
		require.Equal(t, text, r.Detail)
		require.Empty(t, f.seen())

		// The rest is usable, and the mask goes on standing for what is there.
		told(set(t, g, `{"providers":{"ollama":{"model":"m","api_key":"********"},"openai":{"model":"x"}}}`).Providers["ollama"])
		require.True(t, try(t, g, `{"providers":{"ollama":{"api_key":"good-0123456789"}}}`).OK)
		g.Stop(t)
		g = start(secretKey("b") + "," + secretKey("a"))
		require.Equal(t, "lost-0123456789", *inClear(t, g).Providers["ollama"].Key, "the old key is back on the ring")
		g.Stop(t)
		g = start(secretKey("b"))
		healed := set(t, g, `{"providers":{"ollama":{"api_key":"good-0123456789"}}}`).Providers["ollama"]
		require.Nil(t, healed.KeyError)
		require.Equal(t, "********6789", *healed.Key)
	})
}

// aiChange is one of the history.
type aiChange struct {
	ID  string          `json:"id"`
	Old json.RawMessage `json:"old"`
	New json.RawMessage `json:"new"`
}

func aiHistory(t testing.TB, g *testkit.Gateway) []aiChange {
	t.Helper()
	return parse[[]aiChange](t, g.Call(t, admin("GET", "/api/settings/history?key=ai", "")))
}

func TestRestoringTakesNoKeyElsewhere(t *testing.T) {
	gatewaytest.Each(t, withFakes(nil), func(t *testing.T, g *testkit.Gateway) {
		restore := func(c aiChange, value string) aiReply {
			t.Helper()
			r := g.Call(t, admin("POST", "/api/settings/history/"+c.ID+"/restore", `{"value":"`+value+`"}`))
			require.Equal(t, 200, r.Status, r.Body)
			return inClear(t, g)
		}
		set(t, g, `{"providers":{"openai":{"base_url":"https://a.example.com","model":"m1","api_key":"key-of-a"},"ollama":{"api_key":"key-of-ollama"}}}`)
		set(t, g, `{"providers":{"openai":{"base_url":"https://b.example.com","model":"m2","api_key":"key-of-b"}}}`)
		set(t, g, `{"providers":{"openai":{"model":"m3"}}}`)
		set(t, g, `{"providers":{"openai":{"base_url":"https://B.example.com/"}}}`)
		changes := aiHistory(t, g)
		require.Len(t, changes, 4)
		require.Contains(t, string(changes[0].Old), `"api_key":"********"`)

		now := restore(changes[1], "old").Providers["openai"]
		require.Equal(t, "m2", *now.Model)
		require.Equal(t, "key-of-b", *now.Key, "the address is the same")

		back := restore(changes[2], "old")
		require.Equal(t, "m1", *back.Providers["openai"].Model)
		require.Equal(t, "https://a.example.com", *back.Providers["openai"].BaseURL)
		require.False(t, back.Providers["openai"].HasKey, "the key of b would go to a")
		require.Equal(t, "key-of-ollama", *back.Providers["ollama"].Key)

		again := restore(changes[2], "new").Providers["openai"]
		require.Equal(t, "https://b.example.com", *again.BaseURL)
		require.False(t, again.HasKey, "no key comes back")
		set(t, g, `{"providers":{"openai":{"api_key":"key-of-b"}}}`)
		require.False(t, restore(changes[3], "old").Providers["openai"].HasKey, "the place of the provider is another one")
	})
}

// Each field is changed by requests of its own, two of each, all at once.
func TestChangesOfDifferentFieldsAllSurvive(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(), d, withFakes(map[string]string{"PORTICO_SECRET_KEY": secretKey("a")}))
		for round := range *gatewaytest.Rounds {
			set(t, replicas[0], `{"providers":{"openai":{"base_url":"https://e.com","api_key":null},"ollama":{"base_url":"https://e.com","api_key":null}}}`)
			var requests []testkit.Request
			for i, p := range providers {
				field := func(format string) {
					body := fmt.Sprintf(`{"providers":{%q:{%s}}}`, p, fmt.Sprintf(format, fmt.Sprintf("x-%d-%d", round, i)))
					requests = append(requests, admin("PATCH", aiPath, body))
				}
				field(`"model":"%s"`)
				if i < 2 { // of these the address changes, of the others the key: the one drops the other
					field(`"base_url":"https://%s.example.com"`)
				} else {
					field(`"api_key":"%s"`)
				}
			}
			requests = append(requests, admin("PATCH", aiPath, fmt.Sprintf(`{"provider":%q}`, providers[round%4])), admin("PATCH", limitsPath, `{"max_pdf_mb":7}`))
			requests = append(requests, requests...)
			require.Equal(t, map[int]int{200: 20}, gatewaytest.Rush(t, replicas, requests))
			for _, g := range replicas {
				now := parse[aiReply](t, g.Call(t, admin("GET", aiPath, "")))
				require.Equal(t, providers[round%4], *now.Provider)
				for i, p := range providers {
					want := fmt.Sprintf("x-%d-%d", round, i)
					require.Equal(t, want, *now.Providers[p].Model)
					if i < 2 {
						require.Equal(t, "https://"+want+".example.com", *now.Providers[p].BaseURL)
					} else {
						require.True(t, now.Providers[p].HasKey)
					}
				}
			}
		}
	})
}

func TestAStoredKeyIsSentToNoOtherAddress(t *testing.T) {
	const key = "stored-0123456789"
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(), d, withFakes(map[string]string{"PORTICO_SECRET_KEY": secretKey("a")}))
		g := replicas[0]
		home, other := newFake(t), newFake(t)
		settle := func(p string) {
			t.Helper()
			set(t, g, one(p, `"model":"m","base_url":"`+home.URL+`",`+keyOf(key)))
			require.True(t, try(t, g, "").OK)
			require.Equal(t, []string{key}, home.seen())
		}
		move := `"base_url":"` + other.URL + `"`
		for _, p := range providers {
			settle(p)
			for _, fields := range []string{move, move + `,"api_key":"********6789"`, move + `,"model":"m"`} {
				try(t, g, one(p, fields))
			}
			require.True(t, try(t, g, "").OK, "the tests have stored nothing")
			set(t, g, one(p, move+`,"api_key":"********6789"`))
			for _, r := range replicas {
				try(t, r, "")
			}
			require.NotContains(t, other.seen(), key)
			home.seen()
		}

		// The same while the address, the key and a test are on their way at once. A key that is stored after the move
		// is one of the new place.
		for range *gatewaytest.Rounds {
			settle("openai_compatible")
			requests := []testkit.Request{
				admin("PATCH", aiPath, one("openai_compatible", move)),
				admin("PATCH", aiPath, one("openai_compatible", keyOf("fresh-0123456789"))),
				admin("PATCH", aiPath, one("openai_compatible", `"api_key":"********6789"`)), // of either key
				admin("PATCH", aiPath, `{"provider":"openai_compatible"}`),
				admin("POST", aiTestPath, ""), admin("POST", aiTestPath, one("openai_compatible", move)),
				admin("POST", aiTestPath, ""), admin("POST", aiTestPath, one("openai_compatible", `"model":"m"`)),
			}
			for status := range gatewaytest.Rush(t, replicas, requests) {
				require.Contains(t, []int{200, 422}, status) // a mask that came when there was no key
			}
			for _, r := range replicas {
				now := inClear(t, r).Providers["openai_compatible"]
				if *now.BaseURL == other.URL && now.Key != nil { // a replica may be a moment behind
					require.Equal(t, "fresh-0123456789", *now.Key)
				}
				require.NotNil(t, try(t, r, "").Provider)
			}
			require.NotContains(t, other.seen(), key)
			home.seen()
		}
	})
}
