package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// TestMain lets the test binary be the program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		main()
	}
	os.Exit(m.Run())
}

const user = "a0000000-0000-4000-8000-000000000001"

var onePage = string(testkit.PDF(1, ""))

func program(t *testing.T, args ...string) *exec.Cmd {
	require.NotEmpty(t, args, "without any it would be the tests, which start themselves")
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "DATABASE_URL=", "DOCSERVICE_GATEWAY_URL=", "PORTICO_SERVICE_TOKEN=", "DOCSERVICE_REQUIRED_GROUPS=", "DOCSERVICE_SECRET_KEY=")
	return cmd
}

var listening = regexp.MustCompile(`address"?[=:]"?(127\.0\.0\.1:\d+)`)

// launch starts the service, with variables beside those of the test, and returns its address once it listens.
func launch(t *testing.T, dir string, environment ...string) (*exec.Cmd, string) {
	cmd := program(t, "--listen=127.0.0.1:0", "--data-dir="+dir)
	cmd.Env = append(cmd.Env, environment...)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return cmd, "http://" + found[1]
		}
	}
	t.Fatal("the service has not started")
	return nil, ""
}

func send(t *testing.T, method, url, kind string, body io.Reader) (int, []byte) {
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	r.Header.Set("x-user-id", user)
	r.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, answer
}

func post(t *testing.T, address, content string) (int, []byte) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	file, err := w.CreateFormFile("file", "a.pdf")
	require.NoError(t, err)
	_, err = io.WriteString(file, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return send(t, "POST", address+"/documents", w.FormDataContentType(), &body)
}

func upload(t *testing.T, address string) (id string) {
	status, answer := post(t, address, onePage)
	require.Equal(t, 202, status, string(answer))
	var d struct{ ID string }
	require.NoError(t, json.Unmarshal(answer, &d))
	return d.ID
}

// maxKills is more often than a document may take this process down with it.
const maxKills = 5

// What was acknowledged survives a kill at any moment, and is read in the end.
func TestKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	var ids []string
	for range maxKills {
		cmd, address := launch(t, dir)
		ids = append(ids, upload(t, address))
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
	_, address := launch(t, dir)
	for _, id := range ids {
		status, content := send(t, "GET", address+"/documents/"+id+"/content", "", nil)
		require.Equal(t, 200, status)
		require.Equal(t, onePage, string(content))
		require.Eventually(t, func() bool {
			_, answer := send(t, "GET", address+"/documents/"+id, "", nil)
			return strings.Contains(string(answer), `"status":"ready","pages":1,`)
		}, 30*time.Second, 5*time.Millisecond)
	}
	left, err := os.ReadDir(filepath.Join(dir, "files", "staging"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Asked to stop, the service lets an upload that is under way end.
func TestStopped(t *testing.T) {
	dir := t.TempDir()
	cmd, address := launch(t, dir)
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() {
		file, _ := form.CreateFormFile("file", "a.pdf")
		_, _ = io.WriteString(file, onePage+strings.Repeat(" ", 1<<20))
		_ = cmd.Process.Signal(syscall.SIGTERM) // once: a second one would end it at once
		for {                                   // until it does not take new ones any more
			res, err := http.Get(address + "/health")
			if err != nil {
				break
			}
			res.Body.Close()
		}
		form.Close()
		writer.Close()
	}()
	status, answer := send(t, "POST", address+"/documents", form.FormDataContentType(), reader)
	require.Equal(t, 202, status, string(answer))
	require.NoError(t, cmd.Wait(), "exit 0")
}

func TestRefusesToStart(t *testing.T) {
	_, address := launch(t, t.TempDir())
	const token = "PORTICO_SERVICE_TOKEN=hunter2hunter2hunter2"
	for name, test := range map[string]struct{ args, environment []string }{
		"--listen":                          {args: []string{"--listen=" + strings.TrimPrefix(address, "http://"), "--data-dir=" + t.TempDir()}},
		"data_dir":                          {args: []string{"--listen=127.0.0.1:0", "--data-dir=/dev/null/x"}},
		"unknown flag":                      {args: []string{"--nonsense"}},
		"unknown command":                   {args: []string{"nonsense"}},
		"PORTICO_SERVICE_TOKEN: is missing": {args: []string{"--gateway=http://127.0.0.1:8002"}},
		"--gateway (DOCSERVICE_GATEWAY_URL): is missing": {environment: []string{token}, args: []string{"--listen=127.0.0.1:0"}},
		"secret_key (DOCSERVICE_SECRET_KEY)":             {environment: []string{"DOCSERVICE_SECRET_KEY=hunter2"}, args: []string{"--listen=127.0.0.1:0", "--data-dir=" + t.TempDir()}},
		"DATABASE_URL_FILE: names a file":                {environment: []string{"DATABASE_URL_FILE=/hunter2"}, args: []string{"--listen=127.0.0.1:0"}},
		"PORTICO_SERVICE_TOKEN_FILE: is set beside":      {environment: []string{token, "PORTICO_SERVICE_TOKEN_FILE=/hunter2"}, args: []string{"--listen=127.0.0.1:0"}},
		"required_groups":                                {args: []string{"--listen=127.0.0.1:0", "--required-groups=" + strings.Repeat("x", 129)}},
		"gateway: the URL must be":                       {environment: []string{token, "DOCSERVICE_GATEWAY_URL=http://u:hunter2@127.0.0.1"}, args: []string{"--listen=127.0.0.1:0", "--data-dir=" + t.TempDir()}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := program(t, test.args...)
			cmd.Env = append(cmd.Env, test.environment...)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 1, exit.ExitCode())
			require.Contains(t, string(out), name)
			require.NotContains(t, string(out), "hunter2")
			require.Equal(t, 1, strings.Count(string(out), "\n"), "one line: %s", out)
		})
	}
}

// The limit of uploads is the gateway's.
func TestGateway(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/internal/settings/documents/limits" || r.Header.Get("Authorization") != "Bearer of-the-gateway" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, `{"max_pdf_mb":1}`)
	}))
	defer gateway.Close()
	byFile := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(byFile, []byte("of-the-gateway\n"), 0o600))
	for _, token := range []string{"PORTICO_SERVICE_TOKEN=of-the-gateway", "PORTICO_SERVICE_TOKEN_FILE=" + byFile} {
		_, address := launch(t, t.TempDir(), "DOCSERVICE_GATEWAY_URL="+gateway.URL+"/", token)
		status, answer := post(t, address, onePage+strings.Repeat(" ", 1<<20))
		require.Equal(t, 202, status, string(answer))
		status, answer = post(t, address, onePage+strings.Repeat(" ", 1<<20+64<<10))
		require.Equal(t, 413, status, string(answer))
	}
}

