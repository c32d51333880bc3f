package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/config"
)

// holding returns the path of a file with the content.
func holding(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// Whatever says its value, a secret is the same; only the line ends at the end of its file are not of it.
func TestSecretByFile(t *testing.T) {
	want := defaults()
	want.Database.URL, want.SecretKey, want.ServiceToken = "postgres://u:p@db/x", key, "0123456789abcdef"
	for _, end := range []string{"", "\n", "\r\n", "\n\n"} {
		requireBase(t, want, base(t, "service_token: of-the-file-which-loses\n",
			"DATABASE_URL_FILE="+holding(t, want.Database.URL+end), "DATABASE_URL=", // set to nothing is not set
			"PORTICO_SECRET_KEY_FILE="+holding(t, key+end), "PORTICO_SERVICE_TOKEN_FILE="+holding(t, want.ServiceToken+end)))
	}
	want.Database.URL = ""
	requireBase(t, want, base(t, "", "DATABASE_URL_FILE=", "PORTICO_SECRET_KEY="+key, "PORTICO_SERVICE_TOKEN="+want.ServiceToken))

	var kept other
	require.NoError(t, load(t, "", []string{"OTHER_KEY_FILE=" + holding(t, " two\nlines "), "OTHER_LOCK=x"}, config.Section{Key: "auth", Target: &kept}))
	require.Equal(t, " two\nlines ", kept.Key)
}

// Problems name the variable that is wrong and repeat neither the secret nor the name of its file, which may be the
// secret in the wrong place.
func TestSecretByFileProblems(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, row := range []struct {
		environ []string
		want    string
	}{
		{[]string{"DATABASE_URL_FILE=/" + canary}, "database.url (DATABASE_URL_FILE): names a file that cannot be read: no such file or directory; name one that this account can read"},
		{[]string{"DATABASE_URL_FILE=" + dir}, "database.url (DATABASE_URL_FILE): names a file that cannot be read: is a directory; name one that this account can read"},
		{[]string{"DATABASE_URL_FILE=a\n" + strings.Repeat(canary, 1000)}, "database.url (DATABASE_URL_FILE): names a file that cannot be read: file name too long; name one that this account can read"},
		{[]string{"DATABASE_URL_FILE=" + holding(t, "\r\n\n")}, "database.url (DATABASE_URL_FILE): names an empty file; write the secret into it"},
		{[]string{"DATABASE_URL_FILE=" + pipe}, "database.url (DATABASE_URL_FILE): names an empty file; write the secret into it"},
		{[]string{"DATABASE_URL_FILE=/dev/zero"}, "database.url (DATABASE_URL_FILE): names a file that is larger than 64 KiB; name one that holds the secret alone"},
		{[]string{"DATABASE_URL_FILE=" + holding(t, canary)}, "database.url (DATABASE_URL_FILE): must be postgres://user:password@host/name, sqlite:path, or empty"},
		{[]string{"PORTICO_SERVICE_TOKEN_FILE=" + holding(t, canary+"\n"+canary)}, "service_token (PORTICO_SERVICE_TOKEN_FILE): must be printable ASCII without spaces; it travels in a header"},
		{[]string{"PORTICO_SERVICE_TOKEN_FILE=" + holding(t, canary)}, "service_token (PORTICO_SERVICE_TOKEN_FILE): must be text of 16 to 512 characters, or empty"},
		{[]string{"PORTICO_SECRET_KEY_FILE=" + holding(t, key), "PORTICO_SECRET_KEY=" + canary}, "secret_key (PORTICO_SECRET_KEY_FILE): is set beside PORTICO_SECRET_KEY; keep one"},
		{[]string{"OTHER_LOCK_FILE=" + holding(t, canary)}, "auth.lock (OTHER_LOCK_FILE): must be set with auth.key, or neither"},
		{[]string{"PORTICO_LISTEN_FILE=" + holding(t, ":80")}, "PORTICO_LISTEN_FILE (environment): is not a setting; remove it"}, // it is no secret
		{[]string{"PORTICO_SERVICE_TOKEN_FIEL=" + canary}, "PORTICO_SERVICE_TOKEN_FIEL (environment): is not a setting; did you mean PORTICO_SERVICE_TOKEN_FILE?"},
	} {
		require.Equal(t, []string{row.want}, problems(t, "", row.environ...), "%.100v", row.environ)
	}
}

func TestSecretOfAnyProgram(t *testing.T) {
	for want, environ := range map[string][]string{
		"":      {"X_TOKEN=" + canary, "TOKEN_FILE="},
		"given": {"TOKEN=given", "TOKEN_FILE="},
		"filed": {"TOKEN=", "TOKEN_FILE=" + holding(t, "filed\n")},
	} {
		got, err := config.Secret(environ, "TOKEN")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := config.Secret([]string{"TOKEN=" + canary, "TOKEN_FILE=/" + canary}, "TOKEN")
	require.EqualError(t, err, "TOKEN_FILE: is set beside TOKEN; keep one")
	_, err = config.Secret([]string{"TOKEN_FILE=/" + canary}, "TOKEN")
	require.EqualError(t, err, "TOKEN_FILE: names a file that cannot be read: no such file or directory; name one that this account can read")
}

func TestSecretsOwnBothNames(t *testing.T) {
	type first struct {
		A string `yaml:"a" env:"A" secret:"true" doc:"A."`
	}
	type second struct {
		B string `yaml:"b" env:"A_FILE" doc:"B."`
	}
	require.PanicsWithValue(t, "config: A_FILE is the variable of two settings, one of them b", func() {
		_ = config.Load("", nil, config.Section{Target: new(first)}, config.Section{Target: new(second)})
	})
}
