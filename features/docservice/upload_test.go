package docservice

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUploadRefused(t *testing.T) {
	f := start(t, Config{MaxUploadBytes: 100_000})
	file := func(name, content string) [3]string { return [3]string{"file", name, content} }
	good := string(pdfOf(1, ""))
	late := strings.Repeat("x", 1020) + good // the marker begins within 1024 bytes and ends beyond
	tests := map[string]struct {
		parts  [][3]string
		status int
		want   string
	}{
		"no parts":           {nil, 422, `{"detail":[{"type":"missing","loc":["body","file"],"msg":"Field required","input":null}]}`},
		"other field only":   {[][3]string{{"upload", "a.pdf", good}}, 422, `"missing"`},
		"text in the field":  {[][3]string{{"file", "", good}}, 422, `Value error, Expected UploadFile, received: <class 'str'>`},
		"text called pdf":    {[][3]string{file("a.pdf", "just text")}, 415, `{"detail":"Only PDF files are accepted"}`},
		"image called pdf":   {[][3]string{file("a.pdf", "\x89PNG\r\n\x1a\n"+strings.Repeat("\x00", 2000))}, 415, ""},
		"empty file":         {[][3]string{file("a.pdf", "")}, 415, ""},
		"marker too late":    {[][3]string{file("a.pdf", late)}, 415, ""},
		"two files":          {[][3]string{file("a.pdf", good), file("b.pdf", good)}, 400, `{"detail":"An upload holds one file"}`},
		"title too long":     {[][3]string{file("a.pdf", good), {"title", "", strings.Repeat("x", 256)}}, 422, `["body","title"]`},
		"title without end":  {[][3]string{{"title", "", strings.Repeat("x", 50_000)}, file("a.pdf", good)}, 422, `["body","title"]`},
		"over the limit":     {[][3]string{file("a.pdf", good+strings.Repeat("x", 100_000))}, 413, `{"detail":"The upload is larger than 100000 bytes"}`},
		"over it afterwards": {[][3]string{file("a.pdf", good), {"other", "", strings.Repeat("x", 100_000)}}, 413, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f.post(ann, test.parts...).is(test.status, test.want)
			chunked, kind := form(t, test.parts...)
			r := f.request(ann, "POST", "/documents", io.MultiReader(chunked)) // hides the length
			r.Header.Set("Content-Type", kind)
			f.send(r).is(test.status, test.want)
		})
	}
	bodies := map[string]struct {
		kind, body string
		status     int
		want       string
	}{
		"json":        {"application/json", `{"file":"x"}`, 422, `["body","file"]`},
		"no type":     {"", good, 422, `["body","file"]`},
		"urlencoded":  {"application/x-www-form-urlencoded", "file=x", 422, `["body","file"]`},
		"no boundary": {"multipart/form-data", "x", 400, `{"detail":"Missing boundary in multipart."}`},
		"not a form":  {"multipart/form-data; boundary=b", "nothing", 400, `{"detail":"There was an error parsing the body"}`},
		"no last boundary": {"multipart/form-data; boundary=b",
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n" + good + "\r\n--b", 400, `parsing the body`},
		"no file chosen": {"multipart/form-data; boundary=b",
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--b--\r\n", 422, `"missing"`},
	}
	for name, test := range bodies {
		t.Run(name, func(t *testing.T) {
			r := f.request(ann, "POST", "/documents", strings.NewReader(test.body))
			r.Header.Set("Content-Type", test.kind)
			f.send(r).is(test.status, test.want)
		})
	}
	require.Equal(t, "[]", f.call(root, "GET", "/documents", "").is(200).body)
	require.Empty(t, f.content(), "a refused upload must leave nothing")
}

// A declared length over the limit is refused before the body comes.
func TestUploadTooLargeByLength(t *testing.T) {
	f := start(t, Config{MaxUploadBytes: 100_000})
	conn, err := net.Dial("tcp", f.server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /documents HTTP/1.1\r\nHost: x\r\nx-user-id: %s\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 100001\r\n\r\n", ann.id)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 413, res.StatusCode)
	require.NoError(t, res.Body.Close())
}

// A client that breaks off leaves nothing, wherever it does so: also when the form is whole and the request is not.
func TestUploadBroken(t *testing.T) {
	f := start(t, Config{})
	body, kind := form(t, [3]string{"file", "a.pdf", string(pdfOf(50, ""))}, [3]string{"title", "", "Half"})
	whole := body.Bytes()
	for name, sent := range map[string][]byte{"in the file": whole[:len(whole)/2], "after the form": whole} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", f.server.Listener.Addr().String())
			require.NoError(t, err)
			fmt.Fprintf(conn, "POST /documents HTTP/1.1\r\nHost: x\r\nx-user-id: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", ann.id, kind, len(whole)+1)
			_, err = conn.Write(sent)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return len(f.content()) == 1 }, 20*time.Second, time.Millisecond, "the upload is staged")
			require.NoError(t, conn.Close())
			require.Eventually(t, func() bool { return len(f.content()) == 0 }, 20*time.Second, time.Millisecond, "and gone with its client")
			require.Equal(t, "[]", f.call(root, "GET", "/documents", "").is(200).body)
		})
	}
}

