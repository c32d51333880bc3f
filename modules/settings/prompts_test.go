package settings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const promptsPath = "/api/settings/system-prompts"

// shownPrompt is a prompt as a client sees it.
type shownPrompt struct {
	ServiceID string     `json:"service_id"`
	Name      string     `json:"name"`
	Prompt    string     `json:"prompt"`
	IsDefault bool       `json:"is_default"`
	UpdatedAt *time.Time `json:"updated_at"`
}

// service is one of the configuration. Nothing answers at its address.
func service(id, name, prompt string) string {
	quoted, _ := json.Marshal(prompt)
	return fmt.Sprintf("- {id: %s, name: %q, url: http://127.0.0.1:1, system_prompt: %s}\n", id, name, quoted)
}

const sorting = "Sort <document>s.\nAnswer in <json>."

var (
	sorter  = service("doc-service", "Documents", sorting)
	reports = service("reports", "Reports & more", "")
)

// withServices runs a gateway with registered services.
func withServices(t *testing.T, d testkit.Database, services ...string) *testkit.Gateway {
	t.Helper()
	file := filepath.Join(t.TempDir(), "portico.yaml")
	require.NoError(t, os.WriteFile(file, []byte("services:\n"+strings.Join(services, "")), 0o600))
	return gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_CONFIG": file, "PORTICO_SERVICE_TOKEN": serviceToken})
}

func eachWithServices(t *testing.T, test func(t *testing.T, g *testkit.Gateway, d testkit.Database)) {
	t.Helper()
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		test(t, withServices(t, d, reports, sorter), d)
	})
}

// promptBody is the body that sets a prompt.
func promptBody(text string) string {
	quoted, _ := json.Marshal(text)
	return `{"prompt":` + string(quoted) + `}`
}

// setPrompt sets a prompt and returns what the reply shows.
func setPrompt(t *testing.T, g *testkit.Gateway, id, body string) shownPrompt {
	t.Helper()
	return decode[shownPrompt](t, does(t, g, "PATCH", promptsPath+"/"+id, body))
}

func promptList(t *testing.T, g *testkit.Gateway) []shownPrompt {
	t.Helper()
	return decode[[]shownPrompt](t, does(t, g, "GET", promptsPath, ""))
}

func TestSystemPrompts(t *testing.T) {
	eachWithServices(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		require.Equal(t, `[{"service_id":"reports","name":"Reports & more","prompt":"","is_default":true,"updated_at":null},`+
			`{"service_id":"doc-service","name":"Documents","prompt":"Sort <document>s.\nAnswer in <json>.","is_default":true,"updated_at":null}]`, does(t, g, "GET", promptsPath, ""),
			"every registered service, in the order of the configuration")

		start := time.Now().Add(-time.Second)
		set := setPrompt(t, g, "reports", `{"prompt":"Be brief."}`)
		require.Equal(t, shownPrompt{"reports", "Reports & more", "Be brief.", false, set.UpdatedAt}, set)
		require.WithinRange(t, *set.UpdatedAt, start, time.Now().Add(time.Second))
		list := promptList(t, g)
		require.Equal(t, set, list[0])
		require.True(t, list[1].IsDefault)

		for _, nothing := range []string{`{}`, `{"promt":"x"}`, `{"prompt":"Be brief."}`} {
			require.Equal(t, set, setPrompt(t, g, "reports", nothing))
		}
		require.Equal(t, "", setPrompt(t, g, "reports", `{"prompt":""}`).Prompt, "no text is one too")
		require.False(t, promptList(t, g)[0].IsDefault)

		back := setPrompt(t, g, "reports", `{"prompt":null}`)
		require.Equal(t, shownPrompt{"reports", "Reports & more", "", true, back.UpdatedAt}, back)
		require.True(t, back.UpdatedAt.After(*set.UpdatedAt), "and when it was given back")
		require.Equal(t, back, setPrompt(t, g, "reports", `{"prompt":null}`))
		require.Nil(t, setPrompt(t, g, "doc-service", `{"prompt":null}`).UpdatedAt, "the default is the default already")

		pinned := setPrompt(t, g, "doc-service", promptBody(sorting))
		require.False(t, pinned.IsDefault, "set to the same text it no longer follows the configuration")
		require.NotNil(t, pinned.UpdatedAt)
		require.Len(t, history(t, g, ""), 4)
	})
}

