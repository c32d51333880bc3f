package specfuzz_test

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit/specfuzz"
)

const document = `{"openapi":"3.1.0","paths":{
	"/things":{
		"get":{"parameters":[{"in":"query","name":"limit","schema":{"type":"integer","minimum":1,"maximum":9}}],
			"responses":{"200":{"headers":{"X-Total-Count":{"schema":{"type":"integer"}}},"content":{"application/json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/Thing"}}}}},
				"304":{"description":""},"default":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}}}}},
		"post":{"requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Thing"}}}},"responses":{"201":{"description":""}}}},
	"/things/{id}/parts/{part_id}":{"delete":{"parameters":[{"in":"path","name":"id","required":true,"schema":{"type":"string"}}],"responses":{"204":{"description":""}}}},
	"/files/{path}":{"get":{"responses":{"200":{"content":{"*/*":{}}}}},"put":{"responses":{"default":{"content":{"*/*":{}}}}}}},
	"components":{"schemas":{
		"Error":{"type":"object","required":["detail"],"properties":{"detail":{"type":"string"}}},
		"Thing":{"type":"object","required":["id","size"],"properties":{
			"id":{"type":"string","minLength":2,"maxLength":4},"size":{"type":"integer","minimum":3,"maximum":5},"color":{"type":["string","null"],"pattern":"^#[0-9a-f]{3}$"},
			"made":{"type":"string","format":"date-time"},"day":{"type":"string","format":"date"},"kind":{"enum":["a","b",null]},
			"tags":{"type":"array","minItems":1,"maxItems":3,"items":{"type":"boolean"}},"free":{},"more":{"type":"object","additionalProperties":{"type":"integer"}},
			"either":{"anyOf":[{"type":"null"},{"$ref":"#/components/schemas/Error"}]}}}}}}`

func parsed(t *testing.T) map[string]*specfuzz.Operation {
	t.Helper()
	d, err := specfuzz.Parse([]byte(document))
	require.NoError(t, err)
	operations := map[string]*specfuzz.Operation{}
	for _, o := range d.Operations {
		operations[o.String()] = o
	}
	require.Len(t, operations, 5)
	return operations
}

func generator(operations map[string]*specfuzz.Operation, seed uint64) *specfuzz.Generator {
	return &specfuzz.Generator{Rand: rand.New(rand.NewPCG(seed, 1)), Pool: specfuzz.NewPool([]*specfuzz.Operation{operations["DELETE /things/{id}/parts/{part_id}"]})}
}

