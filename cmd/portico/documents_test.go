package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// pdf is a whole PDF of that many pages of text, with a title, and about that many bytes of ballast.
func pdf(title string, pages, ballast int) []byte {
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "", fmt.Sprintf("<</Title(%s)>>", title)}
	var kids strings.Builder
	for n := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", len(objects)+1)
		text := fmt.Sprintf("BT /F1 24 Tf 72 720 Td (Page %d) Tj ET", n+1)
		objects = append(objects,
			fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<<>>>>", len(objects)+2),
			stream(text))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", pages, kids.String())
	objects = append(objects, stream(strings.Repeat("% ballast\n", ballast/10)))

	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R/Info 3 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes()
}

func stream(text string) string {
	return fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(text), text)
}

// document is what these tests look at of one.
type document struct {
	ID     string
	Title  string
	Status string
	Pages  *int
}

func decode[T any](t testing.TB, body string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	return v
}

// form is an upload as a browser sends it.
func form(t testing.TB, content []byte) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "report.pdf")
	require.NoError(t, err)
	_, err = part.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return w.FormDataContentType(), b.String()
}

func (g *gateway) upload(t testing.TB, token string, content []byte) document {
	t.Helper()
	contentType, body := form(t, content)
	r := g.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/documents", Token: token, Type: contentType, Body: body})
	require.Equal(t, http.StatusAccepted, r.Status, r.Body)
	return decode[document](t, r.Body)
}

// ready waits until the document has been read.
func (g *gateway) ready(t testing.TB, token, id string) document {
	t.Helper()
	var d document
	require.Eventually(t, func() bool {
		r := g.get(t, token, "/api/documents/"+id+"/status")
		require.Equal(t, http.StatusOK, r.Status, r.Body)
		d = decode[document](t, r.Body)
		return d.Status != "processing"
	}, patience, 20*time.Millisecond)
	require.Equal(t, "ready", d.Status)
	return decode[document](t, g.get(t, token, "/api/documents/"+id).Body)
}

// content requires that the document is these bytes.
func (g *gateway) content(t testing.TB, token, id string, want []byte) {
	t.Helper()
	r := g.get(t, token, "/api/documents/"+id+"/content")
	require.Equal(t, http.StatusOK, r.Status)
	require.True(t, bytes.Equal(want, []byte(r.Body)), "%d bytes came back for %d", len(r.Body), len(want))
}

// request is one of a shape that [testkit.Gateway.Call] does not have.
func (g *gateway) request(t testing.TB, method, path, token string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, body)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}