func TestPromptsAreKeptVerbatim(t *testing.T) {
	eachWithServices(t, func(t *testing.T, g *testkit.Gateway, _ testkit.Database) {
		longest := strings.Repeat("\U0001f98a", 20_000)
		for name, text := range map[string]struct{ in, out string }{
			"tags":           {in: "<system>\n\t<rule priority=\"1\">a < b && c > d</rule>\n<!-- c --></system><script>alert(1)</script>"},
			"bidi":           {in: "\u202eabc\u202c \u2066x\u2069 \u200f\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627"},
			"emoji":          {in: "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f3f4\U000e0067\U000e0062\U000e007f"},
			"decomposed":     {in: "e\u0301 and \u00e9, \u212a and K, \ufb01"},
			"blanks":         {in: "  \n\tin\u00a0between \u3000\u2028\u2029\ufeff\n\n "},
			"quotes":         {in: "\"it's\" `$x` {{.Y}} %s \\n ?1 :name"},
			"line ends":      {"a\r\nb\rc\n\rd", "a\nb\nc\n\nd"},
			"controls":       {"a\x01\x02\x08\x0b\x0c\x1b[31mb\x7f\u0080\u0085\u009fc\td", "a[31mbc\td"},
			"longest":        {in: longest},
			"longest, clean": {longest + "\x01\x02", longest},
		} {
			want := text.out
			if want == "" {
				want = text.in
			}
			set := setPrompt(t, g, "reports", promptBody(text.in))
			require.Equal(t, want, set.Prompt, name)
			require.Equal(t, set, promptList(t, g)[0], name)
			require.Equal(t, set, decode[shownPrompt](t, inside(t, g, "/internal/settings/system-prompts/reports").Body), name)
			var recorded struct{ Prompt string }
			require.NoError(t, json.Unmarshal(history(t, g, "?limit=1")[0].New, &recorded))
			require.Equal(t, want, recorded.Prompt, name)
		}
	})
}

