package storage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/storage"
	"portico.internal/platform/testkit"
)

const objectsPath = "/internal/storage/objects/"

// patience bounds every wait.
const patience = time.Minute

// each runs the test with a gateway on a database of each kind, with its files in a folder and on S3.
func each(t *testing.T, test func(t *testing.T, g *testkit.Gateway)) {
	t.Helper()
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		t.Run("local", func(t *testing.T) { test(t, g) })
	})
	eachOnS3(t, func(t *testing.T, g *testkit.Gateway, _ testkit.S3) {
		t.Run("s3", func(t *testing.T) { test(t, g) })
	})
}

var secretKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))

// eachOnS3 runs the test with a gateway on a database of each kind, with its files in a bucket.
func eachOnS3(t *testing.T, test func(t *testing.T, g *testkit.Gateway, s testkit.S3)) {
	t.Helper()
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		s := testkit.NewS3(t)
		storage.SettleOnS3(t, d, secretKey, s)
		test(t, gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_SECRET_KEY": secretKey}), s)
	})
}

// internal sends a request to the internal door, with the token of the service.
func internal(t testing.TB, g *testkit.Gateway, method, path string, body io.Reader, header ...string) testkit.Reply {
	t.Helper()
	reply := open(t, g, method, path, body, header...)
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	return testkit.Reply{Status: reply.StatusCode, Body: string(text), Header: reply.Header}
}

func open(t testing.TB, g *testkit.Gateway, method, path string, body io.Reader, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, g.Internal+path, body)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+serviceToken(t, g))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	reply, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	return reply
}

func serviceToken(t testing.TB, g *testkit.Gateway) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.DataDir, "service.token"))
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// path is that of a key, as a careful client writes it.
func path(key string) string { return objectsPath + url.PathEscape(key) }

func TestObjectIsStoredAndReadBack(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		const text = "the content"
		put := internal(t, g, "PUT", objectsPath+"a/b%20c.pdf", strings.NewReader(text), "Content-Type", "application/pdf; x=1")
		require.Equal(t, 201, put.Status, put.Body)
		require.Regexp(t, `^{"key":"a/b c.pdf","size":11,"content_type":"application/pdf; x=1","sha256":"`+digest(text)+`","modified_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z"}$`, put.Body)
		require.Equal(t, digest(text), put.Header.Get("X-Content-SHA256"))

		get := internal(t, g, "GET", objectsPath+"a/b%20c.pdf", nil)
		require.Equal(t, 200, get.Status)
		require.Equal(t, text, get.Body)
		for name, want := range map[string]string{
			"Content-Type": "application/pdf; x=1", "Content-Length": "11", "X-Content-SHA256": digest(text), "ETag": `"` + digest(text) + `"`,
			"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox",
		} {
			require.Equal(t, want, get.Header.Get(name), name)
		}
		require.NotEmpty(t, get.Header.Get("Last-Modified"))

		head := internal(t, g, "HEAD", objectsPath+"a/b%20c.pdf", nil)
		require.Equal(t, 200, head.Status)
		require.Empty(t, head.Body)
		get.Header.Del("Date")
		get.Header.Del("X-Request-Id")
		for name := range get.Header {
			require.Equal(t, get.Header.Get(name), head.Header.Get(name), name)
		}

		again := internal(t, g, "PUT", objectsPath+"a/b%20c.pdf", strings.NewReader("more"))
		require.Equal(t, 200, again.Status, again.Body)
		require.Contains(t, again.Body, `"content_type":"application/octet-stream"`)
		require.Equal(t, "more", internal(t, g, "GET", objectsPath+"a/b%20c.pdf", nil).Body)

		require.Equal(t, 204, internal(t, g, "DELETE", objectsPath+"a/b%20c.pdf", nil).Status)
		for _, method := range []string{"GET", "HEAD", "DELETE"} {
			require.Equal(t, 404, internal(t, g, method, objectsPath+"a/b%20c.pdf", nil).Status, method)
		}
	})
}

