package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"portico.internal/platform/config"
)

// canary stands for a secret: no problem may repeat it, wherever it was put.
const canary = "c4n4ryc4n4ry"

// other is a module's section beside the platform's.
type other struct {
	Minutes int    `yaml:"expire_minutes" env:"EXPIRE_MINUTES" default:"480" validate:"min=1,max=480" doc:"How long."`
	Key     string `yaml:"key" env:"OTHER_KEY" secret:"true" doc:"A key."`
	Lock    string `yaml:"lock" env:"OTHER_LOCK" secret:"true" doc:"Its lock."`
	Open    bool   `yaml:"open" env:"OTHER_OPEN" doc:"Whether it is open."`
}

func (o *other) Check() []config.Problem {
	if (o.Key == "") == (o.Lock == "") {
		return nil
	}
	return []config.Problem{{Setting: "lock", Text: "must be set with auth.key, or neither"}}
}

func problems(t *testing.T, yaml string, environ ...string) []string {
	t.Helper()
	err := load(t, yaml, environ, config.Section{Target: new(config.Base)}, config.Section{Key: "auth", Target: new(other)})
	if err == nil {
		return nil
	}
	var all config.Problems
	require.True(t, errors.As(err, &all))
	require.NotContains(t, err.Error(), canary)
	return strings.Split(err.Error(), "\n")
}

