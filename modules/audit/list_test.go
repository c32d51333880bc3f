package audit_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/audit"
	"portico.internal/platform/testkit"
)

func TestEntries(t *testing.T) {
	each(t, nil, func(t *testing.T, g *testkit.Gateway, _ *gorm.DB) {
		group := made(t, g, under("first", call("POST", "/api/admin/groups", root, `{"name":"Archive"}`)))
		require.Equal(t, 200, g.Call(t, under("second", call("PATCH", "/api/admin/groups/"+group, root, `{"name":"Old things","description":"of all"}`))).Status)
		require.Equal(t, 200, g.Call(t, under("third", call("PATCH", "/api/admin/groups/"+group, root, `{"name":"Old things"}`))).Status)

		entries, total := list(t, g, "target_type=group")
		require.Equal(t, "2", total, "a change that is none leaves nothing")
		second, first := entries[0], entries[1]
		require.Equal(t, "group.created", first.Action)
		require.Equal(t, "Archive", first.Target.Name)
		require.Equal(t, map[string]struct{ Old, New any }{"name": {nil, "Archive"}}, first.Changes)
		require.Equal(t, "group.changed", second.Action)
		require.Equal(t, group, second.Target.ID)
		require.Equal(t, map[string]struct{ Old, New any }{"name": {"Archive", "Old things"}, "description": {nil, "of all"}}, second.Changes)
		for id, e := range map[string]entry{"first": first, "second": second} {
			require.Equal(t, "user", e.Actor.Kind)
			require.Equal(t, root, e.Actor.Name)
			require.NotEmpty(t, e.Actor.ID)
			require.Equal(t, "127.0.0.1", e.Address)
			require.Equal(t, id, e.Request)
			require.Equal(t, "success", e.Outcome)
			require.WithinDuration(t, time.Now(), e.At, time.Minute)
		}
	})
}

func TestFilters(t *testing.T) {
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	each(t, nil, func(t *testing.T, g *testkit.Gateway, db *gorm.DB) {
		const somebody = "11111111-1111-4111-8111-111111111111"
		past(t, db, 10, day, func(i int, e *audit.Entry) {
			e.TargetType, e.TargetID, e.Address = new("thing"), new(fmt.Sprint("t", i%5)), new("2001:db8::1")
			switch {
			case i < 2:
				e.Action, e.Outcome, e.Reason = "group.created", "failure", new("because")
			case i < 5:
				e.Action = "group.created"
			case i < 7:
				e.Action, e.ActorKind, e.ActorID, e.ActorName = "groups.of", "user", new(somebody), new("old@example.com")
			}
		})
		at := func(d time.Duration) string { return url.QueryEscape(day.Add(d).Format(time.RFC3339Nano)) }
		for query, want := range map[string]string{
			"target_type=thing":                               "9 8 7 6 5 4 3 2 1 0",
			"target_type=thing&limit=3":                       "9 8 7",
			"action=group&target_type=thing":                  "4 3 2 1 0",
			"action=group.created&target_type=thing":          "4 3 2 1 0",
			"action=grou":                                     "",
			"action=GROUP":                                    "",
			"action=gr%25":                                    "",
			"outcome=failure&action=group.created":            "1 0",
			"target_id=t3":                                    "8 3",
			"target_type=t&target_id=t3":                      "",
			"actor=" + somebody:                               "6 5",
			"actor=" + strings.ToUpper(somebody):              "6 5",
			"actor=old@example.com":                           "6 5",
			"address=2001:db8::1&target_id=t1":                "6 1",
			"request_id=past-4":                               "4",
			"target_id=t3'%20OR%201=1--":                      "",
			"target_type=thing&since=" + at(-time.Second):     "9 8",
			"target_type=thing&since=" + at(-time.Second+1):   "9",
			"target_type=thing&until=" + at(-7*time.Second):   "1 0",
			"target_type=thing&until=" + at(-7*time.Second+1): "2 1 0",
			"target_type=thing&since=" + at(-5*time.Second) + "&until=" + at(-3*time.Second): "5 4",
			"target_type=thing&since=2026-03-01T13:59:59%2B02:00":                            "9 8",
			"since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z":                          "",
		} {
			entries, total := list(t, g, query)
			var got []string
			for _, e := range entries {
				got = append(got, strings.TrimPrefix(e.Request, "past-"))
			}
			require.Equal(t, want, strings.Join(got, " "), query)
			if !strings.Contains(query, "limit") {
				require.Equal(t, fmt.Sprint(len(got)), total, query)
			}
			rows := parseCSV(t, g.Call(t, call("GET", exportPath+"?"+query, root)))
			if !strings.Contains(query, "limit") {
				require.Len(t, rows, 1+len(got), query)
			}
		}
		_, total := list(t, g, "target_type=thing&limit=3")
		require.Equal(t, "10", total, "on all pages")
	})
}

