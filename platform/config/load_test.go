package config_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/config"
)

// load reads the YAML text, "" for no file, and the variables into sections.
func load(t *testing.T, yaml string, environ []string, sections ...config.Section) error {
	t.Helper()
	if yaml == "" {
		return config.Load("", environ, sections...)
	}
	require.NoError(t, os.WriteFile("portico.yaml", []byte(yaml), 0o600))
	return config.Load("portico.yaml", environ, sections...)
}

func base(t *testing.T, yaml string, environ ...string) config.Base {
	t.Helper()
	var b config.Base
	require.NoError(t, load(t, yaml, environ, config.Section{Target: &b}))
	return b
}

func defaults() config.Base {
	return config.Base{
		Listen: "127.0.0.1:8000", InternalListen: "127.0.0.1:8002", DataDir: "./data",
		Database: config.Database{Migrate: "auto", MaxConnections: 20, ConnectTimeout: 10 * time.Second},
		HTTP:     config.HTTP{ShutdownGrace: 30 * time.Second},
		Log:      config.Log{Level: "info"},
	}
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "config")
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

var samePrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func requireBase(t *testing.T, want, got config.Base) {
	t.Helper()
	require.Empty(t, cmp.Diff(want, got, samePrefix))
}

const key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" // 32 bytes

func TestBaseDefaults(t *testing.T) {
	requireBase(t, defaults(), base(t, ""))
	requireBase(t, defaults(), base(t, "# nothing but a comment\n"))
	requireBase(t, defaults(), base(t, "---\ndatabase:\n  # url: x\nlog: {}\n"))
}

// Each setting of the platform is reached by its YAML name and by its variable, with the same effect.
func TestBaseNames(t *testing.T) {
	for _, row := range []struct {
		yaml, env string
		set       func(*config.Base)
	}{
		{`listen: 0.0.0.0:80`, "PORTICO_LISTEN=0.0.0.0:80", func(b *config.Base) { b.Listen = "0.0.0.0:80" }},
		{`listen: ":8080"`, "PORTICO_LISTEN=:8080", func(b *config.Base) { b.Listen = ":8080" }},
		{`listen: "[::1]:0"`, "PORTICO_LISTEN=[::1]:0", func(b *config.Base) { b.Listen = "[::1]:0" }},
		{`internal_listen: gateway:9000`, "PORTICO_INTERNAL_LISTEN=gateway:9000", func(b *config.Base) { b.InternalListen = "gateway:9000" }},
		{`internal_listen: ""`, "PORTICO_INTERNAL_LISTEN=", func(b *config.Base) { b.InternalListen = "" }},
		{`data_dir: /var/lib/portico`, "PORTICO_DATA_DIR=/var/lib/portico", func(b *config.Base) { b.DataDir = "/var/lib/portico" }},
		{`database: {url: "postgres://u:p%40@db/x?sslmode=require"}`, "DATABASE_URL=postgres://u:p%40@db/x?sslmode=require",
			func(b *config.Base) { b.Database.URL = "postgres://u:p%40@db/x?sslmode=require" }},
		{`database: {url: "postgresql+asyncpg://u:p@db:5432/x"}`, "DATABASE_URL=postgresql+asyncpg://u:p@db:5432/x",
			func(b *config.Base) { b.Database.URL = "postgresql+asyncpg://u:p@db:5432/x" }},
		{`database: {url: sqlite:/tmp/p.db}`, "DATABASE_URL=sqlite:/tmp/p.db", func(b *config.Base) { b.Database.URL = "sqlite:/tmp/p.db" }},
		{`database: {migrate: check}`, "PORTICO_MIGRATE=check", func(b *config.Base) { b.Database.Migrate = "check" }},
		{`database: {max_connections: 2}`, "PORTICO_DATABASE_MAX_CONNECTIONS= 2 ", func(b *config.Base) { b.Database.MaxConnections = 2 }},
		{`database: {connect_timeout: 1m30s}`, "PORTICO_DATABASE_CONNECT_TIMEOUT=1m30s", func(b *config.Base) { b.Database.ConnectTimeout = 90 * time.Second }},
		{"http:\n  trusted_proxies:\n  - 10.1.2.3/8\n  - ::1\n", "PORTICO_TRUSTED_PROXIES=10.1.2.3/8, ::1,", func(b *config.Base) {
			b.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
		}},
		{`http: {cors_origins: ["https://a.example", "http://localhost:3000"]}`, "PORTICO_CORS_ORIGINS=https://a.example,http://localhost:3000",
			func(b *config.Base) { b.HTTP.CORSOrigins = []string{"https://a.example", "http://localhost:3000"} }},
		{`http: {shutdown_grace: 5s}`, "PORTICO_SHUTDOWN_GRACE=5s", func(b *config.Base) { b.HTTP.ShutdownGrace = 5 * time.Second }},
		{"secret_key: " + key, "PORTICO_SECRET_KEY=" + key, func(b *config.Base) { b.SecretKey = key }},
		{`service_token: 0123456789012345`, "PORTICO_SERVICE_TOKEN=0123456789012345", func(b *config.Base) { b.ServiceToken = "0123456789012345" }},
		{`log: {level: debug}`, "PORTICO_LOG_LEVEL=debug", func(b *config.Base) { b.Log.Level = "debug" }},
		{`log: {format: json}`, "PORTICO_LOG_FORMAT=json", func(b *config.Base) { b.Log.Format = "json" }},
	} {
		want := defaults()
		row.set(&want)
		requireBase(t, want, base(t, row.yaml))
		requireBase(t, want, base(t, "", row.env))
	}
}

