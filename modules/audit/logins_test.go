package audit_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

func login(email, password string) testkit.Request {
	return testkit.Request{Method: "POST", Path: "/api/auth/login", Type: "application/x-www-form-urlencoded",
		Body: url.Values{"username": {email}, "password": {password}}.Encode()}
}

func TestLoginsAreRecorded(t *testing.T) {
	each(t, nil, func(t *testing.T, g *testkit.Gateway, db *gorm.DB) {
		person := made(t, g, call("GET", "/api/users/me", ann))
		off := made(t, g, call("GET", "/api/users/me", "off@example.com"))
		require.Equal(t, 200, g.Call(t, call("PATCH", "/api/admin/users/"+off+"/active", root, `{"is_active":false}`)).Status)
		const typed = "Secret&typed into the wrong field"
		for id, c := range map[string]struct {
			email, password string
			status          int
			kind, reason    string
			target, name    string
		}{
			"right":    {ann, testkit.Password, 200, "user", "", person, ann},
			"wrong":    {" ANN@example.com", "guess-canary", 401, "anonymous", "wrong password", person, ann},
			"unknown":  {"nobody@example.com", "guess-canary", 401, "anonymous", "unknown address", "", "nobody@example.com"},
			"inactive": {"off@example.com", testkit.Password, 401, "anonymous", "inactive account", off, "off@example.com"},
			"no name":  {typed, "guess-canary", 401, "anonymous", "unknown address", "", ""},
			"hostile":  {"=cmd\x00\u202e<b>@example.com", "guess-canary", 401, "anonymous", "unknown address", "", ""},
		} {
			id = fmt.Sprintf("login-%.2s", id)
			require.Equal(t, c.status, g.Call(t, under(id, login(c.email, c.password))).Status, id)
			found, _ := list(t, g, "request_id="+id)
			require.Len(t, found, 1, id)
			e := found[0]
			require.Equal(t, "auth.login", e.Action)
			require.Equal(t, map[bool]string{true: "success", false: "failure"}[c.reason == ""], e.Outcome)
			require.Equal(t, []string{c.kind, c.reason, c.target, c.name}, []string{e.Actor.Kind, e.Reason, e.Target.ID, e.Target.Name}, id)
		}
		require.Zero(t, count(t, db, "target_name LIKE '%typed%' OR reason LIKE '%canary%' OR changes LIKE '%canary%'"))

		bad := call("POST", "/api/users/me/password", ann, `{"current_password":"guess","new_password":"`+testkit.Password+`2"}`)
		require.Equal(t, 400, g.Call(t, under("change", bad)).Status)
		found, _ := list(t, g, "request_id=change")
		require.Equal(t, []string{"user.password_changed", "failure", "wrong password", ann}, []string{found[0].Action, found[0].Outcome, found[0].Reason, found[0].Actor.Name})
	})
}

// However many attempts there are, with whatever names, and at however many replicas: what they leave is bounded by the
// time they take.
func TestAStormOfLoginsLeavesLittle(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		const perAccount, perAddress = 2, 20
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_LOGIN_FAILURES_PER_MINUTE": fmt.Sprint(perAccount)})
		db := d.Open(t)
		var same, others []testkit.Request
		for i := range gatewaytest.Wide {
			same = append(same, login(ann, "wrong"))
			others = append(others, login(fmt.Sprintf("nobody-%d@example.com", i), "wrong"))
		}
		throttled := func() int64 { return count(t, db, "reason = ? AND outcome = ?", "throttled", "failure") }
		require.Equal(t, gatewaytest.Wide-perAccount, gatewaytest.Rush(t, replicas, same)[429])
		require.EqualValues(t, 1, throttled())
		require.EqualValues(t, perAccount, count(t, db, "reason = ?", "unknown address"))
		gatewaytest.Rush(t, replicas, others)
		require.Equal(t, map[int]int{429: gatewaytest.Wide}, gatewaytest.Rush(t, replicas, others))
		require.EqualValues(t, 2, throttled(), "that of the account, and that of the address, whatever the name")
		require.EqualValues(t, perAddress, count(t, db, "reason = ?", "unknown address"))
	})
}