func TestWhatIsAskedWrongly(t *testing.T) {
	each(t, nil, func(t *testing.T, g *testkit.Gateway, _ *gorm.DB) {
		for query, field := range map[string]string{
			"since=yesterday": "since", "until=2026-03-01": "until", "since=2026-03-01T00:00:00": "since", "since=1901-01-01T00:00:00Z": "since",
			"until=2026-13-01T00:00:00Z": "until", "outcome=maybe": "outcome", "action=" + strings.Repeat("x", 65): "action", "actor=%00": "actor",
		} {
			for _, path := range []string{logPath, exportPath} {
				r := g.Call(t, call("GET", path+"?"+query, root))
				require.Equal(t, 422, r.Status, "%s: %s", query, r.Body)
				require.Contains(t, r.Body, `"loc":["query","`+field+`"]`)
				require.Equal(t, "application/json", r.Header.Get("Content-Type"))
			}
		}
		for _, query := range []string{"limit=0", "limit=1001", "limit=x"} {
			require.Equal(t, 422, g.Call(t, call("GET", logPath+"?"+query, root)).Status, query)
		}
		_, exported := list(t, g, "action=audit")
		require.Equal(t, "0", exported)
		for _, path := range []string{logPath, exportPath} {
			require.Equal(t, 404, g.Call(t, call("GET", path, ann)).Status)
			require.Equal(t, 401, g.Call(t, call("GET", path, "")).Status)
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
				require.Equal(t, 405, g.Call(t, call(method, path, root)).Status)
			}
		}
	})
}

// Pages follow each other without a gap or a repetition, however much is added meanwhile.
func TestPagesStayTogether(t *testing.T) {
	each(t, nil, func(t *testing.T, g *testkit.Gateway, db *gorm.DB) {
		past(t, db, 95, time.Now().Add(-time.Hour), nil)
		seen, before := []string{}, ""
		for {
			page, total := list(t, g, "action=test.past&limit=10&before="+before)
			if len(page) == 0 {
				require.NotEqual(t, "0", total, "it counts all pages, past the last one too")
				break
			}
			for _, e := range page {
				seen = append(seen, e.Request)
			}
			before = page[len(page)-1].ID
			past(t, db, 7, time.Now(), func(_ int, e *audit.Entry) { e.RequestID = new("new") })
		}
		require.Len(t, seen, 95)
		for i, id := range seen {
			require.Equal(t, fmt.Sprint("past-", 94-i), id)
		}
		page, _ := list(t, g, "action=test.past&limit=1")
		require.Equal(t, "new", page[0].Request)
	})
}

// Entries outlive whoever did it and what it was done to, and nobody rewrites them.
func TestEntriesStayAsTheyAre(t *testing.T) {
	each(t, nil, func(t *testing.T, g *testkit.Gateway, db *gorm.DB) {
		person := made(t, g, call("GET", "/api/users/me", ann))
		group := made(t, g, call("POST", "/api/admin/groups", root, `{"name":"Archive"}`))
		require.Equal(t, 201, g.Call(t, call("POST", "/api/admin/groups/"+group+"/members/"+person, root)).Status)
		require.Equal(t, 200, g.Call(t, call("PATCH", "/api/users/me", ann, `{"full_name":"Ann"}`)).Status)
		require.Equal(t, 204, g.Call(t, call("DELETE", "/api/admin/groups/"+group, root)).Status)
		require.Equal(t, 204, g.Call(t, call("DELETE", "/api/admin/users/"+person, root)).Status)

		by, _ := list(t, g, "actor="+person+"&action=user.changed")
		require.Len(t, by, 1)
		require.Equal(t, ann, by[0].Actor.Name)
		to, _ := list(t, g, "target_id="+person)
		require.Equal(t, "user.deleted", to[0].Action)
		require.Equal(t, ann, to[0].Target.Name)
		require.Equal(t, "Ann", to[0].Changes["full_name"].Old)
		added, _ := list(t, g, "target_id="+group+"&action=group.member_added")
		require.Len(t, added, 1)
		require.Equal(t, "Archive", added[0].Target.Name)
		require.Equal(t, ann, added[0].Changes["email"].New)

		before := count(t, db)
		for _, change := range []string{"UPDATE audit_entries SET reason = 'x'", "UPDATE audit_entries SET actor_name = NULL WHERE target_id = '" + person + "'"} {
			require.ErrorContains(t, db.Exec(change).Error, "entries of the audit log are not changed")
		}
		require.Equal(t, before, count(t, db, "reason IS NULL"))
	})
}
