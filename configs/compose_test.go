package configs_test

import (
	"net/netip"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// composeFile is compose.yaml, as far as it must fit what it starts.
type composeFile struct {
	Services map[string]composeService
	Networks map[string]any
	Volumes  map[string]any
	Configs  map[string]composeSource
	Secrets  map[string]composeSource
}

type composeSource struct{ File string }

type composeService struct {
	Image       string
	Profiles    []string
	Environment map[string]string
	Ports       []string
	Command     any
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	StopGrace   string   `yaml:"stop_grace_period"`
	Volumes     []string
	Secrets     []string
	Networks    any
	Configs     []struct{ Source, Target string }
	Deploy      struct{ Replicas int }
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
}

var variable = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)

// environment is that of the service where the operator sets nothing.
func (s composeService) environment() map[string]string {
	all := map[string]string{}
	for name, value := range s.Environment {
		all[name] = variable.ReplaceAllString(value, "$1")
	}
	return all
}

// files are what is mounted into the service: paths there and here.
func (f composeFile) files(t *testing.T, s composeService) map[string]string {
	files := map[string]string{}
	for _, name := range s.Secrets {
		require.Equal(t, "secrets/"+name, f.Secrets[name].File)
		files["/run/secrets/"+name] = filepath.Join(secretFiles(t), name)
	}
	for _, c := range s.Configs {
		require.NotEmpty(t, f.Configs[c.Source].File)
		files[c.Target] = "../" + f.Configs[c.Source].File
	}
	return files
}

func compose(t *testing.T) composeFile {
	all := documents[composeFile](t, "../compose.yaml")
	require.Len(t, all, 1)
	return all[0]
}

func TestCompose(t *testing.T) {
	file := compose(t)
	in := map[string][]string{}
	for name, s := range file.Services {
		for _, profile := range s.Profiles {
			in[profile] = append(in[profile], name)
		}
		require.True(t, s.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
		require.Equal(t, name == "balancer", len(s.Ports) > 0, "%s: nobody but the balancer is published", name)
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			require.Contains(t, file.Volumes, volume)
		}
		for other := range s.DependsOn {
			for _, profile := range s.Profiles {
				require.Contains(t, file.Services[other].Profiles, profile, "%s waits for %s", name, other)
			}
		}
	}
	slices.Sort(in["dev"])
	slices.Sort(in["full"])
	require.Equal(t, []string{"balancer", "gateway-dev", "postgres"}, in["dev"])
	require.Equal(t, []string{"balancer", "docservice", "migrate", "portico", "postgres", "s3"}, in["full"])
	var made []string
	for name := range file.Secrets {
		made = append(made, name)
	}
	require.ElementsMatch(t, list(t, secretFiles(t)), made, "scripts/secrets.sh makes these, all of them and no others")
	require.True(t, strings.HasPrefix(variable.ReplaceAllString(file.Services["balancer"].Ports[0], "$1"), "127.0.0.1:8000:"))
}

// Every gateway has settings that exist, and finds its secrets.
func TestComposeGateways(t *testing.T) {
	file := compose(t)
	for _, name := range []string{"gateway-dev", "portico", "migrate"} {
		s := file.Services[name]
		require.Equal(t, "portico:dev", variable.ReplaceAllString(s.Image, "$1"))
		base := requireSettings(t, s.environment(), file.files(t, s))
		for _, secret := range s.Secrets {
			require.Contains(t, values(s.Environment), "/run/secrets/"+secret)
		}
		grace, err := time.ParseDuration(s.StopGrace)
		require.NoError(t, err)
		require.Greater(t, grace, base.HTTP.ShutdownGrace+10*time.Second, "the engine must not cut what the gateway lets end")
		require.Equal(t, ":8002", base.InternalListen)
		require.Equal(t, map[string]string{"gateway-dev": "auto", "portico": "check", "migrate": "auto"}[name], base.Database.Migrate)
		require.Equal(t, []netip.Prefix{netip.MustParsePrefix("172.30.80.2/32")}, base.HTTP.TrustedProxies, "the balancer alone: clients may have the address of the engine")
		if name == "gateway-dev" {
			require.Empty(t, base.Services, "its document service is its own")
			continue
		}
		require.Len(t, base.Services, 1)
		require.Equal(t, "http://docservice:8001", base.Services[0].URL)
		require.Contains(t, read(t, "../Dockerfile"), "DOCSERVICE_LISTEN=:8001 ")
	}
	require.Equal(t, 2, file.Services["portico"].Deploy.Replicas)
	require.Equal(t, "service_completed_successfully", file.Services["portico"].DependsOn["migrate"].Condition)
	var command []string
	for _, word := range file.Services["migrate"].Command.([]any) {
		command = append(command, word.(string))
	}
	requireCommand(t, command...)

	s := file.Services["docservice"]
	requireDocserviceSettings(t, s.environment(), file.files(t, s))
	require.Equal(t, "http://portico:8002", s.Environment["DOCSERVICE_GATEWAY_URL"])
	require.Equal(t, s.Environment["DATABASE_URL_FILE"], "/run/secrets/database_url")
}

// The balancer looks for the gateways where they are.
func TestComposeBalancer(t *testing.T) {
	file := compose(t)
	balancer := read(t, path.Join("..", file.Configs["haproxy"].File))
	require.Contains(t, balancer, "\n    bind :8000\n")
	require.Regexp(t, `server-template portico- \d+ portico:8000\n`, balancer)
	require.Contains(t, balancer, "option httpchk GET /health/ready\n")
	require.Contains(t, balancer, "\n    option forwardfor\n")
	require.Equal(t, map[string]any{"ipv4_address": "172.30.80.2"}, file.Services["balancer"].Networks.(map[string]any)["front"])
	require.Contains(t, read(t, "../compose.yaml"), "subnet: 172.30.80.0/24, ip_range: 172.30.80.128/25 ", "nobody else can get that address")
	require.Contains(t, read(t, "../Dockerfile"), "PORTICO_LISTEN=:8000 ")
	require.Equal(t, []any{"portico"}, file.Services["gateway-dev"].Networks.(map[string]any)["front"].(map[string]any)["aliases"])
	require.Contains(t, read(t, secretFiles(t)+"/database_url"), "@"+"postgres:5432/portico")
	require.Contains(t, read(t, secretFiles(t)+"/database_url"), ":"+strings.TrimSpace(read(t, secretFiles(t)+"/database_password"))+"@")
}

func values(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	return all
}
