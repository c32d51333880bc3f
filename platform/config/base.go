package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"portico.internal/platform/database"
	"portico.internal/platform/secrets"
)

// Base is the settings of the platform itself, at the top level of the file.
type Base struct {
	Listen         string    `yaml:"listen" env:"PORTICO_LISTEN" default:"127.0.0.1:8000" validate:"hostport" doc:"Where the gateway listens."`
	InternalListen string    `yaml:"internal_listen" env:"PORTICO_INTERNAL_LISTEN" default:"127.0.0.1:8002" validate:"omitempty,hostport" empty:"turns it off" doc:"Where metrics and the object interface for feature services listen; not for the public."`
	DataDir        string    `yaml:"data_dir" env:"PORTICO_DATA_DIR" default:"./data" validate:"required,max=4096" doc:"Where the gateway keeps what it makes: the embedded database, keys, tokens, objects."`
	Database       Database  `yaml:"database"`
	HTTP           HTTP      `yaml:"http"`
	SecretKey      string    `yaml:"secret_key" env:"PORTICO_SECRET_KEY" secret:"true" doc:"Encrypts stored secrets: 32 bytes in base64 (openssl rand -base64 32). Older keys may follow, separated by commas, until portico secrets rotate has run. Empty: made in data_dir."`
	ServiceToken   string    `yaml:"service_token" env:"PORTICO_SERVICE_TOKEN" validate:"omitempty,min=16,max=512" secret:"true" doc:"What feature services show at the internal interface. Empty: made in data_dir."`
	Services       []Service `yaml:"services" validate:"max=100" doc:"The feature services behind the gateway. The reference document service runs in this process unless doc-service is named here."`
	Log            Log       `yaml:"log"`
}

// Database says where rows are kept.
type Database struct {
	URL            string        `yaml:"url" env:"DATABASE_URL" validate:"max=4096" secret:"true" doc:"postgres://user:password@host:5432/name (also postgresql+asyncpg://) or sqlite:path. Empty: SQLite in data_dir."`
	Migrate        string        `yaml:"migrate" env:"PORTICO_MIGRATE" default:"auto" validate:"oneof=auto check" doc:"auto: bring the schema up to date under a lock before listening. check: refuse to start when it is behind."`
	MaxConnections int           `yaml:"max_connections" env:"PORTICO_DATABASE_MAX_CONNECTIONS" default:"20" validate:"min=2,max=1000" doc:"The most connections of this process, a listening one included."`
	ConnectTimeout time.Duration `yaml:"connect_timeout" env:"PORTICO_DATABASE_CONNECT_TIMEOUT" default:"10s" validate:"min=100ms,max=10m" doc:"How long to try at the start before giving up."`
}

// HTTP says whom the gateway believes and how it stops.
type HTTP struct {
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies" env:"PORTICO_TRUSTED_PROXIES" validate:"max=100" example:"10.0.0.0/8, 192.168.1.7" doc:"Proxies in front whose X-Forwarded-For is believed. None: the peer's address counts."`
	CORSOrigins    []string       `yaml:"cors_origins" env:"PORTICO_CORS_ORIGINS" validate:"max=100,dive,max=260" example:"https://dashboard.example.com" doc:"Origins of dashboards served from elsewhere that may call the API from a browser."`
	ShutdownDelay  time.Duration  `yaml:"shutdown_delay" env:"PORTICO_SHUTDOWN_DELAY" default:"0s" validate:"min=0s,max=10m" doc:"How long the gateway goes on as before when it stops, but not ready: a load balancer must notice within it (its interval times its failures; 5s or more under Kubernetes). 0s where none is in front."`
	ShutdownGrace  time.Duration  `yaml:"shutdown_grace" env:"PORTICO_SHUTDOWN_GRACE" default:"30s" validate:"min=1s,max=1h" doc:"How long requests in flight may take to finish after that: first those of clients, then those of feature services. Whoever stops the gateway should wait longer than the delay and twice this."`
}

// Service is a feature service behind the gateway.
type Service struct {
	ID           string `yaml:"id" validate:"required,max=64" example:"reports" doc:"Its name in paths: lower-case letters, digits and inner hyphens."`
	Name         string `yaml:"name" validate:"required,max=200" example:"Reports" doc:"Its name for people."`
	URL          string `yaml:"url" validate:"required,max=2048" example:"http://127.0.0.1:8101" doc:"Where it answers: http or https, without user, query and fragment."`
	HealthPath   string `yaml:"health_path" default:"/health" validate:"required,max=2048" doc:"The path below url that tells whether it is well."`
	Plugin       bool   `yaml:"plugin" default:"false" doc:"Whether it has a plugin manifest."`
	SystemPrompt string `yaml:"system_prompt" validate:"max=100000" doc:"Its default system prompt, where it has one."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level" env:"PORTICO_LOG_LEVEL" default:"info" validate:"oneof=debug info warn error" doc:"The least level that is logged."`
	Format string `yaml:"format" env:"PORTICO_LOG_FORMAT" validate:"omitempty,oneof=text json" doc:"Empty: text on a terminal, else json, one object a line."`
}

var _ Checker = (*Base)(nil)

// Check holds the settings against the rules that tags cannot say.
func (b *Base) Check() []Problem {
	var problems []Problem
	add := func(setting, text string) { problems = append(problems, Problem{Setting: setting, Text: text}) }
	if b.Listen == b.InternalListen && !strings.HasSuffix(b.Listen, ":0") {
		add("internal_listen", "is the address of listen too; choose another port")
	}
	if err := database.CheckURL(b.Database.URL); err != nil {
		add("database.url", err.Error())
	}
	for _, origin := range b.HTTP.CORSOrigins {
		if !isOrigin(origin) {
			add("http.cors_origins", "must hold origins only: scheme, host and port, such as https://dashboard.example.com")
			break
		}
	}
	if b.SecretKey != "" {
		if _, err := secrets.Parse(b.SecretKey); err != nil {
			add("secret_key", err.Error())
		}
	}
	if strings.ContainsFunc(b.ServiceToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		add("service_token", "must be printable ASCII without spaces; it travels in a header")
	}
	return append(problems, checkServices(b.Services)...)
}

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		text == u.Scheme+"://"+u.Host && text == strings.ToLower(text)
}

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func checkServices(services []Service) []Problem {
	var problems []Problem
	first := map[string]int{}
	for i, s := range services {
		add := func(field, text string) {
			problems = append(problems, Problem{Setting: fmt.Sprintf("services[%d].%s", i, field), Text: text})
		}
		if !slug.MatchString(s.ID) {
			add("id", "must be lower-case letters and digits, with single hyphens between, such as doc-service")
		} else if j, again := first[s.ID]; again {
			add("id", fmt.Sprintf("is the id of services[%d] too; choose another", j))
		} else {
			first[s.ID] = i
		}
		if text := checkServiceURL(s.URL); text != "" {
			add("url", text)
		}
		if u, err := url.Parse(s.HealthPath); err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(s.HealthPath, "/") || u.Fragment != "" {
			add("health_path", "must be a path that begins with /, such as /health")
		}
	}
	return problems
}

func checkServiceURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "must be an http or https URL with a host, such as http://127.0.0.1:8101"
	case u.User != nil:
		return "must not hold a user or password; services trust the network they are on"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "must not hold a query or fragment"
	}
	return ""
}