func TestPromptsThatAreRefused(t *testing.T) {
	eachWithServices(t, func(t *testing.T, g *testkit.Gateway, d testkit.Database) {
		set := setPrompt(t, g, "reports", `{"prompt":"Be brief."}`)
		tooLong := `{"detail":[{"type":"string_too_long","loc":["body","prompt"],"msg":"String should have at most 20000 characters","input":`
		for body, want := range map[string]string{
			promptBody(strings.Repeat("x", 20_001)): tooLong,
			`{"prompt":7}`:                          `"string_type"`,
			`{"prompt":["a"]}`:                      `"string_type"`,
			`{"prompt":true}`:                       `"string_type"`,
			`{"prompt":"a\u0000b"}`:                 `NUL`,
			`{"prompt":"\ud800"}`:                   `"json_invalid"`,
			"{\"prompt\":\"\xff\"}":                 `"json_invalid"`,
			`{"prompt":"a","prompt":"b"}`:           `"json_invalid"`,
			`[]`:                                    `"model_attributes_type"`,
			``:                                      `"missing"`,
		} {
			r := g.Call(t, admin("PATCH", promptsPath+"/reports", body))
			require.Equal(t, 422, r.Status, body)
			require.Contains(t, r.Body, want)
		}

		// A row of a service that is not registered any more is nobody's.
		require.NoError(t, d.Open(t).Exec("INSERT INTO system_prompts (service_id, prompt, updated_at) VALUES ('gone', 'x', ?)", time.Now().UTC()).Error)
		for _, id := range []string{"gone", "nobody", "Reports", "reports%20", "%2e", strings.Repeat("x", 3000), "a%2Fb", "%27"} {
			r := g.Call(t, admin("PATCH", promptsPath+"/"+id, `{"prompt":"x"}`))
			require.Equal(t, 404, r.Status, id)
			require.Equal(t, 404, inside(t, g, "/internal/settings/system-prompts/"+id).Status, id)
		}
		require.Equal(t, `{"detail":"Service not found"}`, inside(t, g, "/internal/settings/system-prompts/gone").Body)
		require.Equal(t, 404, g.Call(t, admin("PATCH", promptsPath+"/reports%00", `{}`)).Status)

		const user = "user@example.com"
		for _, r := range []testkit.Request{{Method: "GET", Path: promptsPath}, {Method: "PATCH", Path: promptsPath + "/reports", Body: `{"prompt":7}`}, {Method: "PATCH", Path: promptsPath + "/nobody"}} {
			require.Equal(t, 401, g.Call(t, r).Status)
			r.As = user
			reply := g.Call(t, r)
			require.Equal(t, 404, reply.Status)
			require.Equal(t, `{"detail":"Not Found"}`, reply.Body)
		}
		require.Equal(t, []shownPrompt{set, {"doc-service", "Documents", sorting, true, nil}}, promptList(t, g))
		require.Len(t, history(t, g, ""), 1)
	})
}

// All prompts are under one version; their tags also follow the configuration.
func TestPromptTags(t *testing.T) {
	eachWithServices(t, func(t *testing.T, g *testkit.Gateway, d testkit.Database) {
		ask := func(g *testkit.Gateway, method, path, body, name, tag string) testkit.Reply {
			r := admin(method, path, body)
			if name != "" {
				r.Header = http.Header{name: {tag}}
			}
			return g.Call(t, r)
		}
		const one = "/internal/settings/system-prompts/doc-service"
		listTag := ask(g, "GET", promptsPath, "", "", "").Header.Get("ETag")
		oneTag := inside(t, g, one).Header.Get("ETag")
		require.Equal(t, 304, ask(g, "GET", promptsPath, "", "If-None-Match", listTag).Status)
		require.Equal(t, 304, inside(t, g, one, "If-None-Match", oneTag).Status)

		changed := ask(g, "PATCH", promptsPath+"/reports", `{"prompt":"Be brief."}`, "If-Match", listTag)
		require.Equal(t, 200, changed.Status, changed.Body)
		for _, id := range []string{"reports", "doc-service"} {
			for _, body := range []string{`{"prompt":"late"}`, `{"prompt":null}`, `{}`} {
				late := ask(g, "PATCH", promptsPath+"/"+id, body, "If-Match", listTag)
				require.Equal(t, 412, late.Status, "%s %s", id, body)
			}
		}
		require.Equal(t, 404, ask(g, "PATCH", promptsPath+"/nobody", `{}`, "If-Match", listTag).Status)
		require.Equal(t, 200, ask(g, "GET", promptsPath, "", "If-None-Match", listTag).Status)
		require.Equal(t, 200, ask(g, "PATCH", promptsPath+"/doc-service", promptBody("Sort."), "If-Match", changed.Header.Get("ETag")).Status)
		require.Equal(t, 200, ask(g, "PATCH", promptsPath+"/doc-service", `{"prompt":null}`, "If-Match", ask(g, "GET", promptsPath, "", "", "").Header.Get("ETag")).Status)

		listTag, oneTag = ask(g, "GET", promptsPath, "", "", "").Header.Get("ETag"), inside(t, g, one).Header.Get("ETag")
		require.Zero(t, g.Stop(t))
		g = withServices(t, d, reports, service("doc-service", "Documents", "Sort well."))
		list := promptList(t, g)
		require.Equal(t, "Be brief.", list[0].Prompt)
		require.Equal(t, "Sort well.", list[1].Prompt, "who has the default follows it")
		require.Equal(t, 200, ask(g, "GET", promptsPath, "", "If-None-Match", listTag).Status)
		require.Equal(t, 200, inside(t, g, one, "If-None-Match", oneTag).Status)
	})
}

