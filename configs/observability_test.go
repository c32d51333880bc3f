package configs_test

import (
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

var metricType = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)

// exported are the metrics of a gateway that has seen something of everything, by type.
func exported(t *testing.T) map[string]string {
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
		return strings.Contains(text, "portico_storage_migration_finished_timestamp_seconds") && strings.Contains(text, "portico_changes_listening")
	}, time.Minute, 50*time.Millisecond)
	all := map[string]string{}
	for _, m := range metricType.FindAllStringSubmatch(text, -1) {
		all[m[1]] = m[2]
	}
	return all
}

// The guide lists the metrics of our own: all of them and no others.
func TestMetricsAreDocumented(t *testing.T) {
	var ours, listed []string
	for name := range exported(t) {
		if strings.HasPrefix(name, "portico_") {
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
