package settings_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

func TestAITest(t *testing.T) {
	gatewaytest.Each(t, withFakes(nil), func(t *testing.T, g *testkit.Gateway) {
		f := newFake(t)
		none := try(t, g, "")
		require.Equal(t, aiTest{Detail: "No AI provider is chosen"}, none)
		half := try(t, g, `{"provider":"openai"}`)
		require.False(t, half.OK)
		require.Equal(t, "No model is set for openai", half.Detail)
		require.Nil(t, half.Latency)

		for _, p := range providers {
			at := `"base_url":"` + f.URL + `","model":"m",`
			good := try(t, g, one(p, at+keyOf("good-0123456789")))
			require.True(t, good.OK, "%s: %s", p, good.Detail)
			require.Equal(t, "OK", good.Detail)
			require.Equal(t, p, *good.Provider)
			require.Equal(t, "m", *good.Model)
			require.NotNil(t, good.Latency)
			require.Equal(t, []string{"good-0123456789"}, f.seen())

			bad := try(t, g, one(p, at+keyOf("bad-0123456789")))
			require.Equal(t, "The key was refused by "+p, bad.Detail)
			busy := try(t, g, one(p, at+keyOf("busy-0123456789")))
			require.Contains(t, busy.Detail, "quota")
			unknown := try(t, g, one(p, `"base_url":"`+f.URL+`","model":"x",`+keyOf("good-0123456789")))
			require.Contains(t, unknown.Detail, `no model named "x"`)
			for _, r := range []aiTest{bad, busy, unknown} {
				require.False(t, r.OK)
				require.NotNil(t, r.Latency, "the provider has answered")
			}
			f.seen()
		}
		require.Equal(t, emptyAI, g.Call(t, admin("GET", aiPath, "")).Body, "nothing is stored")
		require.Contains(t, g.Call(t, admin("GET", aiPath, "")).Header.Get("ETag"), `"0-`)

		set(t, g, one("openai", `"base_url":"`+f.URL+`","model":"m",`+keyOf("good-0123456789")))
		require.True(t, try(t, g, "").OK, "as stored")
		require.True(t, try(t, g, `{}`).OK)
		require.Contains(t, try(t, g, `{"providers":{"openai":{"model":"x"}}}`).Detail, `no model named "x"`)
		require.Equal(t, []string{"good-0123456789", "good-0123456789", "good-0123456789"}, f.seen())
		require.Equal(t, "No AI provider is chosen", try(t, g, `{"provider":null}`).Detail)
		require.Equal(t, "No key is set for openai", try(t, g, `{"providers":{"openai":{"api_key":null}}}`).Detail)
		require.Empty(t, f.seen())

		log := g.Log.String()
		require.Regexp(t, `"msg":"AI tested".*"actor":"[0-9a-f-]{36}".*"provider":"openai".*"ok":true.*"address":"127.0.0.1"`, log)
		require.NotContains(t, log, "0123456789")
	})
}

func TestFewAITestsAtOnce(t *testing.T) {
	gatewaytest.Each(t, withFakes(nil), func(t *testing.T, g *testkit.Gateway) {
		f := newFake(t)
		f.hold = make(chan struct{})
		release := sync.OnceFunc(func() { close(f.hold) })
		t.Cleanup(release)
		set(t, g, one("ollama", `"base_url":"`+f.URL+`","model":"m"`))
		done := make(chan testkit.Reply, 4)
		for range 4 {
			go func() { done <- g.Call(t, admin("POST", aiTestPath, "")) }()
		}
		require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.keys) == 4 }, 10*time.Second, time.Millisecond)
		fifth := g.Call(t, admin("POST", aiTestPath, ""))
		require.Equal(t, 503, fifth.Status, fifth.Body)
		require.Equal(t, "2", fifth.Header.Get("Retry-After"))
		release()
		for range 4 {
			require.True(t, parse[aiTest](t, <-done).OK)
		}
		require.True(t, try(t, g, "").OK, "there is room again")
	})
}

// refused are loopback, private, link-local and metadata addresses. {port} is one at which somebody listens.
var refused = []string{
	"http://127.0.0.1:{port}", "http://127.8.9.10:{port}", "http://0.0.0.0:{port}",
	"http://localhost:{port}", "http://LOCALHOST:{port}",
	"http://[::1]:{port}", "http://[::]:{port}", "http://[0:0:0:0:0:0:0:1]:{port}", "http://[::1%25lo]:{port}",
	"http://[::ffff:127.0.0.1]:{port}", "http://[::ffff:7f00:1]:{port}", "http://[::127.0.0.1]:{port}",
	"http://[64:ff9b::7f00:1]:{port}", "http://[2002:7f00:1::]:{port}",
	"http://169.254.169.254", "https://169.254.169.254", "http://[::ffff:a9fe:a9fe]", "http://[64:ff9b::a9fe:a9fe]", "http://[fe80::1]",
	"http://[fd00:ec2::254]", "http://100.100.100.200", "http://168.63.129.16",
	"http://10.0.0.1", "http://172.16.0.1", "http://192.168.0.1", "http://100.64.0.1", "http://[fc00::1]",
	"http://255.255.255.255", "http://224.0.0.1",
}