func TestPromptsAreRestored(t *testing.T) {
	eachWithServices(t, func(t *testing.T, g *testkit.Gateway, d testkit.Database) {
		for _, text := range []string{"one", "two"} {
			setPrompt(t, g, "reports", promptBody(text))
			setPrompt(t, g, "doc-service", promptBody("Sort "+text))
		}
		list := history(t, g, "?key=system-prompts")
		require.Len(t, list, 4)
		two, one := list[1], list[3]
		require.Equal(t, "system-prompts.reports", two.Key)
		require.Equal(t, `{"prompt":"one"}`, string(two.Old))
		require.Equal(t, `{"prompt":"two"}`, string(two.New))
		require.Equal(t, `{"prompt":null}`, string(one.Old))
		require.Len(t, history(t, g, "?key=system-prompts.reports"), 2)

		back := restore(t, g, two.ID, "")
		require.Equal(t, two.ID, *back.RestoredFrom)
		require.Equal(t, `{"prompt":"two"}`, string(back.Old))
		require.Equal(t, `{"prompt":"one"}`, string(back.New))
		require.Equal(t, "one", promptList(t, g)[0].Prompt)
		require.Equal(t, "Sort two", promptList(t, g)[1].Prompt, "and no other")
		require.Equal(t, two, restore(t, g, two.ID, ""), "nothing to change")
		restore(t, g, two.ID, `{"value":"new"}`)
		require.Equal(t, "two", promptList(t, g)[0].Prompt)
		restore(t, g, one.ID, "")
		require.True(t, promptList(t, g)[0].IsDefault)
		require.Len(t, history(t, g, "?key=system-prompts.reports"), 5)
		require.Zero(t, g.Stop(t))

		g = withServices(t, d, sorter)
		r := g.Call(t, admin("POST", historyPath+"/"+two.ID+"/restore", ""))
		require.Equal(t, 400, r.Status)
		require.Equal(t, `{"detail":"This service is not registered any more"}`, r.Body)
		require.Len(t, promptList(t, g), 1)
	})
}

// Different prompts changed at the same time are all changed, and of each one value has come to stay.
func TestConcurrentPrompts(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		var services []string
		for i := range 10 {
			services = append(services, service(fmt.Sprintf("s-%d", i), "Service", ""))
		}
		services = append(services, sorter)
		replicas := []*testkit.Gateway{withServices(t, d, services...)}
		if d.Name == "postgres" {
			replicas = append(replicas, withServices(t, d, services...))
		}
		for round := range *gatewaytest.Rounds {
			var requests []testkit.Request
			for i := range 20 {
				requests = append(requests, admin("PATCH", fmt.Sprintf("%s/s-%d", promptsPath, i%10), promptBody(fmt.Sprintf("%d of %d", round, i))))
			}
			require.Equal(t, map[int]int{200: 20}, gatewaytest.Rush(t, replicas, requests))
			for _, g := range replicas {
				for i, p := range promptList(t, g)[:10] {
					require.Contains(t, []string{fmt.Sprintf("%d of %d", round, i), fmt.Sprintf("%d of %d", round, i+10)}, p.Prompt)
				}
			}
		}
		for _, p := range promptList(t, replicas[0])[:10] {
			changes := history(t, replicas[0], "?key=system-prompts."+p.ServiceID)
			require.Len(t, changes, min(100, 2**gatewaytest.Rounds))
			require.JSONEq(t, promptBody(p.Prompt), string(changes[0].New), "the last change told of is the one that came to stay")
		}
	})
}
