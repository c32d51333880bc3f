package storage_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/storage"
	"portico.internal/platform/testkit"
)

// recorded is what the audit log says, the newest first.
type recorded struct {
	Action, Outcome string
	Actor           struct{ Kind, Name string }
	Target          struct{ Type, ID, Name string }
	Changes         map[string]struct{ Old, New any }
}

func recordedOf(t testing.TB, g *testkit.Gateway) []recorded {
	t.Helper()
	var list []recorded
	require.NoError(t, json.Unmarshal([]byte(g.Call(t, admin("GET", "/api/admin/audit?action=storage", "")).Body), &list))
	return list
}

// Credentials that become others are recorded as such, and nothing of them.
func TestNewCredentialsAreRecorded(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		s := testkit.NewS3(t)
		stale := s
		stale.SecretAccessKey = "stale-secret-of-before"
		storage.SettleOnS3(t, d, secretKey, stale)
		g := gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_SECRET_KEY": secretKey})
		for range 2 {
			r := g.Call(t, admin("PATCH", configPath, `{"config":{"secret_access_key":"`+s.SecretAccessKey+`"}}`))
			require.Equal(t, 200, r.Status, r.Body)
		}
		list := recordedOf(t, g)
		require.Len(t, list, 1, "the second time there is nothing new")
		require.Equal(t, "storage.config_changed", list[0].Action)
		require.Equal(t, map[string]struct{ Old, New any }{"secret_access_key": {"********", "********"}}, list[0].Changes)
		require.Equal(t, gatewaytest.Admin, list[0].Actor.Name)
		require.Equal(t, "s3", list[0].Target.Name)
	})
}

func TestMigrationsAreRecordedToTheirEnd(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		require.Equal(t, 202, g.Call(t, admin("POST", migratePath, `{"backend":"local","config":{"root":"elsewhere"}}`)).Status)
		require.Equal(t, "completed", migrated(t, g).State)
		list := recordedOf(t, g)
		require.Len(t, list, 2)
		ended, began := list[0], list[1]
		require.Equal(t, "storage.migration_started", began.Action)
		require.Equal(t, gatewaytest.Admin, began.Actor.Name)
		require.Equal(t, "storage.migration_completed", ended.Action)
		require.Equal(t, "system", ended.Actor.Kind)
		require.Equal(t, gatewaytest.Admin, ended.Changes["started_by_email"].New)
		require.Equal(t, began.Target, ended.Target)
	})
}

// What an external service has taken is recorded too, without what was sent to it.
func TestCallsToAnExternalServiceAreRecorded(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprint(w, `{}`)
	}))
	defer service.Close()
	gatewaytest.Each(t, map[string]string{"PORTICO_STORAGE_SERVICE_URL": service.URL}, func(t *testing.T, g *testkit.Gateway) {
		body := `{"config":{"pass":"canary"}}`
		require.Equal(t, 200, g.Call(t, admin("PATCH", configPath, body)).Status)
		require.Equal(t, 400, g.Call(t, admin("POST", migratePath, body)).Status)
		require.Equal(t, 200, g.Call(t, admin("DELETE", migratePath, "")).Status)
		require.Equal(t, 200, g.Call(t, admin("GET", migratePath+"/status", "")).Status)
		list := recordedOf(t, g)
		require.Len(t, list, 2)
		require.Equal(t, "storage.migration_cancel_requested", list[0].Action)
		require.Equal(t, "storage.config_changed", list[1].Action)
		require.Nil(t, list[1].Changes)
		require.Equal(t, "storage-service", list[1].Target.Name)
	})
}