func TestUploadNames(t *testing.T) {
	f := start(t, Config{})
	content := string(pdfOf(1, "Inner"))
	untitled := string(pdfOf(1, ""))
	tests := []struct{ filename, title, content, wantName, wantTitle string }{
		{"report.PDF", "", untitled, "report.PDF", "report"},
		{"report.pdf", "", content, "report.pdf", "Inner"},
		{"report.pdf", "Given", content, "report.pdf", "Given"},
		{"report.pdf", " \u200b ", content, "report.pdf", "Inner"},
		{"report.pdf", "<b>Given</b>\nname", content, "report.pdf", "Given name"},
		{`C:\Users\x\plan.pdf`, "", untitled, "plan.pdf", "plan"},
		{"../../etc/passwd", "", untitled, "passwd", "passwd"},
		{"..", "", untitled, "document.pdf", "document"},
		{".pdf", "", untitled, ".pdf", ".pdf"},
		{"Größe \u202egnp.pdf", "", untitled, "Größe gnp.pdf", "Größe gnp"},
		{strings.Repeat("ä", 300) + ".pdf", "", untitled, strings.Repeat("ä", 255), strings.Repeat("ä", 255)},
		{"x.pdf", "", string(pdfOf(1, strings.Repeat("long ", 100))), "x.pdf", strings.TrimSpace(strings.Repeat("long ", 51))},
		{"x.pdf", "", string(pdfOf(1, "<script>x</script>\x00\x07")), "x.pdf", "x"},
	}
	for _, test := range tests {
		parts := [][3]string{{"file", test.filename, test.content}}
		if test.title != "" {
			parts = append([][3]string{{"title", "", test.title}}, parts...)
		}
		d := decode[Document](f.post(ann, parts...).is(202))
		d = f.settled(ann, d.ID)
		require.Equal(t, test.wantName, d.Filename)
		require.Equal(t, test.wantTitle, d.Title, "%q", test.filename)
	}
}

func TestUploadWithoutDisk(t *testing.T) {
	f := start(t, Config{})
	require.NoError(t, os.Remove(f.files.root+"/staging"))
	f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(1, ""))}).is(500, `{"detail":"Internal Server Error"}`)
	require.Equal(t, "[]", f.call(ann, "GET", "/documents", "").is(200).body)
	require.NoError(t, os.Mkdir(f.files.root+"/staging", 0o700))
	f.add(ann, "a.pdf", pdfOf(1, ""))
}

func TestUploadStreams(t *testing.T) {
	f := start(t, Config{})
	const size = 20 << 20
	head, kind := form(t, [3]string{"file", "big.pdf", "%PDF-1.7\n"})
	end := bytes.LastIndex(head.Bytes(), []byte("\r\n--"))
	body := io.MultiReader(bytes.NewReader(head.Bytes()[:end]), io.LimitReader(zeros{}, size), bytes.NewReader(head.Bytes()[end:]))
	r := f.request(ann, "POST", "/documents", body)
	r.Header.Set("Content-Type", kind)
	d := decode[Document](f.send(r).is(202))
	require.EqualValues(t, size+9, d.Size)
	require.Equal(t, "failed", f.settled(ann, d.ID).Status)
	require.Equal(t, map[string]int64{d.ID + ".pdf": size + 9}, f.content())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
