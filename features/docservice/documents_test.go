package docservice

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUploadAndRead(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		content := pdfOf(3, "Annual report")
		sum := sha256.Sum256(content)

		d := decode[Document](f.post(ann, [3]string{"file", "report.pdf", string(content)}).is(202, `"pages":null`))
		require.Equal(t, "report", d.Title)
		d = f.settled(ann, d.ID)
		require.Equal(t, Document{
			ID: d.ID, Title: "Annual report", Filename: "report.pdf", ContentType: "application/pdf",
			Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Status: "ready", Pages: new(3), OwnerID: ann.id,
			SharedGroupIDs: []string{}, CategoryIDs: []string{}, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
		}, d)
		require.Equal(t, map[string]int64{d.ID + ".pdf": d.Size}, f.content())

		f.call(ann, "GET", "/documents/"+d.ID+"/status", "").is(200, `"status":"ready"`, `"pages":3`, `"error":null`)
		r := f.call(ann, "GET", "/documents/"+d.ID+"/content", "").is(200)
		require.Equal(t, string(content), r.body)
		require.Equal(t, `inline; filename=report.pdf`, r.header.Get("Content-Disposition"))
		require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
		require.Equal(t, "application/pdf", r.header.Get("Content-Type"))

		f.call(ann, "DELETE", "/documents/"+d.ID, "").is(204)
		f.call(ann, "DELETE", "/documents/"+d.ID, "").is(404, "Document not found")
		f.call(ann, "GET", "/documents/"+d.ID+"/content", "").is(404)
		require.Empty(t, f.content())
	})
}

func TestContentRanges(t *testing.T) {
	t.Run("folder", func(t *testing.T) { testContentRanges(t, start(t, Config{})) })
	t.Run("objects", func(t *testing.T) { testContentRanges(t, start(t, Config{Gateway: newGatewayWithObjects(t).at()})) })
}

func testContentRanges(t *testing.T, f *fixture) {
	content := string(pdfOf(2, ""))
	d := f.add(ann, "Übersicht 1.pdf", []byte(content))
	path := "/documents/" + d.ID + "/content"
	get := func(method string, headers ...string) reply {
		r := f.request(ann, method, path, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return f.send(r)
	}
	etag := `"` + d.SHA256 + `"`
	r := get("GET", "Range", "bytes=5-9").is(206)
	require.Equal(t, content[5:10], r.body)
	require.Equal(t, fmt.Sprintf("bytes 5-9/%d", len(content)), r.header.Get("Content-Range"))
	require.Equal(t, "inline; filename*=utf-8''%C3%9Cbersicht%201.pdf", r.header.Get("Content-Disposition"))
	require.Equal(t, content[len(content)-6:], get("GET", "Range", "bytes=-6").is(206).body)
	require.Equal(t, content[9:], get("GET", "Range", "bytes=9-").is(206).body)
	require.Equal(t, content, get("GET", "Range", "bytes=0-").is(206).body)
	require.Equal(t, content, get("GET", "Range", "bytes=0-3,5-6", "If-Range", `"other"`).is(200).body)
	beyond := get("GET", "Range", "bytes=999999-").is(416)
	require.Equal(t, fmt.Sprintf("bytes */%d", len(content)), beyond.header.Get("Content-Range"))
	require.Equal(t, `{"detail":"Requested Range Not Satisfiable"}`, beyond.body)
	require.Equal(t, "application/json", beyond.header.Get("Content-Type"))
	require.Equal(t, `{"detail":"Precondition Failed"}`, get("GET", "If-Match", `"other"`).is(412).body)
	require.Empty(t, get("HEAD", "If-Match", `"other"`).is(412).body)
	get("HEAD", "Range", "bytes=0-3").is(206)
	require.Empty(t, get("GET", "If-None-Match", etag).is(304).body)
	require.Equal(t, etag, get("GET").is(200).header.Get("ETag"))
	get("GET", "Range", "bytes=0-3", "If-Range", etag).is(206)
	require.Equal(t, content, get("GET", "Range", "bytes=0-3", "If-Range", `"other"`).is(200).body)
	head := get("HEAD").is(200)
	require.Equal(t, fmt.Sprint(len(content)), head.header.Get("Content-Length"))
	require.Empty(t, head.body)
}

// What belongs to somebody else does not exist, on every route and for every method.
func TestInvisible(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		d := f.add(ann, "secret-plan.pdf", pdfOf(1, ""))
		c := decode[CategoryOut](f.call(root, "POST", "/documents/categories", `{"name":"Plans"}`).is(201))
		routes := []struct{ method, path, body string }{
			{"GET", "", ""},
			{"GET", "/status", ""},
			{"GET", "/content", ""},
			{"HEAD", "/content", ""},
			{"PATCH", "", `{"title":"mine"}`},
			{"PATCH", "", `{}`},
			{"DELETE", "", ""},
			{"GET", "/categories", ""},
			{"PUT", "/categories", `{"category_ids":[]}`},
			{"POST", "/categories/" + c.ID, ""},
			{"DELETE", "/categories/" + c.ID, ""},
		}
		for _, route := range routes {
			for _, id := range []string{d.ID, "00000000-0000-4000-8000-000000000000", "nonsense", "%00", "%ff", "'", strings.Repeat("x", 500)} {
				r := f.call(bob, route.method, "/documents/"+id+route.path, route.body)
				require.Equal(t, 404, r.status, "%s %s %s: %s", route.method, id, route.path, r.body)
				require.NotContains(t, r.body, "secret")
			}
			r := f.call(nobody, route.method, "/documents/"+d.ID+route.path, route.body).is(401)
			require.Equal(t, "Bearer", r.header.Get("WWW-Authenticate"))
		}
		require.Equal(t, "[]", f.call(bob, "GET", "/documents", "").is(200).body)
		require.Equal(t, "[]", f.call(bob, "GET", "/documents?q=secret", "").is(200).body)
		f.call(ann, "GET", "/documents/"+strings.ToUpper(d.ID), "").is(200, "secret-plan")
		require.Equal(t, "secret-plan", f.settled(ann, d.ID).Title)
	})
}

