package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

// azureVariable opts in to the tests against an emulator of Azure Blob Storage: it names its endpoint,
// such as http://127.0.0.1:10000/devstoreaccount1.
const azureVariable = "PORTICO_TEST_AZURE"

// The account that every emulator has; of no worth anywhere else.
const (
	emulatorAccount = "devstoreaccount1"
	emulatorKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// parser parses places; its data directory is one of the test.
func parser(t testing.TB) *backends { return &backends{dataDir: t.TempDir()} }

func localPlace(t testing.TB) place {
	t.Helper()
	p, err := parser(t).parse(kindLocal, configIn{})
	require.NoError(t, err)
	return p
}

func s3Config(s testkit.S3, prefix string) configIn {
	return configIn{
		Bucket: web.Some(s.Bucket), Region: web.Some(s.Region), Endpoint: web.Some(s.Endpoint), Prefix: web.Some(prefix),
		AccessKeyID: web.Some(s.AccessKeyID), SecretAccessKey: web.Some(s.SecretAccessKey),
	}
}

func s3Place(t testing.TB, prefix string) place {
	t.Helper()
	p, err := parser(t).parse(kindS3, s3Config(testkit.NewS3(t), prefix))
	require.NoError(t, err)
	return p
}

func azurePlace(t testing.TB) place {
	t.Helper()
	endpoint := os.Getenv(azureVariable)
	if endpoint == "" {
		t.Skip("SKIPPED: name an emulator of Azure Blob Storage in " + azureVariable)
	}
	name := "test-" + uuid.NewString()
	p, err := parser(t).parse(kindAzure, configIn{
		Account: web.Some(emulatorAccount), AccountKey: web.Some(emulatorKey), Container: web.Some(name),
		Endpoint: web.Some(endpoint), Prefix: web.Some("some/folder"),
	})
	require.NoError(t, err)
	key, err := container.NewSharedKeyCredential(emulatorAccount, emulatorKey)
	require.NoError(t, err)
	client, err := container.NewClientWithSharedKeyCredential(endpoint+"/"+name, key, nil)
	require.NoError(t, err)
	_, err = client.Create(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := client.Delete(context.Background(), nil)
		require.NoError(t, err)
	})
	return p
}

// eachBackend runs the test with an empty backend of each kind.
func eachBackend(t *testing.T, test func(t *testing.T, p place, b blobs)) {
	t.Helper()
	for kind, make := range map[string]func(testing.TB) place{
		"local": localPlace, "azure": azurePlace,
		"s3":        func(t testing.TB) place { return s3Place(t, "some/folder") },
		"s3 bucket": func(t testing.TB) place { return s3Place(t, "") },
	} {
		t.Run(kind, func(t *testing.T) {
			p := make(t)
			b, err := p.open()
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, b.close()) })
			test(t, p, b)
		})
	}
}

func contentOf(t testing.TB, b blobs, name string, offset, length int64) string {
	t.Helper()
	r, err := b.open(t.Context(), name, offset, length)
	require.NoError(t, err, name)
	defer r.Close()
	all, err := io.ReadAll(r)
	require.NoError(t, err, name)
	return string(all)
}

func listed(t testing.TB, b blobs, prefix string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	require.NoError(t, b.list(t.Context(), prefix, func(name string, size int64) error {
		found[name] = size
		return nil
	}))
	return found
}

func gone(t testing.TB, b blobs, name string) {
	t.Helper()
	_, err := b.open(t.Context(), name, 0, -1)
	require.ErrorIs(t, err, errGone, name)
	there, err := b.exists(t.Context(), name)
	require.NoError(t, err)
	require.False(t, there, name)
}