// Its own secrets may be in files as well: the database that is named in one is the one that is used.
func TestSecretsByFile(t *testing.T) {
	dir := t.TempDir()
	in := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content+"\n"), 0o600))
		return path
	}
	database := filepath.Join(dir, "elsewhere.db")
	data := filepath.Join(dir, "data")
	_, address := launch(t, data, "DATABASE_URL_FILE="+in("url", "sqlite:"+database),
		"DOCSERVICE_SECRET_KEY_FILE="+in("key", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="))
	upload(t, address)
	require.FileExists(t, database)
	require.NoFileExists(t, filepath.Join(data, "documents.db"))
	require.NoFileExists(t, filepath.Join(data, "secret.key"))
}

// Who may change its settings is said at its start, and its secrets outlast it.
func TestPlugin(t *testing.T) {
	dir := t.TempDir()
	groups := func(address string) string {
		status, answer := send(t, "GET", address+"/plugin/manifest", "", nil)
		require.Equal(t, 200, status)
		var m struct {
			Groups json.RawMessage `json:"required_groups"`
		}
		require.NoError(t, json.Unmarshal(answer, &m))
		return string(m.Groups)
	}
	cmd, address := launch(t, dir)
	require.Equal(t, `[]`, groups(address))
	status, answer := send(t, "PATCH", address+"/plugin/settings", "application/json", strings.NewReader(`{"retention_days":7}`))
	require.Equal(t, 404, status, string(answer))
	key, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()

	_, address = launch(t, dir, "DOCSERVICE_REQUIRED_GROUPS=Records, Legal")
	require.Equal(t, `["Records","Legal"]`, groups(address))
	status, answer = send(t, "PATCH", address+"/plugin/settings", "application/json", strings.NewReader(`{"retention_days":7}`))
	require.Equal(t, 200, status, string(answer))
	again, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	require.NoError(t, err)
	require.Equal(t, key, again)
}

// What a container engine asks with says how the service is, and needs none of its secrets.
func TestHealthcheck(t *testing.T) {
	cmd, address := launch(t, t.TempDir())
	ask := func() (string, error) {
		asking := program(t, "healthcheck")
		asking.Env = append(asking.Env, "DOCSERVICE_LISTEN="+strings.TrimPrefix(address, "http://"), "DATABASE_URL_FILE=/nowhere")
		out, err := asking.CombinedOutput()
		return string(out), err
	}
	out, err := ask()
	require.NoError(t, err, out)
	require.Empty(t, out)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	out, err = ask()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, out, "nothing answers on ")
}

func TestHelp(t *testing.T) {
	out, err := program(t, "--help").CombinedOutput()
	require.NoError(t, err)
	for _, word := range []string{"--listen", "127.0.0.1:8001", "--data-dir", "DATABASE_URL", "DOCSERVICE_LISTEN", "--gateway", "DOCSERVICE_GATEWAY_URL", "PORTICO_SERVICE_TOKEN", "--required-groups", "DOCSERVICE_REQUIRED_GROUPS", "DOCSERVICE_SECRET_KEY", "DATABASE_URL_FILE"} {
		require.Contains(t, string(out), word)
	}
	require.NotContains(t, string(out), "inspect")
}
