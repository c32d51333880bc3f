package docservice

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// fakeObjects is the object API of a gateway, which may have none.
type fakeObjects struct {
	mu     sync.Mutex
	absent bool
	files  map[string][]byte
	asked  []string                                          // method and Range of every request
	fault  func(w http.ResponseWriter, r *http.Request) bool // answers in place of it, when true
	stored func(id string)                                   // called once an object is there, before the answer
	shown  func(h http.Header)                               // changes the head of an answer about an object
}

func newFakeObjects() *fakeObjects { return &fakeObjects{absent: true, files: map[string][]byte{}} }

func newGatewayWithObjects(t *testing.T) *fakeGateway {
	g := newFakeGateway(t)
	g.objects.absent = false
	return g
}

// eachWithObjects runs the test with a service on each database that has a gateway with an object API.
func eachWithObjects(t *testing.T, test func(t *testing.T, f *fixture, o *fakeObjects)) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		g := newGatewayWithObjects(t)
		test(t, start(t, Config{DatabaseURL: d.URL, Gateway: g.at()}), g.objects)
	})
}

func (o *fakeObjects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/internal/storage/objects"), "/")
	o.mu.Lock()
	absent, fault, shown := o.absent, o.fault, o.shown
	o.asked = append(o.asked, strings.TrimSpace(r.Method+" "+r.Header.Get("Range")))
	o.mu.Unlock()
	switch {
	case fault != nil && fault(w, r):
		return
	case r.Header.Get("Authorization") != "Bearer "+gatewayToken:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case absent:
		w.WriteHeader(http.StatusNotFound)
		return
	case key == "":
		o.list(w, r)
		return
	case r.Method == http.MethodPut:
		o.put(w, r, key)
		return
	}
	content, there := o.get(key)
	if !there {
		http.Error(w, `{"detail":"Object not found"}`, http.StatusNotFound)
		return
	}
	if r.Method == http.MethodDelete {
		o.mu.Lock()
		delete(o.files, key)
		o.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/pdf")
	w.Header().Set("X-Content-SHA256", sumOf(content))
	w.Header().Set("ETag", `"not-the-sum"`)
	if shown != nil {
		shown(w.Header())
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func (o *fakeObjects) put(w http.ResponseWriter, r *http.Request, key string) {
	content, err := io.ReadAll(r.Body)
	switch {
	case err != nil || r.ContentLength != int64(len(content)) || r.Header.Get("Content-Type") != "application/pdf" ||
		r.Header.Get("X-Content-SHA256") != sumOf(content):
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	_, there := o.files[key]
	o.files[key] = content
	stored := o.stored
	o.mu.Unlock()
	if stored != nil {
		stored(strings.TrimPrefix(key, objectsPrefix))
	}
	if w.Header().Set("X-Content-SHA256", sumOf(content)); !there {
		w.WriteHeader(http.StatusCreated)
	}
}

func (o *fakeObjects) list(w http.ResponseWriter, r *http.Request) {
	found := []any{}
	for _, key := range o.keys() {
		if strings.HasPrefix(key, r.URL.Query().Get("prefix")) {
			found = append(found, map[string]any{"key": key})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"objects": found, "next": nil})
}

func (o *fakeObjects) get(key string) (content []byte, there bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	content, there = o.files[key]
	return content, there
}

func (o *fakeObjects) keys() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.files))
}

// set changes how it behaves.
func (o *fakeObjects) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

// fails makes it answer requests of a method with a status, until the method is empty.
func (o *fakeObjects) fails(method string, status int) {
	o.set(func() {
		o.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != method {
				return false
			}
			w.WriteHeader(status)
			return true
		}
		if method == "" {
			o.fault = nil
		}
	})
}

// holds waits until it has the objects of these documents and no others of ours.
func (o *fakeObjects) holds(t *testing.T, ids ...string) {
	t.Helper()
	want := []string{}
	for _, id := range ids {
		want = append(want, objectsPrefix+id)
	}
	slices.Sort(want)
	require.Eventually(t, func() bool { return slices.Equal(want, o.keys()) }, 20*time.Second, time.Millisecond, "%v, there are %v", want, o.keys)
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// cut breaks the connection off.
func cut(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }

// storedIn is where the row says that the content is.
func (f *fixture) storedIn(id string) string {
	f.t.Helper()
	d, err := f.again(f.t.Context(), id)
	require.NoError(f.t, err)
	return d.Stored
}

// expire makes everything that is loose due.
func (f *fixture) expire() {
	f.t.Helper()
	require.NoError(f.t, f.db.Model(&looseObject{}).Where("1 = 1").UpdateColumn("due_at", f.db.NowFunc().Add(-time.Second)).Error)
	f.mover.notify()
}

// loose is how many objects are noted as such.
func (f *fixture) loose() (count int64) {
	f.t.Helper()
	require.NoError(f.t, f.db.Model(&looseObject{}).Count(&count).Error)
	return count
}

// reads tells that the content is the document's.
func (f *fixture) reads(id string, content []byte) {
	f.t.Helper()
	require.Equal(f.t, string(content), f.call(ann, "GET", "/documents/"+id+"/content", "").is(200).body)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