func TestBackendKeepsBlobs(t *testing.T) {
	eachBackend(t, func(t *testing.T, _ place, b blobs) {
		ctx := t.Context()
		blobs := map[string]string{
			"plain":                       "content",
			"a folder/with/a file.txt":    "x",
			"empty":                       "",
			"Grüße/日本語/\u0915\u094d.pdf":  "unicode",
			"case":                        "lower",
			"signs -_.+=,()@~!'":          "signs",
			strings.Repeat("s", 200):      "long",
			opaqueName(uuid.NewString()):  "opaque",
			reserved + "/probe/something": "reserved",
		}
		for name, text := range blobs {
			there, err := b.exists(ctx, name)
			require.NoError(t, err)
			require.False(t, there, name)
			w, err := b.write(ctx, name, "text/plain; charset=utf-8", strings.NewReader(text))
			require.NoError(t, err, name)
			require.Equal(t, written{int64(len(text)), digest(text)}, w)
		}
		sizes := map[string]int64{}
		for name, text := range blobs {
			require.Equal(t, text, contentOf(t, b, name, 0, -1), name)
			there, err := b.exists(ctx, name)
			require.NoError(t, err)
			require.True(t, there, name)
			sizes[name] = int64(len(text))
		}
		require.Equal(t, sizes, listed(t, b, ""))
		require.Equal(t, map[string]int64{"a folder/with/a file.txt": 1}, listed(t, b, "a folder/with/a f"))
		require.Equal(t, map[string]int64{"a folder/with/a file.txt": 1}, listed(t, b, "a fol"))
		require.Empty(t, listed(t, b, "plain/"))
		require.ErrorIs(t, b.list(ctx, "", func(string, int64) error { return errEnough }), errEnough)

		require.Equal(t, "tent", contentOf(t, b, "plain", 3, -1))
		require.Equal(t, "nte", contentOf(t, b, "plain", 2, 3))
		require.Equal(t, "ent", contentOf(t, b, "plain", 4, 100))
		require.Empty(t, contentOf(t, b, "plain", 2, 0))
		require.Empty(t, contentOf(t, b, "empty", 0, 0))
		_, err := b.open(ctx, "nothing", 0, 0)
		require.ErrorIs(t, err, errGone)

		for name := range blobs {
			require.NoError(t, b.remove(ctx, name))
			gone(t, b, name)
			require.NoError(t, b.remove(ctx, name), "a second time")
			require.NoError(t, b.purge(ctx, name), "a third time")
		}
		require.Empty(t, listed(t, b, ""))
	})
}

// random is a reader of so many bytes that nobody can compress or guess, the same for the same seed.
func random(seed byte, size int64) io.Reader {
	block := sha256.Sum256([]byte{seed})
	return io.LimitReader(&pattern{block: block}, size)
}

type pattern struct {
	block [32]byte
	at    int
}

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		if p.at == len(p.block) {
			p.block, p.at = sha256.Sum256(p.block[:]), 0
		}
		b[i] = p.block[p.at]
		p.at++
	}
	return len(b), nil
}