func TestProblems(t *testing.T) {
	for _, row := range []struct{ yaml, env, want string }{
		{env: "PORTICO_LISTEN=8000", want: "listen (PORTICO_LISTEN): must be host:port, such as 127.0.0.1:8000"},
		{yaml: "listen: localhost", want: "listen (portico.yaml line 1): must be host:port, such as 127.0.0.1:8000"},
		{yaml: `listen: ""`, want: "listen (portico.yaml line 1): must be host:port, such as 127.0.0.1:8000"},
		{env: "PORTICO_LISTEN=127.0.0.1:65536", want: "listen (PORTICO_LISTEN): must be host:port, such as 127.0.0.1:8000"},
		{env: "PORTICO_LISTEN=127.0.0.1:+80", want: "listen (PORTICO_LISTEN): must be host:port, such as 127.0.0.1:8000"},
		{env: "PORTICO_LISTEN=http://127.0.0.1:80", want: "listen (PORTICO_LISTEN): must be host:port, such as 127.0.0.1:8000"},
		{env: "PORTICO_INTERNAL_LISTEN=off", want: "internal_listen (PORTICO_INTERNAL_LISTEN): must be host:port, such as 127.0.0.1:8000, or empty"},
		{env: "PORTICO_INTERNAL_LISTEN=127.0.0.1:8000", want: "internal_listen (PORTICO_INTERNAL_LISTEN): is the address of listen too; choose another port"},
		{yaml: `data_dir: ""`, want: "data_dir (portico.yaml line 1): must be text of 1 to 4096 characters"},
		{env: "DATABASE_URL=mysql://u:" + canary + "@db/x", want: "database.url (DATABASE_URL): must be postgres://user:password@host/name, sqlite:path, or empty"},
		{env: "DATABASE_URL=postgres://u:" + canary + "%@db/x", want: "database.url (DATABASE_URL): is not a valid PostgreSQL URL (special characters in the password are written as %XX)"},
		{env: "DATABASE_URL=" + canary, want: "database.url (DATABASE_URL): must be postgres://user:password@host/name, sqlite:path, or empty"},
		{env: "PORTICO_MIGRATE=yes", want: "database.migrate (PORTICO_MIGRATE): must be auto or check"},
		{env: "PORTICO_DATABASE_MAX_CONNECTIONS=1", want: "database.max_connections (PORTICO_DATABASE_MAX_CONNECTIONS): must be a whole number from 2 to 1000"},
		{env: "PORTICO_DATABASE_MAX_CONNECTIONS=" + canary, want: "database.max_connections (PORTICO_DATABASE_MAX_CONNECTIONS): must be a whole number from 2 to 1000"},
		{env: "PORTICO_DATABASE_MAX_CONNECTIONS=99999999999999999999", want: "database.max_connections (PORTICO_DATABASE_MAX_CONNECTIONS): must be a whole number from 2 to 1000"},
		{yaml: "database:\n  max_connections: 0x10", want: "database.max_connections (portico.yaml line 2): must be a whole number from 2 to 1000"},
		{env: "PORTICO_DATABASE_CONNECT_TIMEOUT=10", want: "database.connect_timeout (PORTICO_DATABASE_CONNECT_TIMEOUT): must be a duration, such as 30s or 5m, from 100ms to 10m"},
		{env: "PORTICO_DATABASE_CONNECT_TIMEOUT=-1s", want: "database.connect_timeout (PORTICO_DATABASE_CONNECT_TIMEOUT): must be a duration, such as 30s or 5m, from 100ms to 10m"},
		{env: "PORTICO_TRUSTED_PROXIES=10.0.0.1,proxy", want: "http.trusted_proxies (PORTICO_TRUSTED_PROXIES): must be a list, at most 100 items, each an address or network, such as 10.0.0.0/8"},
		{yaml: "http: {trusted_proxies: [[10.0.0.1]]}", want: "http.trusted_proxies (portico.yaml line 1): must be a list, at most 100 items, each an address or network, such as 10.0.0.0/8"},
		{env: "PORTICO_CORS_ORIGINS=https://a.example/", want: "http.cors_origins (PORTICO_CORS_ORIGINS): must hold origins only: scheme, host and port, such as https://dashboard.example.com"},
		{env: "PORTICO_CORS_ORIGINS=*", want: "http.cors_origins (PORTICO_CORS_ORIGINS): must hold origins only: scheme, host and port, such as https://dashboard.example.com"},
		{env: "PORTICO_SHUTDOWN_GRACE=0s", want: "http.shutdown_grace (PORTICO_SHUTDOWN_GRACE): must be a duration, such as 30s or 5m, from 1s to 1h"},
		{env: "PORTICO_SECRET_KEY=" + canary + "!", want: "secret_key (PORTICO_SECRET_KEY): is not base64; make one with: openssl rand -base64 32"},
		{yaml: "secret_key: " + canary, want: "secret_key (portico.yaml line 1): holds 9 bytes instead of 32; make one with: openssl rand -base64 32"},
		{env: "PORTICO_SERVICE_TOKEN=" + canary, want: "service_token (PORTICO_SERVICE_TOKEN): must be text of 16 to 512 characters, or empty"},
		{env: "PORTICO_SERVICE_TOKEN=" + canary + " " + canary, want: "service_token (PORTICO_SERVICE_TOKEN): must be printable ASCII without spaces; it travels in a header"},
		{env: "PORTICO_LOG_LEVEL=trace", want: "log.level (PORTICO_LOG_LEVEL): must be debug, info, warn or error"},
		{env: "PORTICO_LOG_FORMAT=xml", want: "log.format (PORTICO_LOG_FORMAT): must be text or json, or empty"},
		{env: "EXPIRE_MINUTES=481", want: "auth.expire_minutes (EXPIRE_MINUTES): must be a whole number from 1 to 480"},
		{env: "OTHER_OPEN=maybe", want: "auth.open (OTHER_OPEN): must be true or false"},
		{env: "OTHER_KEY=" + canary, want: "auth.lock (OTHER_LOCK): must be set with auth.key, or neither"},
		{yaml: "auth:\n  lock: " + canary, want: "auth.lock (portico.yaml line 2): must be set with auth.key, or neither"},

		{env: "PORTICO_LISTN=" + canary, want: "PORTICO_LISTN (environment): is not a setting; did you mean PORTICO_LISTEN?"},
		{env: "PORTICO_MAX_CONNECTIONS=1", want: "PORTICO_MAX_CONNECTIONS (environment): is not a setting; did you mean PORTICO_DATABASE_MAX_CONNECTIONS?"},
		{env: "PORTICO_FROBNICATE=" + canary, want: "PORTICO_FROBNICATE (environment): is not a setting; remove it"},
		{env: "PORTICO_A\x1b[31m\nB=1", want: `PORTICO_A\x1b[31m\nB (environment): is not a setting; remove it`},
		{yaml: "frobnicate: " + canary, want: "frobnicate (portico.yaml line 1): is not a setting; remove it"},
		{yaml: "databse:\n  url: " + canary, want: "databse (portico.yaml line 1): is not a setting; did you mean database?"},
		{yaml: "database:\n  ulr: " + canary, want: "database.ulr (portico.yaml line 2): is not a setting; did you mean database.url?"},
		{yaml: "Listen: :80", want: "Listen (portico.yaml line 1): is not a setting; did you mean listen?"},
		{yaml: "shutdown_grace: 3s", want: "shutdown_grace (portico.yaml line 1): is not a setting; did you mean http.shutdown_grace?"},
		{yaml: "log.level: info", want: "log.level (portico.yaml line 1): is not a setting; write each part before a dot as a mapping of its own"},

		{yaml: "listen: :1\nlog: {}\nlisten: :2", want: "listen (portico.yaml line 3): is set twice, first in line 1; keep one"},
		{yaml: "listen:", want: `listen (portico.yaml line 1): has no value; give it one, "" for an empty text, [] for an empty list, or remove the line`},
		{yaml: "listen: [a]", want: "listen (portico.yaml line 1): must be host:port, such as 127.0.0.1:8000"},
		{yaml: "log: info", want: `log (portico.yaml line 1): must hold settings, each as "name: value" on a line below`},
		{yaml: "\n- " + canary, want: `portico.yaml line 2: is not a mapping; write settings as "name: value"`},
		{yaml: canary, want: `portico.yaml line 1: is not a mapping; write settings as "name: value"`},
		{yaml: "log:\n\tlevel: " + canary, want: "portico.yaml line 2: is indented with a tab; YAML takes spaces only"},
		{yaml: "secret_key: \"" + canary, want: "portico.yaml line 1: is not valid YAML: could not find end character of double-quoted text"},
		{yaml: "secret_key: \"\\q" + canary + "\"", want: "portico.yaml line 1: is not valid YAML; look at its quotes, brackets and indentation"},
		{yaml: "secret_key: [" + canary, want: "portico.yaml line 1: is not valid YAML; look at its quotes, brackets and indentation"},
		{yaml: "secret_key: \xff" + canary, want: "portico.yaml line 1: is not UTF-8 text; save it as UTF-8"},
		{yaml: "secret_key: &a " + canary + "\nservice_token: *a", want: "portico.yaml line 1: uses an anchor, alias, merge key or tag, which settings cannot; write the value out"},
		{yaml: "listen: !!str 80", want: "portico.yaml line 1: uses an anchor, alias, merge key or tag, which settings cannot; write the value out"},
		{yaml: "log: {}\n---\nlog: {}", want: "portico.yaml line 3: begins a second document; keep one"},

		{yaml: "services: doc", want: "services (portico.yaml line 1): must be a list of mappings, at most 100 items"},
		{yaml: "services: [doc]", want: `services[0] (portico.yaml line 1): must hold settings, each as "name: value"`},
		{yaml: "services:\n- id: a\n  name: A\n  ulr: x\n  url: http://a", want: "services[0].ulr (portico.yaml line 4): is not a setting; did you mean services[0].url?"},
		{yaml: "services:\n- id: a\n  url: http://a", want: "services[0].name (portico.yaml line 2): must be text of 1 to 200 characters"},
		{yaml: "services:\n- id: Doc Service\n  name: A\n  url: http://a", want: "services[0].id (portico.yaml line 2): must be lower-case letters and digits, with single hyphens between, such as doc-service"},
		{yaml: "services:\n- {id: a, name: A, url: http://a}\n- {id: a, name: B, url: http://b}", want: "services[1].id (portico.yaml line 3): is the id of services[0] too; choose another"},
		{yaml: "services:\n- {id: a, name: A, url: 'ftp://a'}", want: "services[0].url (portico.yaml line 2): must be an http or https URL with a host, such as http://127.0.0.1:8101"},
		{yaml: "services:\n- {id: a, name: A, url: 'http://:80'}", want: "services[0].url (portico.yaml line 2): must be an http or https URL with a host, such as http://127.0.0.1:8101"},
		{yaml: "services:\n- {id: a, name: A, url: 'http://u:" + canary + "@a'}", want: "services[0].url (portico.yaml line 2): must not hold a user or password; services trust the network they are on"},
		{yaml: "services:\n- {id: a, name: A, url: 'http://a?k=" + canary + "'}", want: "services[0].url (portico.yaml line 2): must not hold a query or fragment"},
		{yaml: "services:\n- {id: a, name: A, url: 'http://a', health_path: '//evil/health'}", want: "services[0].health_path (portico.yaml line 2): must be a path that begins with /, such as /health"},
	} {
		var environ []string
		if row.env != "" {
			environ = []string{row.env}
		}
		require.Equal(t, []string{row.want}, problems(t, row.yaml, environ...), "%s%s", row.yaml, row.env)
	}
}

