package docservice

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestObjectsKeepDocuments(t *testing.T) {
	eachWithObjects(t, func(t *testing.T, f *fixture, o *fakeObjects) {
		o.set(func() { o.files["doc-service/documents/x"], o.files["other/y"] = []byte("x"), []byte("y") })
		content := pdfOf(3, "Annual report")
		d := f.add(ann, "report.pdf", content)
		require.Equal(t, "Annual report", d.Title, "it was read from the object")
		require.Equal(t, 3, *d.Pages)
		require.Equal(t, inObjects, f.storedIn(d.ID))
		stored, there := o.get("doc-service/documents/" + d.ID)
		require.True(t, there)
		require.Equal(t, content, stored)
		require.Empty(t, f.content(), "nothing stays in the folder")
		require.Zero(t, f.loose())
		f.reads(d.ID, content)

		f.call(ann, "DELETE", "/documents/"+d.ID, "").is(204)
		f.call(ann, "GET", "/documents/"+d.ID+"/content", "").is(404)
		old := f.aged("old.pdf", 8*day)
		f.set(`{"retention_days":7}`).is(200)
		require.NoError(t, f.sweep(t.Context()))
		f.call(root, "GET", "/documents/"+old.ID, "").is(404)
		require.Eventually(t, func() bool { return len(o.keys()) == 2 && f.loose() == 0 }, 20*time.Second, time.Millisecond)
		require.Equal(t, []string{"doc-service/documents/x", "other/y"}, o.keys(), "what is not ours stays")
	})
}

// Only what is wanted is asked for, and nothing where the row says it all.
func TestObjectsAreAskedForWhatIsWanted(t *testing.T) {
	g := newGatewayWithObjects(t)
	f := start(t, Config{Gateway: g.at()})
	d := f.add(ann, "a.pdf", pdfOf(2, ""))
	for _, test := range []struct{ method, header, value, asked string }{
		{"GET", "Range", "bytes=5-9", "GET bytes=5-9"},
		{"GET", "Range", "bytes=0-1,5-9", "GET"},
		{"GET", "If-Range", `"other"`, "GET"},
		{"GET", "If-None-Match", `"` + d.SHA256 + `"`, ""},
		{"GET", "Range", "bytes=999999-", ""},
		{"HEAD", "Range", "bytes=0-1", ""},
	} {
		g.objects.set(func() { g.objects.asked = nil })
		r := f.request(ann, test.method, "/documents/"+d.ID+"/content", nil)
		r.Header.Set(test.header, test.value)
		f.send(r)
		require.Equal(t, test.asked, strings.Join(g.objects.asked, ","), test)
	}
}

// An upload that cannot be stored leaves no document, no file, and in the end no object.
func TestObjectsRefuseUpload(t *testing.T) {
	eachWithObjects(t, func(t *testing.T, f *fixture, o *fakeObjects) {
		on := func(method string, do func(w http.ResponseWriter, r *http.Request) bool) func() {
			return func() {
				o.fault = func(w http.ResponseWriter, r *http.Request) bool { return r.Method == method && do(w, r) }
			}
		}
		says := func(status int) func(w http.ResponseWriter, r *http.Request) bool {
			return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(status); return true }
		}
		_, err := f.objects.isChosen(t.Context())
		require.NoError(t, err)
		for name, change := range map[string]func(){
			"busy":            on("PUT", says(503)),
			"token refused":   on("PUT", says(401)),
			"content refused": on("PUT", says(400)),
			"redirected":      on("PUT", says(302)),
			"API gone":        func() { o.absent = true },
			"cut at once":     on("PUT", cut),
			"cut in the middle": on("PUT", func(w http.ResponseWriter, r *http.Request) bool {
				_, _ = io.CopyN(io.Discard, r.Body, 100)
				return cut(w, r)
			}),
			"cut once stored": func() { o.stored = func(string) { cut(nil, nil) } },
			"not there":       on("HEAD", says(404)),
			"not to be seen":  on("HEAD", says(500)),
			"other content":   func() { o.shown = func(h http.Header) { h.Set("X-Content-SHA256", stuckSum) } },
			"other size": on("HEAD", func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Length", "7")
				content, _ := o.get(strings.TrimPrefix(r.URL.Path, "/internal/storage/objects/"))
				w.Header().Set("X-Content-SHA256", sumOf(content))
				return true
			}),
		} {
			o.set(change)
			r := f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(9, "")) + strings.Repeat("%", 1<<20)}).is(503, "try again later")
			require.Equal(t, "5", r.header.Get("Retry-After"), name)
			require.Equal(t, "[]", f.call(root, "GET", "/documents", "").is(200).body, name)
			require.Empty(t, f.content(), name)
			o.set(func() { o.fault, o.stored, o.shown, o.absent = nil, nil, nil, false })
		}
		f.expire()
		require.Eventually(t, func() bool { return f.loose() == 0 }, 20*time.Second, time.Millisecond)
		o.holds(t)
		o.holds(t, f.add(ann, "a.pdf", pdfOf(1, "")).ID)
	})
}

