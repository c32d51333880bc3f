package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The bodies of FastAPI 0.141 with Pydantic v2, but for the rules of our own: no secret comes back.
func TestJSONBodies(t *testing.T) {
	server := newSite(t, io.Discard)
	const good = `"email":"A@b.c","password":"longenough"`
	for name, c := range map[string]struct {
		body, contentType string
		status            int
		want              string
	}{
		"all well": {body: `{` + good + `,"name":"Ann","active":"yes","mode":null,"tags":["a"],"more":1}`, status: 201,
			want: `{"email":"a@b.c","name":"Ann","active":true,"tags":["a"],"note":"<&>é","at":"2026-01-02T02:04:05.120000Z"}`},
		"null clears, false is a value": {body: `{` + good + `,"name":null,"active":false}`, status: 201,
			want: `{"email":"a@b.c","name":null,"active":false,"tags":[],"note":"<&>é","at":"2026-01-02T02:04:05.120000Z"}`},
		"vendor JSON": {body: `{` + good + `}`, contentType: "application/vnd.x+json; charset=utf-8", status: 201,
			want: `{"email":"a@b.c","name":null,"active":null,"tags":[],"note":"<&>é","at":"2026-01-02T02:04:05.120000Z"}`},
		"no body": {status: 422, want: `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`},
		"null":    {body: `null`, status: 422, want: `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`},
		"missing fields": {body: `{"name":"x","Password":"hunter22"}`, status: 422,
			want: `{"detail":[{"type":"missing","loc":["body","email"],"msg":"Field required","input":{"name":"x"}},` +
				`{"type":"missing","loc":["body","password"],"msg":"Field required","input":{"name":"x"}}]}`},
		"rules speak together, in order": {body: `{"password":"abc","email":"nope"}`, status: 422,
			want: `{"detail":[{"type":"value_error","loc":["body","email"],"msg":"value is not a valid email address: An email address must have an @-sign.","input":"nope","ctx":{"reason":"An email address must have an @-sign."}},` +
				`{"type":"value_error","loc":["body","password"],"msg":"Value error, Password must be at least 8 characters","input":"********","ctx":{"error":{}}}]}`},
		"a rule beside a wrong type": {body: `{"password":"abc","email":7}`, status: 422,
			want: `{"detail":[{"type":"string_type","loc":["body","email"],"msg":"Input should be a valid string","input":7},` +
				`{"type":"value_error","loc":["body","password"],"msg":"Value error, Password must be at least 8 characters","input":"********","ctx":{"error":{}}}]}`},
		"wrong types": {body: `{"email":null,"password":["p"],"name":1.50,"active":2,"mode":"dim","tags":{},"size":"7"}`, status: 422,
			want: `{"detail":[{"type":"string_type","loc":["body","email"],"msg":"Input should be a valid string","input":null},` +
				`{"type":"string_type","loc":["body","password"],"msg":"Input should be a valid string","input":"********"},` +
				`{"type":"string_type","loc":["body","name"],"msg":"Input should be a valid string","input":1.50},` +
				`{"type":"bool_parsing","loc":["body","active"],"msg":"Input should be a valid boolean, unable to interpret input","input":2},` +
				`{"type":"literal_error","loc":["body","mode"],"msg":"Input should be 'light', 'dark' or 'system'","input":"dim","ctx":{"expected":"'light', 'dark' or 'system'"}},` +
				`{"type":"list_type","loc":["body","tags"],"msg":"Input should be a valid list","input":{}},` +
				`{"type":"int_type","loc":["body","size"],"msg":"Input should be a valid integer","input":"7"}]}`},
		"bounds": {body: `{` + good + `,"name":"äöüßéê","active":null,"tags":["a","B",3],"size":501}`, status: 422,
			want: `{"detail":[{"type":"string_too_long","loc":["body","name"],"msg":"String should have at most 5 characters","input":"äöüßéê","ctx":{"max_length":5}},` +
				`{"type":"bool_type","loc":["body","active"],"msg":"Input should be a valid boolean","input":null},` +
				`{"type":"string_pattern_mismatch","loc":["body","tags",1],"msg":"String should match pattern '^[a-z]+$'","input":"B","ctx":{"pattern":"^[a-z]+$"}},` +
				`{"type":"string_type","loc":["body","tags",2],"msg":"Input should be a valid string","input":3},` +
				`{"type":"less_than_equal","loc":["body","size"],"msg":"Input should be less than or equal to 500","input":501,"ctx":{"le":500}}]}`},
		"numbers": {body: `{` + good + `,"tags":["a","a","a","a"],"size":1.5}`, status: 422,
			want: `{"detail":[{"type":"too_long","loc":["body","tags"],"msg":"List should have at most 3 items after validation, not 4","input":["a","a","a","a"],"ctx":{"actual_length":4,"field_type":"List","max_length":3}},` +
				`{"type":"int_from_float","loc":["body","size"],"msg":"Input should be a valid integer, got a number with a fractional part","input":1.5}]}`},
		"a huge number": {body: `{` + good + `,"size":1e999999999}`, status: 422,
			want: `{"detail":[{"type":"int_parsing_size","loc":["body","size"],"msg":"Unable to parse input string as an integer, exceeded maximum size","input":1e999999999}]}`},
		"an array": {body: `["hunter22"]`, status: 422,
			want: `{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":"********"}]}`},
		"not declared as JSON": {body: `{` + good + `}`, contentType: "text/plain", status: 422,
			want: `{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":"********"}]}`},
		"not declared at all": {body: `{` + good + `}`, contentType: "none", status: 422,
			want: `{"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":"********"}]}`},
		"bad JSON": {body: `{`, status: 422,
			want: `{"detail":[{"type":"json_invalid","loc":["body",1],"msg":"JSON decode error","input":{},"ctx":{"error":"Expecting property name enclosed in double quotes"}}]}`},
		"a second document": {body: `{` + good + `}{}`, status: 422,
			want: `{"detail":[{"type":"json_invalid","loc":["body",41],"msg":"JSON decode error","input":{},"ctx":{"error":"Extra data"}}]}`},
		"a duplicate key": {body: `{` + good + `,"password":"other"}`, status: 422,
			want: `{"detail":[{"type":"json_invalid","loc":["body",41],"msg":"JSON decode error","input":{},"ctx":{"error":"Duplicate object key"}}]}`},
		"invalid UTF-8": {body: "{\"email\":\"\xff\"}", status: 422,
			want: `{"detail":[{"type":"json_invalid","loc":["body",10],"msg":"JSON decode error","input":{},"ctx":{"error":"Invalid UTF-8"}}]}`},
		"a lone surrogate": {body: `{"email":"\ud800"}`, status: 422,
			want: `{"detail":[{"type":"json_invalid","loc":["body",10],"msg":"JSON decode error","input":{},"ctx":{"error":"Invalid UTF-8"}}]}`},
		"NaN": {body: `{"size":NaN}`, status: 422, want: `{"detail":[{"type":"json_invalid","loc":["body",8],"msg":"JSON decode error","input":{},"ctx":{"error":"Expecting value"}}]}`},
		"NUL in a field": {body: `{"email":"a\u0000@example.com","password":"longenough"}`, status: 422,
			want: `{"detail":[{"type":"value_error","loc":["body","email"],"msg":"Value error, NUL characters are not allowed","input":null,"ctx":{"error":{}}}]}`},
		"NUL beside what the schema knows, where a name may be a secret": {body: `{` + good + `,"more":[{"x":"a\u0000"}]}`, status: 422,
			want: `{"detail":[{"type":"value_error","loc":["body"],"msg":"Value error, NUL characters are not allowed","input":null,"ctx":{"error":{}}}]}`},
		// Go's encoding/json would take EMAIL for email.
		"the case of keys matters": {body: `{"EMAIL":"a@b.c","password":"longenough"}`, status: 422,
			want: `{"detail":[{"type":"missing","loc":["body","email"],"msg":"Field required","input":{"password":"********"}}]}`},
		"deep": {body: strings.Repeat("[", 20_000), status: 422, want: ""},
	} {
		resp, body := do(t, server, call{method: "POST", path: "/api/people", contentType: c.contentType, body: c.body})
		require.Equal(t, c.status, resp.StatusCode, "%s: %s", name, body)
		if c.want != "" {
			require.Equal(t, c.want, body, name)
		}
		require.NotContains(t, body, "hunter22", name)
	}
}

