package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// raw sends bytes as they are and returns the reply. A server that has heard enough replies and goes; where the kernel then
// throws the reply away with the connection, as it may, raw asks again.
func raw(t testing.TB, name, url, text string) testkit.Reply {
	t.Helper()
	for range 20 {
		conn := dialed(t, url)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		go func() { _, _ = io.WriteString(conn, text) }()
		in := bufio.NewReader(conn)
		if _, err := in.Peek(1); !errors.Is(err, syscall.ECONNRESET) {
			return next(t, name, in)
		}
	}
	require.Fail(t, "there is never a reply", name)
	return testkit.Reply{}
}

func next(t testing.TB, name string, in *bufio.Reader) testkit.Reply {
	t.Helper()
	res, err := http.ReadResponse(in, nil)
	require.NoError(t, err, name)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err, name)
	return testkit.Reply{Status: res.StatusCode, Body: string(body), Header: res.Header}
}

// with is a request with a body, sized.
func with(body, method, path string, headers ...string) string {
	return head(method, path, append(headers, fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

// many is the text n times, with a number in it.
func many(n int, format, separator string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(separator)
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

const (
	mega = 1_000_000
	asks = "Content-Type: application/json"
	fill = "Content-Type: application/x-www-form-urlencoded"
)

// What is too large, too deep or too many is refused with its status, by few bytes, and the next request is served.
func TestOversized(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		s := besiege(t, d, env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password})
		ann := "Authorization: Bearer " + s.ann
		rootToken := s.SignIn(t, gatewaytest.Admin, testkit.Password)
		s.secrets = append(s.secrets, rootToken)
		root := "Authorization: Bearer " + rootToken
		doc := s.upload(t, s.ann, pdf("Ranges", 1, 200_000)).ID
		const parts = "Content-Type: multipart/form-data; boundary=x"
		file := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n" + string(pdf("Small", 1, 0)) + "\r\n"
		field := "--x\r\nContent-Disposition: form-data; name=\"f%d\"\r\n\r\n\r\n"

		for name, c := range map[string]struct {
			ask    string
			status int
			want   string
		}{
			"a header":                   {head("GET", "/api/users/me", ann, "X-Long: "+strings.Repeat("x", 60_000)), 200, "ann@example.com"},
			"a header past the limit":    {head("GET", "/api/users/me", ann, "X-Long: "+strings.Repeat("x", 80_000)), 431, ""},
			"a head past the limit":      {head("GET", "/api/users/me", ann, many(8000, "X-%d: yz", "\r\n")), 431, ""},
			"thousands of headers":       {head("GET", "/api/users/me", ann, many(8000, "%x:y", "\r\n")), 200, "ann@example.com"},
			"cookies":                    {head("GET", "/api/users/me", ann, "Cookie: "+many(4000, "c%d=1", "; ")), 200, "ann@example.com"},
			"hops":                       {head("GET", "/api/users/me", ann, "X-Forwarded-For: "+strings.Repeat("127.0.0.1, ", 5000)+"127.0.0.1"), 200, "ann@example.com"},
			"a token":                    {head("GET", "/api/users/me", "Authorization: Bearer "+strings.Repeat("x.", 30_000)), 401, "credentials"},
			"a path":                     {head("GET", "/"+strings.Repeat("x", 60_000)), 404, "Not Found"},
			"a path past the limit":      {head("GET", "/"+strings.Repeat("x", 80_000)), 431, ""},
			"a deep path":                {head("GET", strings.Repeat("/x", 30_000)), 404, "Not Found"},
			"a query":                    {head("GET", "/api/users/me?"+many(6000, "q%d=1", "&"), ann), 200, "ann@example.com"},
			"a method":                   {head(strings.Repeat("X", 60_000), "/api/users/me", ann), 405, "Method Not Allowed"},
			"a search":                   {head("GET", "/api/documents?q="+strings.Repeat("x", 60_000), ann), 422, "string_too_long"},
			"a number":                   {head("GET", "/api/documents?limit="+strings.Repeat("9", 60_000), ann), 422, "int_parsing"},
			"a body":                     {with(strings.Repeat(" ", 2<<20), "POST", "/api/auth/register", asks), 413, "larger than"},
			"a body that is only told":   {head("POST", "/api/auth/register", asks, "Content-Length: 9000000000000000000"), 413, "larger than"},
			"a length":                   {head("POST", "/api/auth/register", asks, "Content-Length: "+strings.Repeat("9", 100)), 400, ""},
			"a body in chunks":           {head("POST", "/api/auth/register", asks, "Transfer-Encoding: chunked") + strings.Repeat("10000\r\n"+strings.Repeat(" ", 1<<16)+"\r\n", 20), 413, "larger than"},
			"a chunk":                    {head("POST", "/api/auth/register", asks, "Transfer-Encoding: chunked") + "ffffffffffffffffff\r\n", 400, ""},
			"an extension of a chunk":    {head("POST", "/api/auth/register", asks, "Transfer-Encoding: chunked") + strings.Repeat("1;"+strings.Repeat("x", 4000)+"\r\n \r\n", 100), 400, ""},
			"a trailer":                  {head("POST", "/api/auth/register", asks, "Transfer-Encoding: chunked") + "1\r\n{\r\n0\r\nX: " + strings.Repeat("x", 200_000), 400, ""},
			"depth of lists":             {with(strings.Repeat("[", mega), "POST", "/api/auth/register", asks), 422, "json_invalid"},
			"closed depth of lists":      {with(strings.Repeat("[", mega/2)+strings.Repeat("]", mega/2), "POST", "/api/auth/register", asks), 422, "json_invalid"},
			"depth of objects":           {with(strings.Repeat(`{"a":`, mega/5), "POST", "/api/auth/register", asks), 422, "json_invalid"},
			"depth in a field":           {with(`{"email":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`}`, "POST", "/api/auth/register", asks), 422, "string_type"},
			"digits":                     {with(`{"app_ids":`+strings.Repeat("9", mega)+`}`, "PATCH", "/api/users/me/preferences", asks, ann), 422, "list_type"},
			"an exponent":                {with(`{"max_pdf_mb":1e999999999}`, "PATCH", "/api/settings/documents/limits", asks, root), 422, "int"},
			"empty objects":              {with(`{"email":[`+strings.Repeat("{},", mega/3)+`0]}`, "POST", "/api/auth/register", asks), 422, "string_type"},
			"keys":                       {with(`{"color_mode":"dark",`+many(80_000, `"%x":0`, ",")+`}`, "PATCH", "/api/users/me/color-mode", asks, ann), 200, `"color_mode":"dark"`},
			"items":                      {with(`{"app_ids":[`+strings.Repeat(`"x",`, 200_000)+`"y"]}`, "PATCH", "/api/users/me/preferences", asks, ann), 422, "too_long"},
			"an e-mail":                  {with(`{"email":"`+strings.Repeat("x", mega)+`@example.com","password":"x"}`, "POST", "/api/auth/register", asks), 422, "email"},
			"a password":                 {with(`{"email":"a@example.com","password":"`+strings.Repeat("Ab1!", mega/4)+`"}`, "POST", "/api/auth/register", asks), 422, "72 bytes"},
			"a name":                     {with(`{"email":"a@example.com","password":"Gr8&Sturdy!bridge","full_name":"`+strings.Repeat("x", mega)+`"}`, "POST", "/api/auth/register", asks), 422, "full_name"},
			"a user name":                {with("username="+strings.Repeat("x", mega)+"&password=x", "POST", "/api/auth/login", fill), 401, "Incorrect"},
			"fields":                     {with(many(150_000, "%x", "&"), "POST", "/api/auth/login", fill), 422, "username"},
			"ampersands":                 {with(strings.Repeat("&", mega), "POST", "/api/auth/login", fill), 422, "username"},
			"parts of a form":            {with(many(10_000, field, "")+"--x--\r\n", "POST", "/api/auth/login", parts), 400, "parsing the body"},
			"an address":                 {with(`{"address":"`+strings.Repeat("x", mega)+`"}`, "PUT", "/api/profile/me", asks, ann), 422, "address"},
			"a group":                    {with(`{"name":"`+strings.Repeat("x", mega)+`"}`, "POST", "/api/admin/groups", asks, root), 422, "name"},
			"a prompt":                   {with(`{"prompt":"`+strings.Repeat("x", mega)+`"}`, "PATCH", "/api/settings/system-prompts/doc-service", asks, root), 422, "prompt"},
			"a theme":                    {with(`{"label":"`+strings.Repeat("x", mega)+`","colors":{"light":{},"dark":{}}}`, "POST", "/api/settings/themes", asks, root), 422, "label"},
			"colours":                    {with(`{"label":"x","colors":{"light":{`+many(50_000, `"%x":"#fff"`, ",")+`},"dark":{}}}`, "POST", "/api/settings/themes", asks, root), 422, "colors"},
			"a bomb":                     {with("\x1f\x8b\x08"+strings.Repeat("\x00", 10_000), "POST", "/api/auth/register", asks, "Content-Encoding: gzip"), 422, "json_invalid"},
			"parts of an upload":         {with(many(3000, field, "")+file+"--x--\r\n", "POST", "/api/documents", parts, ann), 202, "processing"},
			"files of an upload":         {with(strings.Repeat(file, 1000)+"--x--\r\n", "POST", "/api/documents", parts, ann), 400, "one file"},
			"the header of a part":       {with("--x\r\nX: "+strings.Repeat("x", 15<<20)+"\r\n\r\n\r\n--x--\r\n", "POST", "/api/documents", parts, ann), 400, "parsing the body"},
			"an upload past the limit":   {head("POST", "/api/documents", parts, ann, "Content-Length: 9000000000000000000"), 413, "larger than"},
			"ranges that are nothing":    {head("GET", "/api/documents/"+doc+"/content", ann, "Range: bytes="+strings.Repeat("0-0,", 10_000)+"0-0"), 200, "%PDF"},
			"ranges that are everything": {head("GET", "/api/documents/"+doc+"/content", ann, "Range: bytes="+strings.Repeat("0-,", 10_000)+"0-"), 200, "%PDF"},
			"an upgrade":                 {head("GET", "/api/documents", ann, "Connection: Upgrade", "Upgrade: websocket"), 400, "upgrades are not supported"},
			"an upgrade to nowhere":      {head("GET", "/api/users/me", ann, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), 200, "ann@example.com"},
			"HTTP/2 out of the blue":     {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 404, "Not Found"},
		} {
			reply := raw(t, name, s.URL, c.ask)
			require.Equal(t, c.status, reply.Status, "%s: %.300s", name, reply.Body)
			require.Contains(t, reply.Body, c.want, name)
			if reply.Status >= 400 {
				require.Less(t, len(reply.Body), 70_000, "%s: the reply must not be as large as the request", name)
			}
			require.Less(t, len(reply.Body), 2<<20, name)
		}
		s.internally(t)
		s.pipelined(t)
		s.together(t)
		s.lift(t)
	})
}

// internally asks at the internal door without its token, which is refused before the body.
func (s *siege) internally(t *testing.T) {
	for _, ask := range []string{
		head("PUT", "/internal/storage/objects/x", "Content-Length: 1000"),
		head("PUT", "/internal/storage/objects/x", "Content-Length: 100000000000"),
		head("PUT", "/internal/storage/objects/x", "Content-Length: 1000", "Expect: 100-continue"),
		head("PUT", "/internal/storage/objects/x", "Transfer-Encoding: chunked", "Authorization: Bearer "+s.ann),
		head("GET", "/internal/storage/objects?prefix="+strings.Repeat("x", 60_000)),
		head("GET", "/internal/settings/ai", "Authorization: Bearer "+strings.Repeat("x", 60_000)),
		head("GET", "/metrics", "Content-Length: 5"),
	} {
		reply := raw(t, ask[:min(len(ask), 60)], s.Internal, ask)
		require.Equal(t, http.StatusUnauthorized, reply.Status, "%.60s: %s", ask, reply.Body)
	}
}

// pipelined asks a thousand times before it reads, and hears a thousand times, in order.
func (s *siege) pipelined(t *testing.T) {
	conn := s.dial(t)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	const n = 1000
	var asks strings.Builder
	for i := range n {
		asks.WriteString(head("GET", "/health/live", fmt.Sprintf("X-Request-Id: n%d", i)))
	}
	go func() { _, _ = io.WriteString(conn, asks.String()) }()
	in := bufio.NewReader(conn)
	for i := range n {
		reply := next(t, "the next", in)
		require.Equal(t, http.StatusOK, reply.Status)
		require.Equal(t, fmt.Sprintf("n%d", i), reply.Header.Get("X-Request-Id"))
	}
}

// together sends the bodies that take most, from many at once: some are put off, and memory stays what it is.
func (s *siege) together(t *testing.T) {
	bodies := []string{
		`{"email":[` + strings.Repeat("{},", mega/3) + `0]}`,
		`[` + strings.Repeat("[],", mega/3) + `0]`,
		`{` + many(80_000, `"%x":{}`, ",") + `}`,
	}
	announced := make([]net.Conn, *crowd) // of these only the length comes
	for i := range announced {
		announced[i] = s.dial(t)
		_, err := io.WriteString(announced[i], head("POST", "/api/auth/login", fill, "Content-Length: 1048576")+"username=")
		require.NoError(t, err)
	}
	const whole = 25
	var readers [whole]*bufio.Reader
	var conns [whole]net.Conn
	for i := range conns { // all of each but its last byte
		conns[i] = s.dial(t)
		require.NoError(t, conns[i].SetDeadline(time.Now().Add(patience)))
		ask := with(bodies[i%len(bodies)], "POST", "/api/auth/register", asks)
		_, err := io.WriteString(conns[i], ask[:len(ask)-1])
		require.NoError(t, err)
		readers[i] = bufio.NewReader(conns[i])
	}
	for i, conn := range conns {
		_, err := io.WriteString(conn, bodies[i%len(bodies)][len(bodies[i%len(bodies)])-1:])
		require.NoError(t, err)
	}
	count := map[int]int{}
	for i, in := range readers {
		count[next(t, "a large body", in).Status]++
		conns[i].Close()
	}
	t.Log("large bodies at once:", count)
	require.Subset(t, []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable}, keys(count))
	require.Positive(t, count[http.StatusUnprocessableEntity])
	s.putOff(t, bodies[0])
	for _, conn := range announced {
		conn.Close()
	}
}

// putOff has more large bodies under way than memory is meant for: those that are too many hear so.
func (s *siege) putOff(t *testing.T, body string) {
	ask := with(body, "POST", "/api/auth/register", asks)
	held := make([]net.Conn, 40)
	refused := make(chan testkit.Reply, len(held))
	for i := range held {
		held[i] = s.dial(t)
		go func() { _, _ = io.WriteString(held[i], ask[:len(ask)-1]) }()
		go func() {
			res, err := http.ReadResponse(bufio.NewReader(held[i]), nil)
			if err == nil {
				refused <- testkit.Reply{Status: res.StatusCode, Header: res.Header}
			}
		}()
	}
	select {
	case reply := <-refused:
		require.Equal(t, http.StatusServiceUnavailable, reply.Status)
		require.Equal(t, "1", reply.Header.Get("Retry-After"))
	case <-time.After(patience):
		require.Fail(t, "nobody is put off")
	}
	for _, conn := range held {
		conn.Close()
	}
}
