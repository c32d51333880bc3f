package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// objects is a gateway that keeps objects, and ends the service where it is told to.
type objects struct {
	mu    sync.Mutex
	files map[string][]byte
	point string // the method at which the process is killed, and whether that has had its effect
	cmd   *exec.Cmd
}

func (o *objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil || !strings.HasPrefix(r.URL.Path, "/internal/storage/objects") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	o.kill(r.Method + " before")
	defer o.kill(r.Method + " after")
	switch file, there := o.files[r.URL.Path]; {
	case r.URL.Query().Has("prefix"):
		_, _ = io.WriteString(w, `{"objects":[],"next":null}`)
	case r.Method == http.MethodPut:
		o.files[r.URL.Path] = content
		w.WriteHeader(http.StatusCreated)
	case !there:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		delete(o.files, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		sum := sha256.Sum256(file)
		w.Header().Set("X-Content-SHA256", hex.EncodeToString(sum[:]))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
	}
}

func (o *objects) kill(point string) {
	if o.point == point && o.cmd != nil {
		_ = o.cmd.Process.Kill()
		o.point = ""
	}
}

func (o *objects) at(point string, cmd *exec.Cmd) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.point, o.cmd = point, cmd
}

// try uploads, and returns the id where that was acknowledged.
func try(t *testing.T, address string) (id string) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	file, err := w.CreateFormFile("file", "a.pdf")
	require.NoError(t, err)
	_, err = io.WriteString(file, onePage)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r, err := http.NewRequestWithContext(t.Context(), "POST", address+"/documents", &body)
	require.NoError(t, err)
	r.Header.Set("x-user-id", user)
	r.Header.Set("Content-Type", w.FormDataContentType())
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	var d struct{ ID string }
	if res.StatusCode != 202 || json.NewDecoder(res.Body).Decode(&d) != nil {
		return ""
	}
	return d.ID
}

// Killed wherever it has just asked the gateway for something, the service has lost nothing that was acknowledged: neither
// what is uploaded, nor what is moved from the folder to the objects.
func TestKilledWithObjects(t *testing.T) {
	dir := t.TempDir()
	o := &objects{files: map[string][]byte{}}
	gateway := httptest.NewServer(o)
	defer gateway.Close()
	environment := []string{"DOCSERVICE_GATEWAY_URL=" + gateway.URL, "PORTICO_SERVICE_TOKEN=of-the-gateway"}

	cmd, address := launch(t, dir)
	var acknowledged []string
	for range 6 {
		acknowledged = append(acknowledged, upload(t, address))
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()

	for _, point := range []string{"PUT before", "PUT after", "HEAD before", "HEAD after", "GET before", "DELETE before", "DELETE after"} {
		o.at("", nil)
		cmd, address := launch(t, dir, environment...)
		o.at(point, cmd)
		if id := try(t, address); id != "" {
			acknowledged = append(acknowledged, id)
		}
		if strings.HasPrefix(point, "DELETE") {
			r, err := http.NewRequestWithContext(t.Context(), "DELETE", address+"/documents/"+acknowledged[len(acknowledged)-1], nil)
			require.NoError(t, err)
			r.Header.Set("x-user-id", user)
			if res, err := http.DefaultClient.Do(r); err == nil { // it may be killed before it has answered
				require.Equal(t, 204, res.StatusCode)
				res.Body.Close()
			}
			acknowledged = acknowledged[:len(acknowledged)-1]
		}
		patience := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		require.True(t, patience.Stop(), "whether by an upload, by the move or by reading it, it comes to the point: %s", point)
	}

	o.at("", nil)
	_, address = launch(t, dir, environment...)
	_, list := send(t, "GET", address+"/documents", "", nil)
	var all []struct{ ID string }
	require.NoError(t, json.Unmarshal(list, &all))
	require.GreaterOrEqual(t, len(all), len(acknowledged))
	for _, d := range all {
		acknowledged = append(acknowledged, d.ID)
	}
	for _, id := range acknowledged {
		status, content := send(t, "GET", address+"/documents/"+id+"/content", "", nil)
		require.Equal(t, 200, status, id)
		require.Equal(t, onePage, string(content))
	}
	require.Eventually(t, func() bool {
		left, err := filepath.Glob(filepath.Join(dir, "files", "*", "*"))
		require.NoError(t, err)
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(left) == 0 && len(o.files) >= len(all)
	}, 30*time.Second, 5*time.Millisecond, "the folder is taken over")
	for _, d := range all {
		status, content := send(t, "GET", address+"/documents/"+d.ID+"/content", "", nil)
		require.Equal(t, 200, status)
		require.Equal(t, onePage, string(content))
	}
}