func TestFormBodies(t *testing.T) {
	server := newSite(t, io.Discard)
	missing := `{"detail":[{"type":"missing","loc":["body","username"],"msg":"Field required","input":null},{"type":"missing","loc":["body","password"],"msg":"Field required","input":null}]}`
	multipart := "--X\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nann\r\n--X\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\np\r\n--X--\r\n"
	for name, c := range map[string]struct {
		body, contentType string
		status            int
		want              string
	}{
		"urlencoded":            {"username=a%40b+c&password=p%zz", "application/x-www-form-urlencoded", 200, `{"user":"a@b c"}`},
		"multipart":             {multipart, "multipart/form-data; boundary=X", 200, `{"user":"ann"}`},
		"no boundary":           {multipart, "multipart/form-data", 400, `{"detail":"Missing boundary in multipart."}`},
		"empty fields":          {"username=&password=", "application/x-www-form-urlencoded", 422, missing},
		"JSON":                  {`{"username":"a","password":"b"}`, "application/json", 422, missing},
		"no type":               {"username=a&password=b", "none", 422, missing},
		"the last value counts": {"username=a&username=b&password=c", "application/x-www-form-urlencoded", 200, `{"user":"b"}`},
	} {
		resp, body := do(t, server, call{method: "POST", path: "/api/login", contentType: c.contentType, body: c.body})
		require.Equal(t, c.status, resp.StatusCode, name)
		require.Equal(t, c.want, body, name)
	}
}

