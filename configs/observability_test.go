package configs_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

var sample = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? [^ ]+$`)

// exported is what a gateway tells Prometheus that has seen something of everything: the labels of each series, by name.
func exported(t *testing.T) map[string]map[string]bool {
	t.Helper()
	const token = "a-service-token-of-some-length"
	g := gatewaytest.Start(t, gatewaytest.Spec(), testkit.Migrated(gatewaytest.Plan(t)).Postgres(t), map[string]string{"PORTICO_SERVICE_TOKEN": token})
	admin := func(method, path, body string) int {
		return g.Call(t, testkit.Request{Method: method, Path: path, As: gatewaytest.Admin, Body: body}).Status
	}
	require.Equal(t, 200, admin("GET", "/api/documents", ""))
	require.Equal(t, 202, admin("POST", "/api/admin/storage-config/migrate", `{"backend":"local","config":{"root":"elsewhere"}}`))
	door := testkit.Gateway{URL: g.Internal}
	var text string
	require.Eventually(t, func() bool {
		r := door.Call(t, testkit.Request{Method: "GET", Path: "/metrics", Token: token})
		require.Equal(t, http.StatusOK, r.Status)
		text = r.Body
		return strings.Contains(text, "\nportico_storage_migration_finished_timestamp_seconds ") && strings.Contains(text, "\nportico_changes_listening ")
	}, time.Minute, 50*time.Millisecond)
	all := map[string]map[string]bool{"up": {"job": true, "instance": true}}
	for _, s := range sample.FindAllStringSubmatch(text, -1) {
		if all[s[1]] == nil {
			all[s[1]] = map[string]bool{"job": true, "instance": true} // which Prometheus adds
		}
		for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(s[2], -1) {
			all[s[1]][l[1]] = true
		}
	}
	return all
}

// The guide lists the metrics of our own: all of them and no others.
func TestMetricsAreDocumented(t *testing.T) {
	var ours, listed []string
	for name := range exported(t) {
		if name, part := strings.CutSuffix(name, "_bucket"); strings.HasPrefix(name, "portico_") && (part || !strings.HasSuffix(name, "_count") && !strings.HasSuffix(name, "_sum")) {
			ours = append(ours, name)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(portico_[a-z_]+)` \\|").FindAllStringSubmatch(read(t, "../docs/guides/observe.md"), -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(ours)
	slices.Sort(listed)
	require.Equal(t, ours, listed)
}

var (
	query    = regexp.MustCompile(`\b((?:portico|go|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?`)
	grouping = regexp.MustCompile(`\bby \(([a-z_, ]+)\)`)
	matcher  = regexp.MustCompile(`([a-z_]+)(?:=|!=|=~|!~)"`)
)

// requireQuery requires that all series of an expression are exported, with the labels by which it chooses and groups.
func requireQuery(t *testing.T, expr string, series map[string]map[string]bool) {
	t.Helper()
	found := query.FindAllStringSubmatch(expr, -1)
	require.NotEmpty(t, found, expr)
	grouped := map[string]bool{}
	for _, q := range found {
		require.Contains(t, series, q[1], expr)
		for _, m := range matcher.FindAllStringSubmatch(q[2], -1) {
			require.Contains(t, series[q[1]], m[1], expr)
		}
		for label := range series[q[1]] {
			grouped[label] = true
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(g[1], ", ") {
			require.Contains(t, grouped, label, expr)
		}
	}
}

// Alerts and panels ask for series that there are.
func TestAlertsAndDashboard(t *testing.T) {
	series := exported(t)
	rules := documents[struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}](t, "observability/alerts.yaml")
	require.Len(t, rules, 1)
	seen := map[string]bool{}
	for _, g := range rules[0].Groups {
		for _, r := range g.Rules {
			require.Regexp(t, `^Portico[A-Za-z]+$`, r.Alert)
			require.False(t, seen[r.Alert])
			seen[r.Alert] = true
			require.Contains(t, []string{"warning", "critical"}, r.Labels["severity"])
			require.NotEmpty(t, r.Annotations["summary"])
			require.NotEmpty(t, r.Annotations["description"])
			requireQuery(t, r.Expr, series)
		}
	}
	require.Len(t, seen, 12)

	var dashboard struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Name string } }
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "observability/dashboard.json")), &dashboard))
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		require.False(t, ids[p.ID])
		ids[p.ID] = true
		require.Equal(t, p.Type == "row", len(p.Targets) == 0, p.Title)
		for _, target := range p.Targets {
			requireQuery(t, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"), series)
		}
	}
	require.Greater(t, len(ids), 20)
}