func TestIdentityHeaders(t *testing.T) {
	f := start(t, Config{})
	for _, id := range []string{"", "x", "{" + ann.id + "}", "urn:uuid:" + ann.id, strings.ReplaceAll(ann.id, "-", ""), "g" + ann.id[1:]} {
		r := f.request(ann, "GET", "/documents", nil)
		r.Header.Set("x-user-id", id)
		f.send(r).is(401, `{"detail":"Not authenticated"}`)
	}
	twice := f.request(ann, "GET", "/documents", nil)
	twice.Header.Add("x-user-id", bob.id)
	f.send(twice).is(401)

	d := f.add(ann, "a.pdf", pdfOf(1, ""))
	for _, admin := range []string{"", "True", "1", "yes", "true "} {
		r := f.request(bob, "GET", "/documents/"+d.ID, nil)
		r.Header.Set("x-user-is-admin", admin)
		if admin == "true " { // net/http trims it on the wire: it is plain true
			f.send(r).is(200)
			continue
		}
		f.send(r).is(404)
	}
	both := f.request(bob, "GET", "/documents/"+d.ID, nil)
	both.Header.Add("x-user-is-admin", "true")
	f.send(both).is(404)
}

func TestSharing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		d := f.add(ann, "plan.pdf", pdfOf(1, ""))
		path := "/documents/" + d.ID

		f.call(ann, "PATCH", path, `{"shared_group_ids":["g-blue","g-blue"]}`).is(200, `"shared_group_ids":["g-blue"]`)
		f.call(bob, "GET", path, "").is(200)
		f.call(bob, "GET", path+"/content", "").is(200)
		f.call(bob, "GET", "/documents", "").is(200, d.ID)
		f.call(cat, "GET", path, "").is(404)
		f.call(cat, "GET", path+"/content", "").is(404)

		const only = "Only the owner or an administrator can change this document"
		f.call(bob, "PATCH", path, `{"title":"Bob's"}`).is(400, only)
		f.call(bob, "PATCH", path, `{"shared_group_ids":[]}`).is(400, only)
		f.call(bob, "PUT", path+"/categories", `{"category_ids":[]}`).is(400, only)
		f.call(bob, "DELETE", path, "").is(400, only)
		f.call(bob, "GET", path+"/content", "").is(200)

		f.call(ann, "PATCH", path, `{"shared_group_ids":["g-blue","g-green"]}`).is(400, "groups you are a member of")
		f.call(ann, "PATCH", path, `{"title":"half","shared_group_ids":["g-green"]}`).is(400)
		require.Equal(t, "plan", f.settled(ann, d.ID).Title, "a refused change must leave nothing")
		f.call(root, "PATCH", path, `{"shared_group_ids":["g-green","g-blue"]}`).is(200, `["g-blue","g-green"]`)
		f.call(ann, "PATCH", path, `{"shared_group_ids":["g-green","g-red"]}`).is(200, `["g-green","g-red"]`)
		f.call(bob, "GET", path, "").is(404)
		f.call(bob, "GET", path+"/content", "").is(404)

		f.call(ann, "PATCH", path, `{"shared_group_ids":[]}`).is(200, `"shared_group_ids":[]`)
		f.call(ann, "PATCH", path, `{"shared_group_ids":null}`).is(422, `"shared_group_ids"`)
		f.call(ann, "PATCH", path, `{"shared_group_ids":["ok","a,b"]}`).is(422, `["body","shared_group_ids",1]`)
		f.call(ann, "PATCH", path, `{"shared_group_ids":[`+strings.Repeat(`"g-red",`, 100)+`"g-red"]}`).is(422, "shared_group_ids")

		f.call(root, "PATCH", path, `{"title":"By root"}`).is(200, "By root")
		f.call(root, "DELETE", path, "").is(204)
		f.call(ann, "GET", path, "").is(404)
	})
}