func TestObjectsOfAllSizes(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		for _, size := range []int{0, 1, 5<<20 - 1, 5 << 20, 12 << 20} {
			text := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			for _, body := range []io.Reader{strings.NewReader(text), struct{ io.Reader }{strings.NewReader(text)}} { // with a length, and in chunks
				put := internal(t, g, "PUT", objectsPath+"key", body, "X-Content-SHA256", strings.ToUpper(digest(text)))
				require.Less(t, put.Status, 300, put.Body)
			}
			get := internal(t, g, "GET", objectsPath+"key", nil)
			require.Equal(t, 200, get.Status)
			require.Equal(t, digest(text), digest(get.Body))
			require.Equal(t, digest(text), get.Header.Get("X-Content-SHA256"))
		}
	})
}

func TestKeysOfObjects(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		good := []string{"a", "a/b", "A", "Grüße/日本語", "~/x", ".hidden", "a b+c%", `back\slash`, "q?#&=;", strings.Repeat("k", 1024), strings.Repeat("s", 300) + "/x", "😀"}
		for _, key := range good {
			require.Equal(t, 201, internal(t, g, "PUT", path(key), strings.NewReader("of "+key)).Status, "%q", key)
		}
		for _, key := range good {
			require.Equal(t, "of "+key, internal(t, g, "GET", path(key), nil).Body, "%q", key)
		}
		for _, raw := range []string{"", "/a", "a//b", "a/", "%2Fa", "a%2F%2Fb", ".", "%2e%2e/x", "a/..%2Fb", "a%00b", "a%0Ab", "a%7Fb", "a%C2%85b", "%FF", strings.Repeat("k", 1025)} {
			put := internal(t, g, "PUT", objectsPath+raw, strings.NewReader("x"))
			require.Equal(t, 422, put.Status, "%q: %s", raw, put.Body)
			require.Contains(t, put.Body, `"loc":["path","key"]`)
			for _, method := range []string{"GET", "HEAD", "DELETE"} {
				require.Equal(t, 404, internal(t, g, method, objectsPath+raw, nil).Status, "%s %q", method, raw)
			}
		}
		list := internal(t, g, "GET", "/internal/storage/objects", nil)
		require.Equal(t, len(good), strings.Count(list.Body, `"key":`), "nothing else has been stored")
	})
}

func TestWhatComesWithAnObjectIsChecked(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		require.Equal(t, 201, internal(t, g, "PUT", objectsPath+"key", strings.NewReader("old")).Status)
		wrong := internal(t, g, "PUT", objectsPath+"key", strings.NewReader("new"), "X-Content-SHA256", digest("other"))
		require.Equal(t, 400, wrong.Status, wrong.Body)
		for _, sum := range []string{"abc", digest("new")[1:], digest("new") + "00", "zz" + digest("new")[2:]} {
			reply := internal(t, g, "PUT", objectsPath+"key", strings.NewReader("new"), "X-Content-SHA256", sum)
			require.Equal(t, 422, reply.Status, sum)
			require.Contains(t, reply.Body, `"loc":["header","X-Content-SHA256"]`)
		}
		for _, contentType := range []string{strings.Repeat("t", 256), "text/pläin"} {
			reply := internal(t, g, "PUT", objectsPath+"key", strings.NewReader("new"), "Content-Type", contentType)
			require.Equal(t, 422, reply.Status, contentType)
		}
		require.Equal(t, "old", internal(t, g, "GET", objectsPath+"key", nil).Body)
		require.Equal(t, 200, internal(t, g, "PUT", objectsPath+"key", strings.NewReader("new"), "Content-Type", "no media type").Status)
		require.Equal(t, "no media type", internal(t, g, "GET", objectsPath+"key", nil).Header.Get("Content-Type"))
	})
}

