// Package configs_test keeps the example configuration in step with the settings there are.
package configs_test

import (
	"flag"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules"
	"portico.internal/platform/config"
	"portico.internal/platform/module"
)

const file = "portico.example.yaml"

var update = flag.Bool("update", false, "rewrite "+file)

func sections() []config.Section {
	return append([]config.Section{{Target: new(config.Base)}}, module.Assemble(modules.All()).Sections...)
}

func TestExampleIsUpToDate(t *testing.T) {
	want := config.Example(sections()...)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "go test ./configs -update writes it anew")
}

// The example can be used as it is, and changes nothing.
func TestExampleLoads(t *testing.T) {
	byDefault, byExample := sections(), sections()
	require.NoError(t, config.Load("", nil, byDefault...))
	require.NoError(t, config.Load(file, nil, byExample...))
	require.Equal(t, byDefault, byExample)
}

// The rows of the gateway's contract: YAML name, variable, default.
func TestSettings(t *testing.T) {
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	example := string(content)
	for _, row := range [][3]string{
		{"", "listen: 127.0.0.1:8000", "PORTICO_LISTEN"},
		{"", "internal_listen: 127.0.0.1:8002", "PORTICO_INTERNAL_LISTEN"},
		{"", "data_dir: ./data", "PORTICO_DATA_DIR"},
		{"database", `url: ""`, "DATABASE_URL"},
		{"database", "migrate: auto", "PORTICO_MIGRATE"},
		{"database", "max_connections: 20", "PORTICO_DATABASE_MAX_CONNECTIONS"},
		{"database", "connect_timeout: 10s", "PORTICO_DATABASE_CONNECT_TIMEOUT"},
		{"auth", `private_key: ""`, "JWT_PRIVATE_KEY"},
		{"auth", `public_key: ""`, "JWT_PUBLIC_KEY"},
		{"auth", "expire_minutes: 480", "EXPIRE_MINUTES"},
		{"auth", "registration: open", "PORTICO_REGISTRATION"},
		{"auth", `admin_email: ""`, "PORTICO_ADMIN_EMAIL"},
		{"auth", `admin_password: ""`, "PORTICO_ADMIN_PASSWORD"},
		{"auth", "login_failures_per_minute: 10", "PORTICO_LOGIN_FAILURES_PER_MINUTE"},
		{"http", "trusted_proxies: []", "PORTICO_TRUSTED_PROXIES"},
		{"http", "cors_origins: []", "PORTICO_CORS_ORIGINS"},
		{"http", "shutdown_delay: 0s", "PORTICO_SHUTDOWN_DELAY"},
		{"http", "shutdown_grace: 30s", "PORTICO_SHUTDOWN_GRACE"},
		{"", `secret_key: ""`, "PORTICO_SECRET_KEY"},
		{"", `service_token: ""`, "PORTICO_SERVICE_TOKEN"},
		{"documents", "service: doc-service", "PORTICO_DOCUMENTS_SERVICE"},
		{"documents", "response_header_timeout: 60s", "PORTICO_DOCUMENTS_RESPONSE_HEADER_TIMEOUT"},
		{"storage", `service_url: ""`, "PORTICO_STORAGE_SERVICE_URL"},
		{"ai", "allowed_hosts: []", "PORTICO_AI_ALLOWED_HOSTS"},
		{"log", "level: info", "PORTICO_LOG_LEVEL"},
		{"log", `format: ""`, "PORTICO_LOG_FORMAT"},
	} {
		group, line, variable := row[0], regexp.QuoteMeta(row[1]), row[2]
		pattern := `(?m)^# ` + variable + `\b.*\n#` + line + `$`
		if group != "" {
			pattern = `(?m)^` + group + `:\n(?:(?: .*)?\n)*?  # ` + variable + `\b.*\n  #` + line + `$`
		}
		require.Regexp(t, pattern, example)
	}
	require.Len(t, regexp.MustCompile(`(?m)^ *#[a-z_]+:`).FindAllString(example, -1), 28, "those, and the list of services")
}