func TestBackendKeepsLargeBlobs(t *testing.T) {
	eachBackend(t, func(t *testing.T, _ place, b blobs) {
		for _, size := range []int64{partSize - 1, partSize, partSize + 1, 30 << 20} {
			name := fmt.Sprint("large ", size)
			sum := sha256.New()
			w, err := b.write(t.Context(), name, "application/pdf", io.TeeReader(random(1, size), sum))
			require.NoError(t, err)
			require.Equal(t, written{size, hex.EncodeToString(sum.Sum(nil))}, w)
			r, err := b.open(t.Context(), name, 0, -1)
			require.NoError(t, err)
			again := sha256.New()
			n, err := io.Copy(again, r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.Equal(t, size, n)
			require.Equal(t, w.sha256, hex.EncodeToString(again.Sum(nil)))
			require.Equal(t, map[string]int64{name: size}, listed(t, b, name))
			require.NoError(t, b.remove(t.Context(), name))
		}
	})
}

// breaking fails after so many bytes.
type breaking struct {
	io.Reader
	err error
}

func (b *breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

// unfinishedAt is everything that a write which was cut off has left at a backend, seen or unseen.
func unfinishedAt(t testing.TB, p place) (left []string) {
	t.Helper()
	switch s := p.spec.(type) {
	case *localSpec:
		entries, err := os.ReadDir(filepath.Join(s.path, unfinished))
		require.NoError(t, err)
		for _, e := range entries {
			left = append(left, e.Name())
		}
	case *s3Spec:
		b, err := p.open()
		require.NoError(t, err)
		uploads, err := b.(*s3Bucket).uploads(t.Context(), "")
		require.NoError(t, err)
		for _, u := range uploads {
			left = append(left, *u.Key)
		}
	}
	return left
}

func TestWriteThatBreaksLeavesNothing(t *testing.T) {
	broken := errors.New("the client has left")
	eachBackend(t, func(t *testing.T, p place, b blobs) {
		for _, size := range []int64{0, 1000, partSize, 2*partSize + 5} {
			name := fmt.Sprint("broken ", size)
			_, err := b.write(t.Context(), name, "text/plain", &breaking{random(2, size), broken})
			require.ErrorIs(t, err, broken, "what the reader failed with")
			gone(t, b, name)

			ctx, cancel := context.WithCancel(t.Context())
			_, err = b.write(ctx, name, "text/plain", io.MultiReader(random(3, size), callback(cancel), random(4, 2*partSize)))
			require.ErrorIs(t, err, context.Canceled)
			gone(t, b, name)
		}
		require.Empty(t, listed(t, b, ""))
		require.Empty(t, unfinishedAt(t, p))
	})
}

// callback is a reader of nothing that does something when it is its turn.
type callback func()

func (c callback) Read([]byte) (int, error) {
	c()
	return 0, io.EOF
}

// What a process leaves that is killed while it writes, purge removes.
func TestPurgeRemovesWhatWasCutOff(t *testing.T) {
	t.Run("local", func(t *testing.T) {
		p := localPlace(t)
		b, err := p.open()
		require.NoError(t, err)
		_, err = b.write(t.Context(), "a name*", "text/plain", io.MultiReader(strings.NewReader("begun"), callback(func() {
			require.Len(t, unfinishedAt(t, p), 1)
			gone(t, b, "a name*")
			require.NoError(t, b.purge(t.Context(), "another name"))
			require.Len(t, unfinishedAt(t, p), 1, "that of another blob stays")
			require.NoError(t, b.purge(t.Context(), "a name*"))
			require.Empty(t, unfinishedAt(t, p))
		})))
		require.Error(t, err, "a write whose file was purged has failed")
		require.Empty(t, listed(t, b, ""))
	})
	t.Run("s3", func(t *testing.T) {
		p := s3Place(t, "in a folder")
		opened, err := p.open()
		require.NoError(t, err)
		b := opened.(*s3Bucket)
		for _, name := range []string{"cut off", "cut off too"} {
			key := b.prefix + name
			begun, err := b.begin(t.Context(), &key, "text/plain", newMark())
			require.NoError(t, err)
			_, err = b.part(t.Context(), &key, begun, 1, bytes.Repeat([]byte{1}, partSize))
			require.NoError(t, err)
		}
		require.Len(t, unfinishedAt(t, p), 2)
		require.NoError(t, b.purge(t.Context(), "cut off"))
		require.Equal(t, []string{"in a folder/cut off too"}, unfinishedAt(t, p))
	})
}

// A backend never puts a blob in the place of something else.
func TestWriteReplacesNothing(t *testing.T) {
	eachBackend(t, func(t *testing.T, _ place, b blobs) {
		for _, size := range []int64{100, partSize + 1} {
			name := fmt.Sprint("there ", size)
			_, err := b.write(t.Context(), name, "text/plain", strings.NewReader("first"))
			require.NoError(t, err)
			_, err = b.write(t.Context(), name, "text/plain", random(1, size))
			require.ErrorIs(t, err, errTaken)
			require.True(t, passing(err))
			require.Equal(t, "first", contentOf(t, b, name, 0, -1))
		}
	})
}

// between puts something between a bucket and its server that may answer in its place; before is asked for each
// request, and after may spoil the reply.
func between(t testing.TB, s testkit.S3, before func(w http.ResponseWriter, r *http.Request) bool, after func(*http.Response) error) blobs {
	t.Helper()
	target, err := url.Parse(s.Endpoint)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, // which is signed
		ModifyResponse: after,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !before(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.Endpoint = server.URL
	p, err := parser(t).parse(kindS3, s3Config(s, ""))
	require.NoError(t, err)
	b, err := p.open()
	require.NoError(t, err)
	return b
}

// A service that refuses conditions gets none.
func TestServiceWithoutConditions(t *testing.T) {
	b := between(t, testkit.NewS3(t), func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			return false
		}
		w.WriteHeader(http.StatusNotImplemented)
		fmt.Fprint(w, "<Error><Code>NotImplemented</Code></Error>")
		return true
	}, nil)
	for _, size := range []int64{0, 100, partSize + 1} {
		w, err := b.write(t.Context(), fmt.Sprint(size), "text/plain", random(1, size))
		require.NoError(t, err)
		require.Equal(t, size, w.size)
	}
}

// The word that a blob was written may be lost, and the blob is there all the same.
func TestLostAnswerIsNoFailure(t *testing.T) {
	var lost atomic.Int32
	b := between(t, testkit.NewS3(t), func(http.ResponseWriter, *http.Request) bool { return false }, func(r *http.Response) error {
		query := r.Request.URL.Query()
		completes := r.Request.Method == http.MethodPost && query.Has("uploadId")
		writes := r.Request.Method == http.MethodPut && !query.Has("uploadId")
		if (completes || writes) && r.StatusCode == http.StatusOK {
			lost.Add(1)
			return errors.New("lost")
		}
		return nil
	})
	for _, size := range []int64{100, partSize + 1} {
		name := fmt.Sprint(size)
		w, err := b.write(t.Context(), name, "text/plain", random(1, size))
		require.NoError(t, err)
		require.Equal(t, size, w.size)
		require.Equal(t, map[string]int64{name: size}, listed(t, b, name))
	}
	require.GreaterOrEqual(t, lost.Load(), int32(2), "some services say it again when asked again")
}

func TestProbeOfAGoodPlaceLeavesNothing(t *testing.T) {
	eachBackend(t, func(t *testing.T, p place, b blobs) {
		require.NoError(t, p.probe(t.Context(), b))
		require.NoError(t, answers(t.Context(), b))
		require.Empty(t, listed(t, b, ""))
	})
}

func TestBackendKeepsManyBlobs(t *testing.T) {
	eachBackend(t, func(t *testing.T, _ place, b blobs) {
		const many = 1100 // more than a page of any backend
		var names []string
		for i := range many {
			name := fmt.Sprintf("many/%d/%04d", i%3, i)
			names = append(names, name)
			_, err := b.write(t.Context(), name, "text/plain", strings.NewReader("x"))
			require.NoError(t, err)
		}
		var found []string
		require.NoError(t, b.list(t.Context(), "many/", func(name string, _ int64) error {
			found = append(found, name)
			return nil
		}))
		slices.Sort(found)
		slices.Sort(names)
		require.Equal(t, names, found)
	})
}

// Writers of more than a little wait for one another, so that many of them do not take all memory; small ones pass.
func TestWritersWaitForRoom(t *testing.T) {
	b, err := s3Place(t, "").open()
	require.NoError(t, err)
	rest, release := io.Pipe()
	held := make(chan error, writersAtOnce)
	begun := make(chan struct{}, writersAtOnce)
	for i := range writersAtOnce {
		go func() {
			large := io.MultiReader(strings.NewReader(strings.Repeat("x", smallSize)), &firstRead{rest, begun})
			_, err := b.write(t.Context(), fmt.Sprintf("large-%d", i), "text/plain", large)
			held <- err
		}()
	}
	for range writersAtOnce {
		<-begun
	}
	waiting, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = b.write(waiting, "one-more", "text/plain", strings.NewReader(strings.Repeat("x", 2*smallSize)))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = b.write(t.Context(), "small", "text/plain", strings.NewReader("x"))
	require.NoError(t, err)

	require.NoError(t, release.Close())
	for range writersAtOnce {
		require.NoError(t, <-held)
	}
	_, err = b.write(t.Context(), "one-more", "text/plain", strings.NewReader(strings.Repeat("x", 2*smallSize)))
	require.NoError(t, err)
}

// firstRead says when it is read for the first time.
type firstRead struct {
	r     io.Reader
	begun chan<- struct{}
}

func (r *firstRead) Read(p []byte) (int, error) {
	if r.begun != nil {
		r.begun <- struct{}{}
		r.begun = nil
	}
	return r.r.Read(p)
}