func TestRangesOfObjects(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		const text, unsatisfiable = "0123456789", `{"detail":"Requested Range Not Satisfiable"}`
		tag := `"` + digest(text) + `"`
		require.Equal(t, 201, internal(t, g, "PUT", objectsPath+"key", strings.NewReader(text)).Status)
		require.Equal(t, 201, internal(t, g, "PUT", objectsPath+"empty", strings.NewReader("")).Status)
		for _, c := range []struct {
			header []string
			status int
			body   string
			bytes  string // Content-Range
		}{
			{[]string{"Range", "bytes=0-3"}, 206, "0123", "bytes 0-3/10"},
			{[]string{"Range", "bytes=9-"}, 206, "9", "bytes 9-9/10"},
			{[]string{"Range", "bytes=3-100"}, 206, "3456789", "bytes 3-9/10"},
			{[]string{"Range", "bytes=-3"}, 206, "789", "bytes 7-9/10"},
			{[]string{"Range", "bytes=-30"}, 206, text, "bytes 0-9/10"},
			{[]string{"Range", "bytes=5-99999999999999999999"}, 206, "56789", "bytes 5-9/10"},
			{[]string{"Range", "bytes=10-"}, 416, unsatisfiable, "bytes */10"},
			{[]string{"Range", "bytes=-0"}, 416, unsatisfiable, "bytes */10"},
			{[]string{"Range", "bytes=99999999999999999999-"}, 416, unsatisfiable, "bytes */10"},
			{[]string{"Range", "bytes=3-2"}, 200, text, ""},
			{[]string{"Range", "bytes=a-b"}, 200, text, ""},
			{[]string{"Range", "bytes=+1-2"}, 200, text, ""},
			{[]string{"Range", "bytes=-"}, 200, text, ""},
			{[]string{"Range", "bytes=0-1,3-4"}, 200, text, ""},
			{[]string{"Range", "items=0-1"}, 200, text, ""},
			{[]string{"Range", "bytes=0-3", "If-Range", tag}, 206, "0123", "bytes 0-3/10"},
			{[]string{"Range", "bytes=0-3", "If-Range", `"other"`}, 200, text, ""},
			{[]string{"Range", "bytes=0-3", "If-Range", "W/" + tag}, 200, text, ""},
			{[]string{"If-None-Match", tag}, 304, "", ""},
			{[]string{"If-None-Match", `"other", W/` + tag}, 304, "", ""},
			{[]string{"If-None-Match", "*", "Range", "bytes=0-3"}, 304, "", ""},
			{[]string{"If-None-Match", `"other"`}, 200, text, ""},
		} {
			for _, method := range []string{"GET", "HEAD"} {
				reply := internal(t, g, method, objectsPath+"key", nil, c.header...)
				require.Equal(t, c.status, reply.Status, "%s %v", method, c.header)
				require.Equal(t, c.bytes, reply.Header.Get("Content-Range"), "%s %v", method, c.header)
				require.Equal(t, tag, reply.Header.Get("ETag"))
				if method == "GET" {
					require.Equal(t, c.body, reply.Body, c.header)
				}
			}
		}
		require.Equal(t, 416, internal(t, g, "GET", objectsPath+"empty", nil, "Range", "bytes=0-").Status)
		require.Equal(t, 200, internal(t, g, "GET", objectsPath+"empty", nil).Status)
	})
}

