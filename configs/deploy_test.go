package configs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"portico.internal/features/docservice"
	"portico.internal/migrations"
	"portico.internal/modules"
	"portico.internal/platform/app"
	"portico.internal/platform/config"
	"portico.internal/platform/feature"
)

var spec = app.Spec{Modules: modules.All(), Chain: migrations.Chain, Features: []feature.Feature{docservice.Feature}}

// secretsFolder is what scripts/secrets.sh makes.
var secretsFolder = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "portico-secrets-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("../scripts/secrets.sh", dir).CombinedOutput()
	if err == nil && len(out) > 0 {
		err = &exec.Error{Name: "secrets.sh", Err: os.ErrInvalid}
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := secretsFolder(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func secretFiles(t *testing.T) string {
	t.Helper()
	dir, err := secretsFolder()
	require.NoError(t, err)
	return dir
}

// What the script makes is made once: a second run changes nothing, and one that was cut short is finished.
func TestSecretsScript(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	require.NoError(t, os.CopyFS(dir, os.DirFS(secretFiles(t))))
	require.NoError(t, os.Remove(filepath.Join(dir, "jwt_public_key")))
	before := read(t, filepath.Join(dir, "jwt_private_key"))
	out, err := exec.Command("../scripts/secrets.sh", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, before, read(t, filepath.Join(dir, "jwt_private_key")))
	for _, file := range list(t, secretFiles(t)) {
		require.Equal(t, read(t, filepath.Join(secretFiles(t), file)), read(t, filepath.Join(dir, file)), file)
		info, err := os.Stat(filepath.Join(secretFiles(t), file))
		require.NoError(t, err)
		require.Equal(t, "-r--r--r--", info.Mode().String(), "%s: containers run as accounts of their own", file)
	}
	info, err := os.Stat(secretFiles(t))
	require.NoError(t, err)
	require.Equal(t, "drwx------", info.Mode().String(), "and nobody else comes near them")
}

// requireSettings holds an environment against the settings there are, with the mounted secrets and files at hand.
// files are what is mounted: paths in the container and here.
func requireSettings(t *testing.T, environment, files map[string]string) *config.Base {
	t.Helper()
	var environ []string
	for name, value := range environment {
		if strings.HasSuffix(name, "_FILE") || name == "PORTICO_CONFIG" {
			require.Contains(t, files, value, "%s names a file that is not mounted", name)
			value = files[value]
		}
		environ = append(environ, name+"="+value)
	}
	all := sections()
	require.NoError(t, config.Load(files[environment["PORTICO_CONFIG"]], environ, all...))
	for _, secret := range []string{"DATABASE_URL", "JWT_PRIVATE_KEY", "JWT_PUBLIC_KEY", "PORTICO_SECRET_KEY", "PORTICO_SERVICE_TOKEN"} {
		require.NotContains(t, environment, secret, "a secret belongs into a file")
		require.Contains(t, environment, secret+"_FILE", "replicas must share it")
	}
	return all[0].Target.(*config.Base)
}

// requireDocserviceSettings holds an environment against what the help of the service names.
func requireDocserviceSettings(t *testing.T, environment, files map[string]string) {
	t.Helper()
	help := read(t, "../cmd/docservice/main.go")
	for name, value := range environment {
		name, byFile := strings.CutSuffix(name, "_FILE")
		require.Contains(t, help, `"`+name+`"`)
		if byFile {
			require.Contains(t, files, value)
		}
	}
}

// requireCommand requires that the binary has the command.
func requireCommand(t *testing.T, words ...string) {
	t.Helper()
	var out bytes.Buffer
	require.Zero(t, app.Run(t.Context(), spec, app.Process{Args: append(words, "--help"), Stdout: &out, Stderr: &out}))
	require.Contains(t, out.String(), "\n  portico "+strings.Join(words, " ")+" [flags]")
}

func TestDockerfile(t *testing.T) {
	file := read(t, "../Dockerfile")
	for _, words := range regexp.MustCompile(`CMD \["/portico", "([a-z]+)"\]`).FindAllStringSubmatch(file, -1) {
		requireCommand(t, words[1])
	}
	for _, line := range []string{
		"USER 65532:65532", "VOLUME /data", "ENV PORTICO_LISTEN=:8000 PORTICO_DATA_DIR=/data", "EXPOSE 8000",
		"ENV DOCSERVICE_LISTEN=:8001 DOCSERVICE_DATA_DIR=/data", "EXPOSE 8001", "FROM base AS docservice", "FROM base AS portico",
	} {
		require.Contains(t, file, line+"\n")
	}
	require.Contains(t, read(t, "../go.mod"), "\ngo "+regexp.MustCompile(`(?m)^ARG GO=(.*)$`).FindStringSubmatch(file)[1]+".")
	for _, kept := range regexp.MustCompile(`(?m)^!(.*)$`).FindAllStringSubmatch(read(t, "../.dockerignore"), -1) {
		_, err := os.Stat("../" + kept[1])
		require.NoError(t, err)
	}
}

// documents decodes each document of a YAML file.
func documents[T any](t *testing.T, path string) []T {
	t.Helper()
	var all []T
	decoder := yaml.NewDecoder(strings.NewReader(read(t, path)), yaml.AllowDuplicateMapKey()) // it takes a key that overrides a merged one for a duplicate
	for {
		var one T
		err := decoder.Decode(&one)
		if err != nil {
			require.EqualError(t, err, "EOF", path)
			return all
		}
		all = append(all, one)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
