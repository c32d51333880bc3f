package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// pdf is a whole PDF of that many pages of text, with a title, and about that many bytes of ballast at its end.
func pdf(title string, pages, ballast int) []byte {
	return append(testkit.PDF(pages, title), strings.Repeat("% ballast\n", ballast/10)...)
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