func TestPatchTitle(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		d := f.add(ann, "x.pdf", pdfOf(1, "From the file"))
		path := "/documents/" + d.ID
		same := decode[Document](f.call(ann, "PATCH", path, `{}`).is(200))
		require.Equal(t, d, same)
		changed := decode[Document](f.call(ann, "PATCH", path, `{"title":" <b>Q3</b> R&D\u200b "}`).is(200))
		require.Equal(t, "Q3 R&D", changed.Title)
		require.True(t, changed.UpdatedAt.After(d.UpdatedAt))
		for _, body := range []string{`{"title":null}`, `{"title":""}`, `{"title":" \u200b "}`, `{"title":7}`, `{"title":"` + strings.Repeat("x", 256) + `"}`,
			`{"title":"` + strings.Repeat(`\u0958`, 200) + `"}`} { // U+0958 is two characters when normalised
			f.call(ann, "PATCH", path, body).is(422, `["body","title"]`)
		}
		f.call(ann, "PATCH", path, ``).is(422, `["body"]`)
		f.call(ann, "PATCH", path, `{"title":"`+strings.Repeat("ß", 255)+`"}`).is(200)
	})
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var ids []string
		for _, name := range []string{"alpha.pdf", "BETA 100%.pdf", "Größe.pdf", "delta_1.pdf", "delta21.pdf"} {
			ids = append([]string{f.add(ann, name, pdfOf(1, "")).ID}, ids...)
		}
		other := f.add(bob, "bobs alpha.pdf", pdfOf(1, "")).ID
		list := func(as user, query string, total int, want ...string) {
			t.Helper()
			r := f.call(as, "GET", "/documents"+query, "").is(200)
			got := []string{}
			for _, d := range decode[[]Document](r) {
				got = append(got, d.ID)
			}
			require.Equal(t, append([]string{}, want...), got, query)
			require.Equal(t, fmt.Sprint(total), r.header.Get("X-Total-Count"), query)
		}
		list(ann, "", 5, ids...)
		list(root, "", 6, append([]string{other}, ids...)...)
		list(ann, "?limit=2", 5, ids[:2]...)
		list(ann, "?limit=2&offset=3", 5, ids[3:]...)
		list(ann, "?offset=4", 5, ids[4])
		list(ann, "?offset=99", 5)
		list(cat, "?offset=99", 0)
		list(ann, "?q=ALPHA", 1, ids[4])
		list(ann, "?q=GR%C3%96%C3%9F", 1, ids[2])
		list(ann, "?q=100%25", 1, ids[3])
		list(ann, "?q=%25", 1, ids[3])
		list(ann, "?q=delta_", 1, ids[1])
		list(ann, "?q=!", 0)
		list(root, "?q=alpha&limit=1", 2, other)
		list(ann, "?category=nonsense", 0)
		for _, bad := range []string{"limit=0", "limit=1001", "limit=x", "offset=-1", "q=" + strings.Repeat("x", 256), "q=%00"} {
			f.call(ann, "GET", "/documents?"+bad, "").is(422)
		}
	})
}

func TestRouting(t *testing.T) {
	f := start(t, Config{})
	f.call(nobody, "GET", "/health", "").is(200, `{"status":"ok"}`)
	f.call(nobody, "GET", "/documents", "").is(401)
	f.call(nobody, "POST", "/documents", "").is(401)
	f.call(ann, "GET", "/nothing", "").is(404)
	f.call(ann, "PUT", "/documents", "").is(405)
}