// The row fails after the object: the upload has failed, and the object is removed when it is due and not before.
func TestObjectWithoutRow(t *testing.T) {
	eachWithObjects(t, func(t *testing.T, f *fixture, o *fakeObjects) {
		require.NoError(t, f.db.Exec("ALTER TABLE documents RENAME COLUMN sha256 TO other").Error)
		f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(1, ""))}).is(500)
		require.NoError(t, f.db.Exec("ALTER TABLE documents RENAME COLUMN other TO sha256").Error)
		require.Len(t, o.keys(), 1)
		f.close()
		f.open() // settles
		require.Empty(t, f.content())
		require.EqualValues(t, 1, f.loose())
		_, err := f.removeLoose(t.Context())
		require.NoError(t, err)
		require.Len(t, o.keys(), 1, "it is young")
		o.fails("DELETE", 503)
		f.expire()
		require.Eventually(t, func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.asked[len(o.asked)-1] == "DELETE" }, 20*time.Second, time.Millisecond)
		require.EqualValues(t, 1, f.loose(), "and is tried again")
		o.fails("", 0)
		f.expire()
		o.holds(t)
	})
}

// An upload that comes back after its object was removed is refused, and what it has put there since is removed, too.
func TestObjectTooLate(t *testing.T) {
	eachWithObjects(t, func(t *testing.T, f *fixture, o *fakeObjects) {
		o.set(func() {
			o.stored = func(id string) {
				object, _ := o.get(objectsPrefix + id)
				f.expire()
				require.Eventually(t, func() bool { return f.loose() == 0 }, 20*time.Second, time.Millisecond)
				o.set(func() { o.files[objectsPrefix+id] = object }) // it takes effect only now
			}
		})
		f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(1, ""))}).is(503, "try again")
		require.Equal(t, "[]", f.call(root, "GET", "/documents", "").is(200).body)
		o.holds(t)
	})
}

// Where documents go is decided once, by the first answer.
func TestObjectsAreChosenOnce(t *testing.T) {
	g := newFakeGateway(t)
	f := start(t, Config{Gateway: g.at()})
	first := f.add(ann, "a.pdf", pdfOf(1, ""))
	g.objects.set(func() { g.objects.absent = false })
	second := f.add(ann, "b.pdf", pdfOf(2, ""))
	require.Len(t, f.content(), 2)
	require.Empty(t, g.objects.keys())
	f.close()
	g.objects.fails("GET", 500)
	f.open()
	r := f.post(ann, [3]string{"file", "c.pdf", string(pdfOf(3, ""))}).is(503)
	require.Equal(t, "5", r.header.Get("Retry-After"))
	require.Len(t, f.content(), 2)
	f.reads(first.ID, pdfOf(1, ""))
	g.objects.fails("", 0)
	third := f.add(ann, "c.pdf", pdfOf(3, ""))
	f.mover.notify()
	g.objects.holds(t, first.ID, second.ID, third.ID)
	require.Eventually(t, func() bool { return len(f.content()) == 0 }, 20*time.Second, time.Millisecond)

	f.close()
	g.objects.set(func() { g.objects.absent = true })
	f.open()
	fourth := f.add(ann, "d.pdf", pdfOf(4, ""))
	require.Equal(t, inFolder, f.storedIn(fourth.ID))
	f.call(ann, "GET", "/documents/"+first.ID+"/content", "").is(503, "try again later")
	f.call(ann, "DELETE", "/documents/"+first.ID, "").is(204)
	g.objects.set(func() { g.objects.absent = false })
	f.reads(second.ID, pdfOf(2, ""))
	f.reads(fourth.ID, pdfOf(4, ""))
	f.close()
	f.open()
	g.objects.holds(t, second.ID, third.ID, fourth.ID)

	f.close()
	f.config.Gateway.URL, f.config.Gateway.Token = "", ""
	f.open()
	f.call(ann, "GET", "/documents/"+second.ID+"/content", "").is(503)
	require.Equal(t, inFolder, f.storedIn(f.add(ann, "e.pdf", pdfOf(5, "")).ID))
}