func TestEveryProblemAtOnceSorted(t *testing.T) {
	got := problems(t, "log: {level: loud}\nlisten: x\nservices:\n- {id: a, name: A, url: a}\nauth: {lock: "+canary+"}\n",
		"PORTICO_ZZZZZZZZ=1", "EXPIRE_MINUTES=0", "PORTICO_SECRET_KEY="+canary)
	require.Equal(t, []string{
		"PORTICO_ZZZZZZZZ (environment): is not a setting; remove it",
		"auth.expire_minutes (EXPIRE_MINUTES): must be a whole number from 1 to 480",
		"auth.lock (portico.yaml line 5): must be set with auth.key, or neither",
		"listen (portico.yaml line 2): must be host:port, such as 127.0.0.1:8000",
		"log.level (portico.yaml line 1): must be debug, info, warn or error",
		"secret_key (PORTICO_SECRET_KEY): holds 9 bytes instead of 32; make one with: openssl rand -base64 32",
		"services[0].url (portico.yaml line 4): must be an http or https URL with a host, such as http://127.0.0.1:8101",
	}, got)
}

func TestUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none.yaml")
	require.EqualError(t, config.Load(missing, nil), "--config / PORTICO_CONFIG: cannot read "+missing+": no such file or directory; name a readable YAML file")
	require.EqualError(t, config.Load(dir, nil), "--config / PORTICO_CONFIG: cannot read "+dir+": is a directory; name a readable YAML file")

	large := filepath.Join(dir, "large.yaml")
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("# a comment\n", 100_000)), 0o600))
	require.EqualError(t, config.Load(large, nil), "--config / PORTICO_CONFIG: cannot read "+large+": it is larger than 1 MiB; name a readable YAML file")
}