// disguised are addresses that some resolvers take for 127.0.0.1 or 169.254.169.254, and others for names.
var disguised = []string{
	"http://localhost.:{port}", "http://%6cocalhost:{port}", "http://127.0.0.1.:{port}", "http://127.1:{port}", "http://2130706433:{port}", "http://0x7f000001:{port}", "http://0x7f.1:{port}",
	"http://0177.0.0.1:{port}", "http://017700000001:{port}", "http://0:{port}", "http://ⓛocalhost:{port}", "http://①②⑦.0.0.1:{port}",
	"http://2852039166", "http://0xa9fea9fe", "http://0251.0376.0251.0376",
}

const refusal = "The address of openai_compatible is not one that may be called: private ones need to be allowed in the configuration"

// at is a body that looks for a compatible server at a place.
func at(url string) string {
	return one("openai_compatible", fmt.Sprintf(`"model":"m","base_url":%q,%s`, url, keyOf("good-0123456789")))
}

func TestForbiddenAddressesAreNotCalled(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		ports := []*listener{listen(t, "127.0.0.1:0")}
		ports = append(ports, listen(t, fmt.Sprintf("127.8.9.10:%d", ports[0].port())))
		place := func(form string) string { return strings.Replace(form, "{port}", fmt.Sprint(ports[0].port()), 1) }
		for _, form := range refused {
			r := try(t, g, at(place(form)))
			require.Equal(t, refusal, r.Detail, form)
			require.False(t, r.OK)
			require.Nil(t, r.Latency)
		}
		hostname, err := os.Hostname()
		require.NoError(t, err)
		for _, form := range append(disguised, "http://"+hostname+":{port}") {
			reply := g.Call(t, admin("POST", aiTestPath, at(place(form))))
			if reply.Status == 422 {
				require.Contains(t, reply.Body, `"loc":["body","providers","openai_compatible","base_url"]`, form)
				continue
			}
			r := parse[aiTest](t, reply)
			require.False(t, r.OK, form)
			require.Nil(t, r.Latency, form)
		}
		for _, l := range ports {
			require.Zero(t, l.count(), l.Addr())
		}
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	target := newFake(t)
	var to string
	var asked int
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(door.Close)
	allowed := strings.TrimPrefix(door.URL, "http://")
	gatewaytest.Each(t, map[string]string{"PORTICO_AI_ALLOWED_HOSTS": allowed}, func(t *testing.T, g *testkit.Gateway) {
		require.Equal(t, refusal, try(t, g, at(target.URL)).Detail, "another port of an allowed host")
		for _, to = range []string{target.URL, target.URL + "/models", "http://169.254.169.254/latest/meta-data", "http://localhost", "https://example.com", door.URL + "/models"} {
			asked = 0
			r := try(t, g, at(door.URL))
			require.False(t, r.OK)
			require.Nil(t, r.Latency)
			require.Equal(t, "openai_compatible could not be reached, or what answers at its address is something else", r.Detail, to)
			require.Equal(t, 1, asked)
		}
		require.Empty(t, target.seen())
	})
}

// Nothing in a reply tells what is at an address that is not the provider's.
func TestThereIsNoTellingOpenFromClosed(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>intranet</html>") }))
	t.Cleanup(web.Close)
	mail := listen(t, "127.0.0.1:0")
	places := []string{web.URL, fmt.Sprintf("http://127.0.0.1:%d", mail.port()), fmt.Sprintf("http://127.0.0.1:%d", closedPort(t)), newFake(t).URL}
	for name, c := range map[string]struct {
		hosts  string
		places []string
	}{
		"not allowed": {"", places},
		"allowed":     {"127.0.0.1", places[:3]},
	} {
		t.Run(name, func(t *testing.T) {
			gatewaytest.Each(t, map[string]string{"PORTICO_AI_ALLOWED_HOSTS": c.hosts}, func(t *testing.T, g *testkit.Gateway) {
				first := g.Call(t, admin("POST", aiTestPath, at(c.places[0])))
				for _, place := range c.places {
					r := g.Call(t, admin("POST", aiTestPath, at(place)))
					require.Equal(t, first.Body, r.Body, place)
					for _, h := range []http.Header{first.Header, r.Header} {
						h.Del("Date")
						h.Del("X-Request-Id")
					}
					require.Equal(t, first.Header, r.Header, place)
				}
			})
		})
	}
}