// While the gateway is away documents are there and their content is not for a moment; nothing of it is said in headers.
func TestObjectsAway(t *testing.T) {
	eachWithObjects(t, func(t *testing.T, f *fixture, o *fakeObjects) {
		content := append(pdfOf(2, ""), strings.Repeat("%", 1<<20)...)
		d := f.add(ann, "a.pdf", content)
		path := "/documents/" + d.ID + "/content"
		for name, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{
			"cut": cut,
			"503": func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true },
			"401": func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(401); return true },
			"404": func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(404); return true },
		} {
			o.set(func() { o.fault = fault })
			ranged := f.request(ann, "GET", path, nil)
			ranged.Header.Set("Range", "bytes=5-9")
			for _, r := range []*http.Request{f.request(ann, "GET", path, nil), ranged} {
				r := f.send(r).is(503, `{"detail":"The storage of documents does not answer; try again later"}`)
				require.Equal(t, "5", r.header.Get("Retry-After"), name)
				for _, header := range []string{"ETag", "Content-Range", "Content-Disposition", "Last-Modified", "Accept-Ranges"} {
					require.Empty(t, r.header.Get(header), "%s: %s", name, header)
				}
				require.Equal(t, "application/json", r.header.Get("Content-Type"))
			}
			f.call(ann, "HEAD", path, "").is(200)
			f.call(ann, "GET", "/documents/"+d.ID, "").is(200)
		}
		o.set(func() {
			o.fault = func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("X-Content-SHA256", d.SHA256)
				w.Header().Set("Content-Length", "1")
				return r.Method == "GET" && r.URL.RawQuery == ""
			}
		})
		f.call(ann, "GET", path, "").is(500, `{"detail":"Internal Server Error"}`)
		o.set(func() { o.fault, o.shown = nil, func(h http.Header) { h.Set("X-Content-SHA256", stuckSum) } })
		f.call(ann, "GET", path, "").is(500)
		o.set(func() {
			o.shown = nil
			o.fault = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("X-Content-SHA256", d.SHA256)
				w.Header().Set("Content-Length", itoa(d.Size))
				_, _ = w.Write(content[:len(content)/2])
				return cut(nil, nil)
			}
		})
		res, err := f.server.Client().Do(f.request(ann, "GET", path, nil))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.Error(t, err, "what is not whole must not look so")
		require.NoError(t, res.Body.Close())

		o.set(func() { o.fault = cut })
		f.call(ann, "DELETE", "/documents/"+d.ID, "").is(204)
		f.call(ann, "GET", path, "").is(404)
		o.fails("", 0)
		f.expire()
		o.holds(t)

		lost := f.add(ann, "b.pdf", pdfOf(3, ""))
		o.set(func() { clear(o.files) })
		f.call(ann, "GET", "/documents/"+lost.ID+"/content", "").is(500, "Internal Server Error")
	})
}

// A document that is deleted between the look at it and the look for its content is not there.
func TestDeletedWhileOpened(t *testing.T) {
	eachWithObjects(t, func(t *testing.T, f *fixture, o *fakeObjects) {
		d := f.add(ann, "a.pdf", pdfOf(1, ""))
		o.set(func() {
			o.fault = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == "GET" && r.URL.RawQuery == "" {
					o.set(func() { o.fault = nil })
					f.call(ann, "DELETE", "/documents/"+d.ID, "").is(204)
					o.holds(t)
				}
				return false
			}
		})
		f.call(ann, "GET", "/documents/"+d.ID+"/content", "").is(404, "Document not found")
	})
}