// Whatever stands in the file or a variable, reading it ends, in lines that name no value.
func TestProblemsNeverRepeatValues(t *testing.T) {
	values := rapid.OneOf(
		rapid.SampledFrom([]string{"", canary, canary + ":1", "-" + canary, "postgres://" + canary + ":x@y/z?" + canary, "[" + canary,
			"'" + canary, "\"" + canary + "\\", "| " + canary, "&" + canary + " x", "*" + canary, "!" + canary + " x", "%" + canary, "@" + canary, "\t" + canary}),
		rapid.String(),
	)
	keys := rapid.SampledFrom([]string{"listen", "secret_key", "service_token", "data_dir", "services", "database", "log", "http"})
	variables := rapid.SampledFrom([]string{"PORTICO_LISTEN", "DATABASE_URL", "PORTICO_SECRET_KEY", "PORTICO_TRUSTED_PROXIES", "PORTICO_CORS_ORIGINS", "PORTICO_LOG_LEVEL", "PORTICO_NONE", "OTHER_KEY"})
	rapid.Check(t, func(r *rapid.T) {
		file := keys.Draw(r, "key") + ": " + values.Draw(r, "value") + "\n" + keys.Draw(r, "second key") + ":\n  url: " + values.Draw(r, "second value") + "\n"
		for _, line := range problems(t, file, variables.Draw(r, "variable")+"="+values.Draw(r, "third value")) {
			require.Regexp(t, `^[^\x00-\x1f]+: [^\x00-\x1f]+$`, line)
		}
	})
}