func TestListOfObjects(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		require.Equal(t, `{"objects":[],"next":null}`, internal(t, g, "GET", "/internal/storage/objects", nil).Body)
		for _, key := range []string{"b", "a/2", "a/1", "a%"} {
			require.Equal(t, 201, internal(t, g, "PUT", path(key), strings.NewReader(key), "Content-Type", "text/plain").Status)
		}
		keys := func(query string) string {
			reply := internal(t, g, "GET", "/internal/storage/objects"+query, nil)
			require.Equal(t, 200, reply.Status, reply.Body)
			var list struct {
				Objects []struct {
					Key         string
					Size        int
					ContentType string `json:"content_type"`
					SHA256      string
					ModifiedAt  time.Time `json:"modified_at"`
				}
				Next *string
			}
			require.NoError(t, json.Unmarshal([]byte(reply.Body), &list))
			var found []string
			for _, o := range list.Objects {
				require.Equal(t, len(o.Key), o.Size)
				require.Equal(t, digest(o.Key), o.SHA256)
				require.Equal(t, "text/plain", o.ContentType)
				require.WithinDuration(t, time.Now(), o.ModifiedAt, patience)
				found = append(found, o.Key)
			}
			if list.Next != nil {
				found = append(found, "next "+*list.Next)
			}
			return strings.Join(found, " | ")
		}
		require.Equal(t, "a% | a/1 | a/2 | b", keys(""))
		require.Equal(t, "a% | a/1 | next a/1", keys("?limit=2"))
		require.Equal(t, "a/2 | b", keys("?limit=2&after=a/1"))
		require.Equal(t, "a/1 | a/2", keys("?prefix=a/"))
		require.Equal(t, "a%", keys("?prefix=a%25"))
		require.Equal(t, "", keys("?after=c"))
		for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?prefix=%FF", "?after=%00", "?prefix=" + strings.Repeat("p", 1025)} {
			require.Equal(t, 422, internal(t, g, "GET", "/internal/storage/objects"+query, nil).Status, query)
		}
	})
}

func TestObjectsAreForServicesOnly(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		require.Equal(t, 201, internal(t, g, "PUT", objectsPath+"key", strings.NewReader("content")).Status)
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
			for _, token := range []string{"", "Bearer wrong", "Bearer " + g.Token(t, gatewaytest.Admin)} {
				req, err := http.NewRequestWithContext(t.Context(), method, g.Internal+objectsPath+"key", nil)
				require.NoError(t, err)
				req.Header.Set("Authorization", token)
				reply, err := http.DefaultTransport.RoundTrip(req)
				require.NoError(t, err)
				reply.Body.Close()
				require.Equal(t, 401, reply.StatusCode, "%s %q", method, token)
			}
			// The public door does not know them, even with the token.
			require.Equal(t, 404, g.Call(t, testkit.Request{Method: method, Path: objectsPath + "key", Token: serviceToken(t, g)}).Status)
		}
		require.Equal(t, "content", internal(t, g, "GET", objectsPath+"key", nil).Body)
		require.Equal(t, 405, internal(t, g, "POST", objectsPath+"key", strings.NewReader("x")).Status)
	})
}

// A client that leaves in the middle, or says more than it sends, has stored nothing.
func TestUploadThatIsCutOff(t *testing.T) {
	each(t, func(t *testing.T, g *testkit.Gateway) {
		require.Equal(t, 201, internal(t, g, "PUT", objectsPath+"old", strings.NewReader("old")).Status)
		address := strings.TrimPrefix(g.Internal, "http://")
		long := strings.Repeat("x", 6<<20) // more than a part
		for _, body := range []string{
			"Content-Length: 20000000\r\n\r\n" + long,
			"Content-Length: 20\r\n\r\nshort",
			"Transfer-Encoding: chunked\r\n\r\n1000000\r\n" + long,
			"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
			"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nno number\r\n",
		} {
			for _, key := range []string{"old", "new"} {
				conn, err := net.Dial("tcp", address)
				require.NoError(t, err)
				require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
				_, err = fmt.Fprintf(conn, "PUT %s%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s", objectsPath, key, serviceToken(t, g), body)
				require.NoError(t, err)
				require.NoError(t, conn.(*net.TCPConn).CloseWrite()) // and waits for an answer
				reply, err := io.ReadAll(conn)
				require.NoError(t, err)
				require.Regexp(t, `^HTTP/1.1 4(00|99) `, string(reply), "%.80s", body)
				require.NoError(t, conn.Close())
			}
		}
		require.Equal(t, "old", internal(t, g, "GET", objectsPath+"old", nil).Body)
		require.Equal(t, 404, internal(t, g, "GET", objectsPath+"new", nil).Status)
		if entries, err := os.ReadDir(filepath.Join(g.DataDir, "objects", "~", "new")); err == nil {
			require.Empty(t, entries)
		}
	})
}
