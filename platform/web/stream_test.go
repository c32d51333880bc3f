package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

type streamIn struct {
	N     int  `query:"n"`
	First bool `query:"first"`
	Later bool `query:"later"`
}

type streamOut struct {
	Total int `header:"X-Total-Count"`
	Body  web.Stream[map[string]int]
}

func stream(_ context.Context, in *streamIn) (*streamOut, error) {
	return &streamOut{Total: in.N, Body: func(yield func(map[string]int, error) bool) {
		if in.First {
			yield(nil, errs.New(errs.Unavailable, "not now"))
			return
		}
		for i := range in.N {
			if !yield(map[string]int{"i": i}, nil) {
				return
			}
		}
		if in.Later {
			yield(nil, errors.New("the database is gone"))
		}
	}}, nil
}

func TestStream(t *testing.T) {
	server := newSite(t, io.Discard)
	for path, want := range map[string]string{"?n=0": `[]`, "?n=1": `[{"i":0}]`, "?n=2": `[{"i":0},{"i":1}]`} {
		resp, body := do(t, server, call{method: "GET", path: "/api/stream" + path})
		require.Equal(t, want, body)
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		require.NotEmpty(t, resp.Header.Get("X-Total-Count"))
	}
	resp, body := do(t, server, call{method: "GET", path: "/api/stream?n=5&first=1"})
	require.Equal(t, 503, resp.StatusCode)
	require.Equal(t, `{"detail":"not now"}`, body)

	whole, err := http.Get(server.URL + "/api/stream?n=100000&later=1")
	require.NoError(t, err)
	defer whole.Body.Close()
	_, err = io.ReadAll(whole.Body)
	require.Error(t, err, "a list that broke off looks whole")
}

func TestStreamCostsNoMemory(t *testing.T) {
	server := newSite(t, io.Discard)
	resp, err := http.Get(server.URL + "/api/stream?n=1000000")
	require.NoError(t, err)
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	_, err = dec.Token()
	require.NoError(t, err)
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := 0; dec.More(); i++ {
		var element map[string]int
		require.NoError(t, dec.Decode(&element))
		if i%200_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			require.Less(t, int64(now.HeapAlloc)-int64(before.HeapAlloc), int64(24<<20))
		}
	}
}

type streamHolder struct {
	Name  string                     `json:"name"`
	Items web.Stream[map[string]int] `json:"items"`
	Last  *string                    `json:"last"`
}

func streamAsField(ctx context.Context, in *streamIn) (*struct {
	Total int `header:"X-Total-Count"`
	Body  streamHolder
}, error) {
	out, err := stream(ctx, in)
	if in.N < 0 {
		out.Body = nil
	}
	return &struct {
		Total int `header:"X-Total-Count"`
		Body  streamHolder
	}{out.Total, streamHolder{Name: "<&>", Items: out.Body}}, err
}

func TestStreamAsAField(t *testing.T) {
	server, err := clubSite(t, web.Get("/api/holder", web.Public, streamAsField))
	require.NoError(t, err)
	for path, want := range map[string]string{"?n=-1": `[]`, "?n=0": `[]`, "?n=2": `[{"i":0},{"i":1}]`} {
		resp, body := do(t, server, call{method: "GET", path: "/api/holder" + path})
		require.Equal(t, `{"name":"<&>","items":`+want+`,"last":null}`, body)
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	}
	resp, body := do(t, server, call{method: "GET", path: "/api/holder?n=5&first=1"})
	require.Equal(t, 503, resp.StatusCode)
	require.Equal(t, `{"detail":"not now"}`, body)
	resp, _ = do(t, server, call{method: "GET", path: "/api/holder?n=5&later=1"})
	require.Equal(t, 500, resp.StatusCode, "nothing had been sent yet")

	whole, err := http.Get(server.URL + "/api/holder?n=100000&later=1")
	require.NoError(t, err)
	defer whole.Body.Close()
	require.Equal(t, 200, whole.StatusCode)
	_, err = io.ReadAll(whole.Body)
	require.Error(t, err, "a list that broke off looks whole")
}

func TestStreamAsAFieldCostsNoMemory(t *testing.T) {
	server, err := clubSite(t, web.Get("/api/holder", web.Public, streamAsField))
	require.NoError(t, err)
	resp, err := http.Get(server.URL + "/api/holder?n=1000000")
	require.NoError(t, err)
	defer resp.Body.Close()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	part := make([]byte, 1<<20)
	for {
		_, err := io.ReadFull(resp.Body, part)
		runtime.GC()
		runtime.ReadMemStats(&now)
		require.Less(t, int64(now.HeapAlloc)-int64(before.HeapAlloc), int64(24<<20))
		if err != nil {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			break
		}
	}
}

func written(_ context.Context, in *streamIn) (*struct {
	Disposition string `header:"Content-Disposition"`
	Body        web.Written
}, error) {
	return &struct {
		Disposition string `header:"Content-Disposition"`
		Body        web.Written
	}{"attachment", func(w io.Writer) error {
		if in.First {
			return errs.New(errs.Unavailable, "not now")
		}
		for range in.N {
			if _, err := io.WriteString(w, "a,b\r\n"); err != nil {
				return err
			}
		}
		if in.Later {
			return errors.New("the database is gone")
		}
		return nil
	}}, nil
}

// What is written as it comes is bound and refused as all else is.
func TestWritten(t *testing.T) {
	server, err := clubSite(t, web.Get("/api/table", web.Public, written, web.Media("text/csv; charset=utf-8")))
	require.NoError(t, err)
	for query, want := range map[string]string{"?n=0": "", "?n=2": "a,b\r\na,b\r\n"} {
		resp, body := do(t, server, call{method: "GET", path: "/api/table" + query})
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, want, body)
		require.Equal(t, "text/csv; charset=utf-8", resp.Header.Get("Content-Type"))
		require.Equal(t, "attachment", resp.Header.Get("Content-Disposition"))
	}
	resp, body := do(t, server, call{method: "GET", path: "/api/table?first=1"})
	require.Equal(t, 503, resp.StatusCode)
	require.Equal(t, `{"detail":"not now"}`, body)
	resp, _ = do(t, server, call{method: "GET", path: "/api/table?n=x"})
	require.Equal(t, 422, resp.StatusCode)

	whole, err := http.Get(server.URL + "/api/table?n=100000&later=1")
	require.NoError(t, err)
	defer whole.Body.Close()
	_, err = io.ReadAll(whole.Body)
	require.Error(t, err, "a table that broke off looks whole")
}