func TestQuery(t *testing.T) {
	server := newSite(t, io.Discard)
	for query, c := range map[string]struct {
		status int
		want   string
	}{
		"":             {200, `[]`},
		"?limit=7":     {200, `[]`},
		"?limit=0":     {422, `{"detail":[{"type":"greater_than_equal","loc":["query","limit"],"msg":"Input should be greater than or equal to 1","input":"0","ctx":{"ge":1}}]}`},
		"?limit=x":     {422, `{"detail":[{"type":"int_parsing","loc":["query","limit"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"x"}]}`},
		"?q=a%00":      {422, ``},
		"?q=%ff":       {422, ``},
		"?limit=9&x;%": {200, `[]`},
	} {
		resp, body := do(t, server, call{method: "GET", path: "/api/list" + query, as: "ann"})
		require.Equal(t, c.status, resp.StatusCode, query)
		if c.want != "" {
			require.Equal(t, c.want, body, query)
		}
		if c.status == 200 {
			require.NotEmpty(t, resp.Header.Get("X-Total-Count"))
		}
	}
}

// An endless body that says how long it is, and one that does not, are both refused without being read whole.
func TestBodyLimit(t *testing.T) {
	server := newSite(t, io.Discard)
	for _, length := range []int64{10 << 30, -1} {
		endless := &counter{limit: 1 << 30}
		req, _ := http.NewRequest(http.MethodPost, server.URL+"/api/people", endless)
		req.ContentLength = length
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
		require.Less(t, endless.n.Load(), int64(64<<20))
	}
	exact := `{"email":"a@b.c","password":"longenough","more":"` + strings.Repeat("x", 1<<20) + `"}`
	_, body := do(t, server, call{method: "POST", path: "/api/people", body: exact[:1<<20-2] + `"}`})
	require.Contains(t, body, `"email":"a@b.c"`) // a whole MiB is allowed
}