func TestSameSeedSameRequests(t *testing.T) {
	operations := parsed(t)
	session := func(seed uint64) string {
		g := generator(operations, seed)
		var out strings.Builder
		for i := range 2000 {
			name := []string{"GET /things", "POST /things", "DELETE /things/{id}/parts/{part_id}", "GET /files/{path}"}[i%4]
			r := g.Request(operations[name])
			out.WriteString(r.Curl("http://a") + "\n")
			g.Pool.Harvest(operations[name], r, &specfuzz.Reply{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"id":"seen"}`)})
		}
		return out.String()
	}
	first := session(7)
	require.Equal(t, first, session(7))
	require.NotEqual(t, first, session(8))
	for _, part := range []string{"limit=9", "limit=1001", "/things/a0000000-", "parts/seen", "TRACE", `"size":3`, "Expect: 100-continue", "%00"} {
		require.Contains(t, first, part)
	}
}

func TestValuesFitTheirSchema(t *testing.T) {
	var tree struct {
		Components struct{ Schemas map[string]any }
	}
	require.NoError(t, json.Unmarshal([]byte(document), &tree))
	thing := tree.Components.Schemas["Thing"].(map[string]any)
	delete(thing["properties"].(map[string]any), "either") // a reference, which a schema that stands alone has not
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("https://a.invalid/thing", thing))
	schema := c.MustCompile("https://a.invalid/thing")
	g := generator(parsed(t), 1)
	delete(thing["properties"].(map[string]any), "free") // any JSON, and some that is none
	for range 500 {
		text := g.Value(thing)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		require.NoError(t, err, "%s", text)
		require.NoError(t, schema.Validate(value), "%s", text)
	}
}

func TestRepliesAreHeldAgainstTheDocument(t *testing.T) {
	operations := parsed(t)
	counted := http.Header{"Content-Type": {"application/json"}, "X-Total-Count": {"1"}}
	plain := http.Header{"Content-Type": {"application/json"}}
	for _, c := range []struct {
		operation string
		status    int
		header    http.Header
		body      string
		fault     string // empty: there is none
	}{
		{"GET /things", 200, counted, `[{"id":"ab","size":3}]`, ""},
		{"GET /things", 200, plain, `[]`, "X-Total-Count is there 0 times"},
		{"GET /things", 200, http.Header{"Content-Type": {"application/json"}, "X-Total-Count": {"many"}}, `[]`, "X-Total-Count"},
		{"GET /things", 200, counted, `[{"id":"ab","size":9}]`, "/#/size"},
		{"GET /things", 200, counted, `[{"id":"ab","size":3,"made":"yesterday"}]`, "/#/made"},
		{"GET /things", 200, counted, `[{"id":"ab","size":3,"hidden":1}]`, "AdditionalProperties"},
		{"GET /things", 200, counted, `[{"id":"ab"}]`, "Required"},
		{"GET /things", 200, counted, `[{"id":"ab","id":"ab","size":3}]`, "each name once"},
		{"GET /things", 200, counted, `[] x`, "no JSON"},
		{"GET /things", 200, http.Header{"Content-Type": {"text/plain"}, "X-Total-Count": {"1"}}, `[]`, "not application/json"},
		{"GET /things", 304, plain, ``, ""},
		{"GET /things", 304, plain, `{}`, "says nothing"},
		{"GET /things", 202, plain, `[]`, "status 202 is not in the document"},
		{"GET /things", 404, plain, `{"detail":"none"}`, ""},
		{"GET /things", 404, plain, `{"detail":[]}`, "/detail"},
		{"DELETE /things/{id}/parts/{part_id}", 204, plain, ``, ""},
		{"DELETE /things/{id}/parts/{part_id}", 200, plain, ``, "not in the document"},
		{"GET /files/{path}", 200, http.Header{"Content-Type": {"image/png"}}, "\x89PNG", ""},
		{"PUT /files/{path}", 207, http.Header{"Content-Type": {"text/html"}}, "<a>", ""}, // another service says what it likes
	} {
		err := operations[c.operation].Check(&specfuzz.Reply{Status: c.status, Header: c.header, Body: []byte(c.body)})
		if c.fault == "" {
			require.NoError(t, err, "%+v", c)
		} else {
			require.ErrorContains(t, err, c.fault, "%+v", c)
		}
	}
}

func TestErrorsHaveTheirForm(t *testing.T) {
	for body, status := range map[string]int{
		`{"detail":"none"}`: 404, `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`: 422,
	} {
		r := &specfuzz.Reply{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
		require.NoError(t, specfuzz.CheckError(r))
		r.Status = 422 + 404 - status
		require.Error(t, specfuzz.CheckError(r), "the form of the other")
		r.Header = http.Header{}
		require.Error(t, specfuzz.CheckError(r))
	}
	for _, body := range []string{`{"detail":[]}`, `{"detail":[{"type":"missing","loc":[],"msg":"Field required","input":null}]}`, `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required"}]}`, `{"error":"none"}`} {
		require.Error(t, specfuzz.CheckError(&specfuzz.Reply{Status: 422, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}), body)
	}
}

// What is printed is what was sent, in a shell's words.
func TestCurlQuotes(t *testing.T) {
	for _, body := range []string{`{"a":"it's"}`, "\\ \xff\xfe \r\n\t '", "$HOME `id` \"\u202e\U0001f600\""} {
		r := &specfuzz.Request{Method: "POST", Target: "/", Body: []byte(body)}
		command := strings.Replace(r.Curl("http://a"), "curl", "printf '%s\\n' >/dev/null; c() { for last; do [ \"$take\" = 1 ] && printf %s \"$last\"; take=0; [ \"$last\" = --data-binary ] && take=1; done; true; }; c", 1)
		out, err := exec.Command("bash", "-c", command).Output()
		require.NoError(t, err)
		require.Equal(t, body, string(out))
	}
}

func TestClientSendsWhatItIsGiven(t *testing.T) {
	type seen struct{ method, uri, header, body string }
	var got []seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, seen{r.Method, r.RequestURI, r.Header.Get("X-Odd"), string(body)})
		if r.Method == "PATCH" {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.WriteString(w, "whole")
	}))
	defer server.Close()
	c := specfuzz.NewClient(server.URL)
	defer c.Close()
	for _, r := range []*specfuzz.Request{
		{Method: "GET", Target: "/a/../%2e%2e//b?x=;&%zz"},
		{Method: "HEAD", Target: "/"},
		{Method: "PATCH", Target: "/", Body: []byte("\x00\xff")},
		{Method: "PUT", Target: "/", Body: []byte("pieces"), Chunked: true},
		{Method: "PUT", Target: "/", Chunked: true},
		{Method: "GET", Target: "/", Body: []byte("a body"), Header: [][2]string{{"x-ODD", "a\tb"}, {"Expect", "100-continue"}}},
	} {
		reply, err := c.Do(r)
		require.NoError(t, err, "%+v", r)
		require.Equal(t, 200, reply.Status)
		require.Equal(t, r.Method != "HEAD", string(reply.Body) == "whole")
	}
	require.Equal(t, []seen{
		{"GET", "/a/../%2e%2e//b?x=;&%zz", "", ""}, {"HEAD", "/", "", ""}, {"PATCH", "/", "", "\x00\xff"}, {"PUT", "/", "", "pieces"}, {"PUT", "/", "", ""},
		{"GET", "/", "a\tb", "a body"},
	}, got)
	server.CloseClientConnections()
	_, err := c.Do(&specfuzz.Request{Method: "GET", Target: "/"})
	require.NoError(t, err, "a connection that was let go is opened anew")
}