func TestServices(t *testing.T) {
	got := base(t, `
services:
  - id: doc-service
    name: Documents
    url: http://10.0.0.7:8001
  - {id: reports, name: Reports, url: "https://reports.example/base", health_path: /up?deep=1, plugin: true, system_prompt: "Be brief."}
`)
	want := defaults()
	want.Services = []config.Service{
		{ID: "doc-service", Name: "Documents", URL: "http://10.0.0.7:8001", HealthPath: "/health"},
		{ID: "reports", Name: "Reports", URL: "https://reports.example/base", HealthPath: "/up?deep=1", Plugin: true, SystemPrompt: "Be brief."},
	}
	requireBase(t, want, got)

	require.Nil(t, base(t, "").Services, "not set")
	none := base(t, "services: []").Services
	require.NotNil(t, none, "set to none")
	require.Empty(t, none)
}

func TestEnvironmentWins(t *testing.T) {
	file := "listen: 127.0.0.1:1\nhttp: {cors_origins: [https://a.example]}\ninternal_listen: 127.0.0.1:2\n"
	got := base(t, file, "PORTICO_LISTEN=127.0.0.1:3", "PORTICO_CORS_ORIGINS=https://b.example", "PORTICO_INTERNAL_LISTEN=")
	want := defaults()
	want.Listen, want.InternalListen, want.HTTP.CORSOrigins = "127.0.0.1:3", "", []string{"https://b.example"}
	requireBase(t, want, got)
}

// Compose files pass variables on whether they have a value or not.
func TestEmptyVariableIsNotSet(t *testing.T) {
	file := "data_dir: /srv\ndatabase: {url: sqlite:x.db, max_connections: 7}\nhttp: {trusted_proxies: [10.0.0.1]}\n"
	got := base(t, file, "PORTICO_DATA_DIR=", "DATABASE_URL=", "PORTICO_DATABASE_MAX_CONNECTIONS=", "PORTICO_TRUSTED_PROXIES=", "PORTICO_LOG_LEVEL=")
	requireBase(t, base(t, file), got)
}

func TestVariablesThatAreNoSettings(t *testing.T) {
	requireBase(t, defaults(), base(t, "", "PORTICO_CONFIG=/etc/portico.yaml", "PORTICO_TEST_DATABASE_URL=postgres://x", "PORTICO_TEST_POSTGRES=required",
		"HOME=/root", "PORTICOLISTEN=x", "=C:=C:\\", "nonsense"))
}

// A module's section has types of its own, and stands wherever its key says.
func TestSectionValues(t *testing.T) {
	type section struct {
		PEM     string          `yaml:"pem" env:"MY_PEM" secret:"true"`
		Number  string          `yaml:"number"`
		Address netip.Addr      `yaml:"address"`
		Waits   []time.Duration `yaml:"waits" default:"1s,2s" validate:"max=5,dive,min=1s"`
		Weights []int           `yaml:"weights"`
		Open    bool            `yaml:"open" env:"MY_OPEN" default:"true"`
	}
	var s section
	yaml := "plugins:\r\n  my:\r\n    pem: |\r\n      -----BEGIN X-----\r\n      abc\r\n      -----END X-----\r\n    number: 0x1F # as it stands\r\n    address: \"::1\"\r\n    weights: [1, -2]\r\n"
	require.NoError(t, load(t, yaml, []string{"MY_OPEN=False"}, config.Section{Key: "plugins.my", Target: &s}))
	require.Equal(t, section{
		PEM: "-----BEGIN X-----\nabc\n-----END X-----\n", Number: "0x1F", Address: netip.IPv6Loopback(),
		Waits: []time.Duration{time.Second, 2 * time.Second}, Weights: []int{1, -2},
	}, section{strings.ReplaceAll(s.PEM, "\r", ""), s.Number, s.Address, s.Waits, s.Weights, s.Open})

	require.NoError(t, load(t, "", []string{"MY_PEM= line\\nline "}, config.Section{Key: "plugins.my", Target: &s}))
	require.Equal(t, section{PEM: ` line\nline `, Waits: s.Waits, Open: true}, s, "text is taken as it is; the rest goes back to its default")
}

// Settings that two owners claim, and fields that no setting can be, are found before anything runs.
func TestImpossibleSections(t *testing.T) {
	type a struct {
		X string `yaml:"x" env:"PORTICO_X"`
	}
	type b struct {
		Y string `yaml:"y" env:"PORTICO_X"`
	}
	for name, sections := range map[string][]config.Section{
		"config_test.a and config_test.a both declare k.x": {{"k", new(a)}, {"k", new(a)}},
		"PORTICO_X is the variable of two settings":        {{"k", new(a)}, {"l", new(b)}},
		"has no yaml tag": {{"k", &struct{ X string }{}}},
		"which no setting can be": {{"k", &struct {
			X float32 `yaml:"x"`
		}{}}},
		"the default of k.x": {{"k", &struct {
			X int `yaml:"x" default:"one"`
		}{}}},
		`no words for the rule "uuid4" of k.x`: {{"k", &struct {
			X string `yaml:"x" validate:"uuid4"`
		}{}}},
		"not a pointer to a struct":             {{"k", a{}}},
		"is a setting and cannot hold others":   {{"k", new(a)}, {"k.x", new(b)}},
		"is a group and cannot be a setting of": {{"k.x", new(b)}, {"k", new(a)}},
	} {
		func() {
			defer func() { require.Contains(t, recover(), name) }()
			_ = config.Load("", nil, sections...)
			t.Errorf("%s: accepted", name)
		}()
	}
}