// What cannot be had at the moment is read later, and holds up nothing else; what is lost is said to be.
func TestReadingWaitsForObjects(t *testing.T) {
	eachWithObjects(t, func(t *testing.T, f *fixture, o *fakeObjects) {
		var away string
		o.set(func() {
			o.stored = func(id string) {
				if away == "" {
					away = id
				}
			}
			o.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != "GET" || away == "" || !strings.HasSuffix(r.URL.Path, away) {
					return false
				}
				w.WriteHeader(503)
				return true
			}
		})
		first := decode[Document](f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(1, ""))}).is(202))
		require.Equal(t, "ready", f.add(ann, "b.pdf", pdfOf(2, "")).Status)
		seen := func() (n int) {
			o.mu.Lock()
			defer o.mu.Unlock()
			for _, asked := range o.asked {
				if asked == "GET" {
					n++
				}
			}
			return n
		}
		before := seen()
		require.Eventually(t, func() bool { return seen() > before+maxAttempts }, 20*time.Second, 5*time.Millisecond, "it goes on trying")
		f.call(ann, "GET", "/documents/"+first.ID, "").is(200, `"status":"processing"`)
		o.fails("", 0)
		require.Equal(t, "ready", f.settled(ann, first.ID).Status)

		o.set(func() {
			o.stored = func(id string) { o.set(func() { o.files[objectsPrefix+id] = nil; delete(o.files, objectsPrefix+id) }) }
		})
		o.set(func() {
			o.fault = func(w http.ResponseWriter, r *http.Request) bool { // the check still sees it
				if r.Method == "HEAD" {
					w.Header().Set("Content-Length", itoa(int64(len(pdfOf(3, "")))))
					w.Header().Set("X-Content-SHA256", sumOf(pdfOf(3, "")))
				}
				return r.Method == "HEAD"
			}
		})
		lost := decode[Document](f.post(ann, [3]string{"file", "c.pdf", string(pdfOf(3, ""))}).is(202))
		require.Equal(t, isLost.Error(), *f.settled(ann, lost.ID).Error)
		require.Empty(t, f.content(), "nothing that was read is left")
	})
}

// A gateway that hangs is waited for as long as something moves, and no longer.
func TestObjectsStall(t *testing.T) {
	g := newGatewayWithObjects(t)
	f := start(t, Config{Gateway: g.at()})
	d := f.add(ann, "a.pdf", pdfOf(1, ""))
	require.Equal(t, time.Minute, f.objects.stall)
	f.objects.stall = 50 * time.Millisecond
	g.objects.set(func() {
		g.objects.fault = func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	})
	f.call(ann, "GET", "/documents/"+d.ID+"/content", "").is(503)
	f.objects.stall = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, f.objects.remove(ctx, d.ID), errNoStorage)
	require.ErrorIs(t, f.objects.check(ctx, d.ID, 1, ""), errNoStorage)

	g.objects.set(func() {
		g.objects.fault = func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return true
		}
	})
	f.objects.stall = 50 * time.Millisecond
	require.ErrorIs(t, f.objects.put(t.Context(), d.ID, bytes.NewReader(make([]byte, 1000)), 1000, stuckSum), errNoStorage)
}

// The token is seen by the gateway alone: not by where it may send us, and not by the log.
func TestObjectsTokenStaysHere(t *testing.T) {
	g := newGatewayWithObjects(t)
	log := &syncBuffer{}
	f := start(t, Config{Gateway: g.at(), Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	g.objects.set(func() { g.objects.fault = func(w http.ResponseWriter, r *http.Request) bool { return cut(w, r) } })
	f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(1, ""))}).is(503)
	f.mover.notify()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "does not answer") }, 20*time.Second, time.Millisecond)
	require.NotContains(t, log.String(), gatewayToken)
}
