package storage_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const migratePath = configPath + "/migrate"

type migrationStatus struct {
	State      string
	Total      int64
	Done       int64
	BytesTotal int64 `json:"bytes_total"`
	Errors     []struct{ Key, Stage, Message string }
	FinishedAt *string `json:"finished_at"`
}

// migrated waits for the end of the migration.
func migrated(t *testing.T, g *testkit.Gateway) (s migrationStatus) {
	t.Helper()
	require.Eventually(t, func() bool {
		r := g.Call(t, admin("GET", migratePath+"/status", ""))
		require.Equal(t, 200, r.Status, r.Body)
		s = migrationStatus{}
		require.NoError(t, json.Unmarshal([]byte(r.Body), &s))
		return s.FinishedAt != nil
	}, patience, 20*time.Millisecond)
	return s
}

func toFolder(root string) string {
	return fmt.Sprintf(`{"backend":"local","config":{"root":%q}}`, root)
}

func TestMigrationRoutes(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		other := filepath.Join(t.TempDir(), "other")
		start := admin("POST", migratePath, toFolder(other))
		g.Run(t,
			testkit.Scenario{Name: "never", Request: admin("GET", migratePath+"/status", ""), Status: 200, Want: []string{
				`{"state":"idle","total":0,"done":0,"failed":0,"errors":[],"errors_truncated":false,"bytes_total":0,"bytes_done":0,"started_at":null,"finished_at":null}`}},
			testkit.Scenario{Name: "nothing to cancel", Request: admin("DELETE", migratePath, ""), Status: 404, Want: []string{`{"detail":"No migration is running"}`}},
			testkit.Scenario{Name: "no body", Request: admin("POST", migratePath, ""), Status: 422, Want: []string{`"loc":["body"]`}},
			testkit.Scenario{Name: "unknown backend", Request: admin("POST", migratePath, `{"backend":"tape","config":{}}`), Status: 422, Want: []string{`"loc":["body","backend"]`}},
			testkit.Scenario{Name: "no config", Request: admin("POST", migratePath, `{"backend":"local"}`), Status: 422, Want: []string{`"loc":["body","config"]`}},
			testkit.Scenario{Name: "incomplete", Request: admin("POST", migratePath, `{"backend":"s3","config":{"region":"x","access_key_id":"a","secret_access_key":"of-no-use"}}`), Status: 422,
				Want: []string{`"type":"missing","loc":["body","config","bucket"]`}, Not: []string{"of-no-use"}},
			testkit.Scenario{Name: "where they are", Request: admin("POST", migratePath, `{"backend":"local","config":{}}`), Status: 400, Want: []string{"The files are there already"}},
			testkit.Scenario{Name: "a user starts", Request: testkit.Request{Method: "POST", Path: migratePath, As: "user@example.com", Body: toFolder(other)}, Status: 404},
			testkit.Scenario{Name: "a user looks", Request: testkit.Request{Method: "GET", Path: migratePath + "/status", As: "user@example.com"}, Status: 404},
			testkit.Scenario{Name: "anonymous", Request: testkit.Request{Method: "DELETE", Path: migratePath}, Status: 401},
			testkit.Scenario{Name: "start", Request: start, Status: 202, Want: []string{`"state":"copying"`, `"finished_at":null`}},
		)
		require.Equal(t, "completed", migrated(t, g).State)
		g.Run(t,
			testkit.Scenario{Name: "done already", Request: start, Status: 400, Want: []string{"The files are there already"}},
			testkit.Scenario{Name: "too late", Request: admin("DELETE", migratePath, ""), Status: 404},
			testkit.Scenario{Name: "shown", Request: admin("GET", configPath, ""), Status: 200, Want: []string{other}},
		)
		for _, want := range []string{`"msg":"storage migration"`, `"state":"switching"`, `"state":"completed"`, `"from":"local"`} {
			require.Contains(t, g.Log.String(), want)
		}
	})
}

// Of 50 starts at once one begins, and every replica follows, whoever has done the work.
func TestReplicasMigrateTogether(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_SECRET_KEY": key})
		bucket := testkit.NewS3(t)
		for _, prefix := range []string{"first", "second"} {
			config, err := json.Marshal(map[string]any{"backend": "s3", "config": bucket.Config(prefix)})
			require.NoError(t, err)
			requests := make([]testkit.Request, 50)
			for i := range requests {
				requests[i] = testkit.Request{Method: "POST", Path: migratePath, Token: replicas[i%len(replicas)].Token(t, gatewaytest.Admin), Body: string(config)}
			}
			replies := gatewaytest.Rush(t, replicas, requests)
			require.Equal(t, 1, replies[http.StatusAccepted], replies)
			late := replies[http.StatusBadRequest] // than the end: the files are there already
			require.Equal(t, 49, replies[http.StatusConflict]+late, replies)
			for i, g := range replicas {
				end := migrated(t, g)
				require.Equal(t, "completed", end.State, end.Errors)
				shown := g.Call(t, admin("GET", configPath, ""))
				require.Contains(t, shown.Body, `"prefix":"`+prefix+`"`)
				require.NotContains(t, shown.Body+g.Log.String(), bucket.SecretAccessKey)
				put := internal(t, g, "PUT", path(fmt.Sprintf("%s-%d", prefix, i)), strings.NewReader(prefix))
				require.Equal(t, http.StatusCreated, put.Status, put.Body)
			}
			for i := range replicas {
				for _, g := range replicas {
					require.Equal(t, "first", internal(t, g, "GET", path(fmt.Sprintf("first-%d", i)), nil).Body)
				}
			}
		}
	})
}
