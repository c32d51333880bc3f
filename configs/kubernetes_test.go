package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/app"
)

// object is one of Kubernetes, as far as it must fit what it starts.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Replicas int
		Selector any
		Strategy struct{ Type string }
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		Ports []struct {
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
		MinAvailable int            `yaml:"minAvailable"`
		PodSelector  map[string]any `yaml:"podSelector"`
		Ingress      []struct {
			Ports []struct{ Port string }
			From  []map[string]any
		}
	}
}

type pod struct {
	ServiceLinks    *bool          `yaml:"enableServiceLinks"`
	Token           *bool          `yaml:"automountServiceAccountToken"`
	Grace           int            `yaml:"terminationGracePeriodSeconds"`
	SecurityContext map[string]any `yaml:"securityContext"`
	Containers      []container
	Volumes         []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName string `yaml:"secretName"`
		}
	}
}

type container struct {
	Name, Image string
	Args        []string
	Env         []struct{ Name, Value string }
	Ports       []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	SecurityContext map[string]any `yaml:"securityContext"`
	VolumeMounts    []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
	Resources struct{ Requests, Limits map[string]any }
	Lifecycle struct {
		PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
	}
	StartupProbe   probe `yaml:"startupProbe"`
	LivenessProbe  probe `yaml:"livenessProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// cluster are all objects by kind and name.
func cluster(t *testing.T) map[string]object {
	all := map[string]object{}
	for _, file := range list(t, "kubernetes") {
		for _, o := range documents[object](t, filepath.Join("kubernetes", file)) {
			name := o.Kind + " " + o.Metadata.Name
			require.NotContains(t, all, name)
			all[name] = o
		}
	}
	return all
}

// environment and mounted files of a container.
func (p pod) told(t *testing.T, all map[string]object) (environment, files map[string]string) {
	environment, files = map[string]string{}, map[string]string{}
	for _, e := range p.Containers[0].Env {
		environment[e.Name] = e.Value
	}
	mounts := map[string]string{}
	for _, m := range p.Containers[0].VolumeMounts {
		mounts[m.Name] = m.MountPath
	}
	for _, v := range p.Volumes {
		require.Contains(t, mounts, v.Name)
		if v.Secret.SecretName != "" {
			for _, name := range list(t, secretFiles(t)) {
				files[mounts[v.Name]+"/"+name] = filepath.Join(secretFiles(t), name)
			}
		}
		for name, content := range all["ConfigMap "+v.ConfigMap.Name].Data {
			path := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			files[mounts[v.Name]+"/"+name] = path
		}
	}
	return environment, files
}

func TestKubernetes(t *testing.T) {
	all := cluster(t)
	require.Len(t, all, 12)
	for _, name := range []string{"Deployment portico", "Job portico-migrate", "Deployment docservice"} {
		p := all[name].Spec.Template.Spec
		require.Len(t, p.Containers, 1, name)
		c := p.Containers[0]
		require.NotNil(t, p.ServiceLinks, name)
		require.False(t, *p.ServiceLinks, "a service named portico would set PORTICO_PORT, which is no setting")
		require.False(t, *p.Token)
		require.Equal(t, true, p.SecurityContext["runAsNonRoot"])
		require.EqualValues(t, 65532, p.SecurityContext["runAsUser"])
		require.EqualValues(t, 65532, p.SecurityContext["fsGroup"], "else nobody can read the secrets")
		require.Equal(t, true, c.SecurityContext["readOnlyRootFilesystem"])
		require.Equal(t, false, c.SecurityContext["allowPrivilegeEscalation"])
		require.Equal(t, map[string]any{"drop": []any{"ALL"}}, c.SecurityContext["capabilities"])
		require.Contains(t, c.Resources.Requests, "cpu")
		require.Contains(t, c.Resources.Limits, "memory")
		environment, files := p.told(t, all)
		if strings.HasPrefix(c.Image, "portico-docservice:") {
			requireDocserviceSettings(t, environment, files)
			continue
		}
		require.Equal(t, "portico:dev", c.Image)
		base := requireSettings(t, environment, files)
		require.Equal(t, "check", base.Database.Migrate, "of all replicas; migrate up needs no leave")
	}
	requireCommand(t, all["Job portico-migrate"].Spec.Template.Spec.Containers[0].Args...)
}

// Doors, probes and services name the same ports and paths.
func TestKubernetesDoors(t *testing.T) {
	all := cluster(t)
	gateway, docs := all["Deployment portico"].Spec, all["Deployment docservice"].Spec
	c := gateway.Template.Spec.Containers[0]
	ports := map[string]int{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	require.Equal(t, map[string]int{"http": 8000, "internal": 8002}, ports)
	environment, files := gateway.Template.Spec.told(t, all)
	base := requireSettings(t, environment, files)
	require.Equal(t, ":8002", base.InternalListen)
	require.Equal(t, "127.0.0.1:8000", base.Listen, "the image says :8000")
	require.Equal(t, "http://docservice:8001", base.Services[0].URL)
	require.Equal(t, 8001, all["Service docservice"].Spec.Ports[0].Port)
	require.Equal(t, 8001, docs.Template.Spec.Containers[0].Ports[0].ContainerPort)
	docEnvironment, _ := docs.Template.Spec.told(t, all)
	require.Equal(t, "http://portico-internal:8002", docEnvironment["DOCSERVICE_GATEWAY_URL"])
	require.Equal(t, 8002, all["Service portico-internal"].Spec.Ports[0].Port)
	require.Equal(t, "internal", all["Service portico-internal"].Spec.Ports[0].TargetPort)
	require.Equal(t, "http", all["Service portico"].Spec.Ports[0].TargetPort)

	public, _, err := app.Describe(spec)
	require.NoError(t, err)
	var paths []string
	for _, r := range public.Routes() {
		paths = append(paths, r.Path)
	}
	for _, p := range []probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		require.Contains(t, paths, p.HTTPGet.Path)
		require.Equal(t, "http", p.HTTPGet.Port)
	}
	require.Equal(t, "/health/ready", c.ReadinessProbe.HTTPGet.Path)
	require.Equal(t, "/health/live", c.LivenessProbe.HTTPGet.Path, "a database that is gone is no reason to start anew")
	require.Greater(t, gateway.Template.Spec.Grace, c.Lifecycle.PreStop.Sleep.Seconds+int(base.HTTP.ShutdownGrace.Seconds())+10)
	require.Greater(t, gateway.Replicas, all["PodDisruptionBudget portico"].Spec.MinAvailable, "else no node can be emptied")
	require.Equal(t, "Recreate", docs.Strategy.Type, "its data has one process at a time")
}

// The internal door and the document service are closed to all but those who are named.
func TestKubernetesNetwork(t *testing.T) {
	all := cluster(t)
	for name, labels := range map[string]map[string]string{
		"portico":    all["Deployment portico"].Spec.Template.Metadata.Labels,
		"docservice": all["Deployment docservice"].Spec.Template.Metadata.Labels,
	} {
		policy := all["NetworkPolicy "+name].Spec
		for label, value := range policy.PodSelector["matchLabels"].(map[string]any) {
			require.Equal(t, labels[label], value)
		}
		for _, rule := range policy.Ingress {
			require.Len(t, rule.Ports, 1)
			open := name == "portico" && rule.Ports[0].Port == "http"
			require.Equal(t, open, len(rule.From) == 0, "%s %s", name, rule.Ports[0].Port)
		}
	}
}
