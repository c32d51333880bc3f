package profile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const (
	path = "/api/profile/me"
	ann  = "ann@example.com"
)

func put(body string) testkit.Request {
	return testkit.Request{Method: "PUT", Path: path, As: ann, Body: body}
}

func get(as string) testkit.Request { return testkit.Request{Method: "GET", Path: path, As: as} }

func TestProfile(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		empty := `"phone":null,"date_of_birth":null,"position":null,"address":null,"updated_at":"`
		g.Run(t,
			testkit.Scenario{Name: "nobody", Request: get(""), Status: 401},
			testkit.Scenario{Name: "made on first sight", Request: get(ann), Status: 200, Want: []string{empty}, Not: []string{"created_at"}},
			testkit.Scenario{Name: "set", Request: put(`{"phone":" +49 (30) 123.45-67 ","date_of_birth":"1990-02-28","position":"<b>R&D</b> a < b","address":"O'Brien\u200b St"}`), Status: 200,
				Want: []string{`"phone":"+49 (30) 123.45-67","date_of_birth":"1990-02-28","position":"R&D a < b","address":"O'Brien St"`}},
			testkit.Scenario{Name: "absent keeps", Request: put(`{}`), Status: 200, Want: []string{`"phone":"+49`, `"1990-02-28"`, `R&D`, `O'Brien`}},
			testkit.Scenario{Name: "null clears, empty is a value", Request: put(`{"phone":null,"date_of_birth":null,"position":"","address":null}`), Status: 200,
				Want: []string{`"phone":null,"date_of_birth":null,"position":"","address":null`}},
			testkit.Scenario{Name: "what is not his is ignored", Request: put(`{"id":"x","user_id":"y","created_at":"z","address":"A"}`), Status: 200, Want: []string{`"address":"A"`}, Not: []string{`"x"`, `"y"`}},
			testkit.Scenario{Name: "another has his own", Request: get("bob@example.com"), Status: 200, Want: []string{empty}},
		)
		for body, want := range map[string]string{
			`{"phone":"12 34"}`:                 "at least 5 digits",
			`{"phone":"123456789012345678901"}`: "5 to 20 characters",
			`{"phone":"12345x"}`:                "digits, blanks",
			`{"phone":""}`:                      "at least 5 digits",
			`{"phone":12345}`:                   "string_type",
			`{"date_of_birth":"1899-12-31"}`:    "1900-01-01 or later",
			`{"date_of_birth":"` + time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly) + `"}`: "in the future",
			`{"date_of_birth":"2023-02-29"}`:                  "day value is outside expected range",
			`{"date_of_birth":"tomorrow"}`:                    "input is too short",
			`{"date_of_birth":"1990-1-1"}`:                    "input is too short",
			`{"position":"` + strings.Repeat("ä", 129) + `"}`: "at most 128 characters",
			`{"address":"` + strings.Repeat("ä", 256) + `"}`:  "at most 255 characters",
			`{"position":[]}`:                                 "string_type",
			``:                                                `"loc":["body"]`,
		} {
			g.Run(t, testkit.Scenario{Name: "refused " + body[:min(len(body), 30)], Request: put(body), Status: 422, Want: []string{want}})
		}
		g.Run(t,
			testkit.Scenario{Name: "counted in characters", Request: put(`{"position":"` + strings.Repeat("ä", 128) + `"}`), Status: 200},
			testkit.Scenario{Name: "what was refused has changed nothing", Request: get(ann), Status: 200, Want: []string{`"phone":null`, `"address":"A"`}},
		)
	})
}

// A hundred first reads at once make one row.
func TestFirstReadsMakeOneRow(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(), d, nil)
		for round := range *gatewaytest.Rounds {
			email := fmt.Sprintf("user%d@example.com", round)
			requests := make([]testkit.Request, gatewaytest.Wide)
			for i := range requests {
				requests[i] = testkit.Request{Method: "GET", Path: path, Token: replicas[0].Token(t, email)}
			}
			require.Equal(t, map[int]int{200: gatewaytest.Wide}, gatewaytest.Rush(t, replicas, requests))
		}
		var rows int
		require.NoError(t, d.Open(t).Raw("SELECT count(*) FROM profiles").Scan(&rows).Error)
		require.Equal(t, *gatewaytest.Rounds, rows)
	})
}

// An administrator sees account, groups and profile of a user, and makes none by looking.
func TestPerson(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		root := func(method, path string, body ...string) testkit.Request {
			return testkit.Request{Method: method, Path: path, As: gatewaytest.Admin, Body: strings.Join(body, "")}
		}
		id := func(r testkit.Reply) string {
			var body struct{ ID string }
			require.NoError(t, json.Unmarshal([]byte(r.Body), &body), r.Body)
			return body.ID
		}
		user := id(g.Call(t, testkit.Request{Method: "GET", Path: "/api/users/me", As: ann}))
		person := "/api/admin/users/" + user
		require.JSONEq(t, `{"id":"`+user+`","email":"`+ann+`","full_name":null,"is_active":true,"is_admin":false,"color_mode":null,
			"dashboard_app_ids":[],"group_count":0,"groups":[],"profile":null}`, g.Call(t, root("GET", person)).Body)
		group := id(g.Call(t, root("POST", "/api/admin/groups", `{"name":"Archive","description":"old things"}`)))
		require.Equal(t, 201, g.Call(t, root("POST", "/api/admin/groups/"+group+"/members/"+user)).Status)
		require.Equal(t, 200, g.Call(t, testkit.Request{Method: "PUT", Path: path, As: "bob@example.com", Body: `{"position":"canary"}`}).Status)
		g.Run(t,
			testkit.Scenario{Name: "looking makes no profile", Request: root("GET", person), Status: 200, Not: []string{"canary"},
				Want: []string{`"profile":null`, `"group_count":1`, `"name":"Archive","description":"old things","is_group_admin":false,"joined_at":"`}},
			testkit.Scenario{Name: "the owner tells", Request: put(`{"position":"Clerk"}`), Status: 200},
			testkit.Scenario{Name: "and is seen", Request: root("GET", person), Status: 200, Want: []string{`"profile":{"id":"`, `"position":"Clerk"`}},
			testkit.Scenario{Name: "nobody", Request: root("GET", "/api/admin/users/"+group), Status: 404, Want: []string{"User not found"}},
			testkit.Scenario{Name: "no id", Request: root("GET", "/api/admin/users/x"), Status: 404, Want: []string{"User not found"}},
			testkit.Scenario{Name: "not for users", Request: testkit.Request{Method: "GET", Path: person, As: ann}, Status: 404, Want: []string{`{"detail":"Not Found"}`}, Not: []string{"Clerk"}},
		)
	})
}
