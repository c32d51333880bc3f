package users_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/users"
	"portico.internal/platform/testkit"
)

// What absent, null, false, "" and [] mean in each field of each PATCH body.
func TestPatchSemantics(t *testing.T) {
	const (
		keeps   = "keeps"
		cleared = "cleared"
		refused = "refused"
	)
	values := []string{"", `null`, `false`, `""`, `[]`} // the first one is absent
	fields := []struct {
		path, field, column string
		was                 string    // as JSON, so that every change shows
		want                [5]string // or the column afterwards
	}{
		{"/api/users/me", "full_name", "full_name", `"Ann"`, [5]string{keeps, cleared, refused, "", refused}},
		{"/api/users/me/color-mode", "color_mode", "color_mode", `"dark"`, [5]string{keeps, cleared, refused, refused, refused}},
		{"/api/users/me/preferences", "app_ids", "dashboard_app_ids", `["docs"]`, [5]string{keeps, refused, refused, refused, "[]"}},
		{adminUsers + "/%s", "full_name", "full_name", `"Ann"`, [5]string{keeps, cleared, refused, "", refused}},
		{adminUsers + "/%s", "email", "email", `"ann@example.com"`, [5]string{keeps, refused, refused, refused, refused}},
		{adminUsers + "/%s", "is_admin", "is_superuser", `true`, [5]string{keeps, refused, "false", refused, refused}},
		{adminUsers + "/%s/active", "is_active", "is_active", `true`, [5]string{keeps, refused, "false", refused, refused}},
	}
	eachTown(t, func(t *testing.T, g town) {
		id := g.settle(t, ann)
		for _, f := range fields {
			path, as := f.path, ann
			if strings.Contains(path, "%s") {
				path, as = fmt.Sprintf(path, id), root
			}
			for i, value := range values {
				require.NoError(t, g.db.Model(&users.User{}).Where("id = ?", id).Updates(map[string]any{
					"email": ann, "full_name": "Ann", "color_mode": "dark", "dashboard_app_ids": `["docs"]`, "is_superuser": f.column == "is_superuser", "is_active": true, "tokens_valid_after": nil,
				}).Error)
				before := g.row(t, id)
				body := `{}`
				if value != "" {
					body = `{"` + f.field + `":` + value + `}`
				}
				r := g.Call(t, request("PATCH", path, as, body))
				after := g.row(t, id)
				switch want := f.want[i]; want {
				case refused:
					require.Equal(t, 422, r.Status, "%s %s", path, body)
					require.Contains(t, r.Body, `"loc":["body","`+f.field+`"]`)
					require.Equal(t, before, after, "%s %s", path, body)
				case keeps:
					require.Equal(t, 200, r.Status, "%s %s", path, body)
					require.Equal(t, before, after, "%s %s", path, body)
				default:
					require.Equal(t, 200, r.Status, "%s %s", path, body)
					got := fmt.Sprint(after[f.column])
					if strings.HasPrefix(f.column, "is_") {
						got = fmt.Sprint(truth(after[f.column]))
					}
					if want == cleared {
						want = "<nil>"
					}
					require.Equal(t, want, got, "%s %s", path, body)
					require.Equal(t, without(before, f.column, "updated_at", "tokens_valid_after"), without(after, f.column, "updated_at", "tokens_valid_after"), "%s %s", path, body)
				}
			}
			for _, body := range []string{`[]`, `"x"`, `7`, `{"` + f.field + `":` + f.was + `,}`, `{"a":1,"a":2}`, `{"` + f.field + `":"\u0000"}`} {
				require.Equal(t, 422, g.Call(t, request("PATCH", path, as, body)).Status, "%s %s", path, body)
			}
			if f.column != "is_active" { // where no body toggles
				require.Equal(t, 422, g.Call(t, request("PATCH", path, as)).Status, path)
			}
			// The case of a key matters.
			before := g.row(t, id)
			require.Equal(t, 200, g.Call(t, request("PATCH", path, as, `{"`+strings.ToUpper(f.field)+`":null}`)).Status)
			require.Equal(t, before, g.row(t, id), path)
		}
	})
}

// hostile is a body that names every column of users, and what clients call them, on top of the fields given.
func (g town) hostile(t *testing.T, fields map[string]any) string {
	t.Helper()
	columns, err := g.db.Migrator().ColumnTypes("users")
	require.NoError(t, err)
	require.Greater(t, len(columns), 10)
	body := map[string]any{
		"is_admin": true, "group_count": 7, "app_ids": []string{"x"}, "user_id": "x", "role": "admin", "password": newPassword, "groups": []string{"x"},
	}
	values := map[string]any{
		"is_superuser": true, "is_active": false, "dashboard_app_ids": []string{"hostile"}, "color_mode": "light", "email": "hostile@example.com",
		"hashed_password": cheapHash, "created_at": "2001-01-01T00:00:00Z", "updated_at": "2001-01-01T00:00:00Z", "tokens_valid_after": "2001-01-01T00:00:00Z",
	}
	for _, c := range columns {
		if body[c.Name()] = values[c.Name()]; values[c.Name()] == nil {
			body[c.Name()] = "hostile"
		}
	}
	for name, value := range fields {
		if value == nil {
			delete(body, name)
			continue
		}
		body[name] = value
	}
	text, err := json.Marshal(body)
	require.NoError(t, err)
	return string(text)
}

// No body sets a column that is not its own.
func TestMassAssignment(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		id := g.settle(t, ann, named("Ann"))
		self := func(method, path string, fields map[string]any, own ...string) {
			t.Helper()
			as := ann
			if strings.HasPrefix(path, adminUsers) {
				as = root
			}
			before := g.row(t, id)
			r := g.Call(t, request(method, path, as, g.hostile(t, fields)))
			require.Less(t, r.Status, 300, "%s %s", path, r.Body)
			after := g.row(t, id)
			own = append(own, "updated_at")
			require.Equal(t, without(before, own...), without(after, own...), path)
			require.NotContains(t, fmt.Sprint(after["updated_at"]), "2001", path)
		}
		self("PATCH", "/api/users/me", map[string]any{"full_name": "New"}, "full_name")
		require.Equal(t, "New", g.row(t, id)["full_name"])
		self("PATCH", "/api/users/me/color-mode", nil, "color_mode")
		self("PATCH", "/api/users/me/preferences", nil, "dashboard_app_ids")
		require.Contains(t, fmt.Sprint(g.row(t, id)["dashboard_app_ids"]), "x")
		self("PATCH", adminUsers+"/"+id, map[string]any{"is_admin": nil, "email": nil, "full_name": nil})
		self("PATCH", adminUsers+"/"+id, map[string]any{"is_admin": false, "email": "new@example.com", "full_name": "F"}, "email", "email_key", "full_name")
		require.Equal(t, 200, g.Call(t, request("PATCH", adminUsers+"/"+id, root, `{"email":"`+ann+`"}`)).Status)
		self("PATCH", adminUsers+"/"+id+"/active", map[string]any{"is_active": true})
		self("PATCH", adminUsers+"/"+id+"/active", map[string]any{"is_active": nil})
		self("POST", adminUsers+"/"+id+"/password", map[string]any{"new_password": newPassword}, "hashed_password", "tokens_valid_after")
		require.NotEqual(t, cheapHash, g.row(t, id)["hashed_password"])

		// Ends the session; from here on by password.
		token := g.SignIn(t, ann, newPassword)
		for _, c := range []struct {
			path   string
			fields map[string]any
			own    []string
		}{
			{"/api/auth/logout-all", nil, []string{"tokens_valid_after"}},
			{"/api/users/me/password", map[string]any{"current_password": newPassword, "new_password": testkit.Password}, []string{"tokens_valid_after", "hashed_password"}},
		} {
			before := g.row(t, id)
			r := g.Call(t, withToken(token, "POST", c.path, g.hostile(t, c.fields)))
			require.Equal(t, 200, r.Status, r.Body)
			token = object(t, r.Body)["access_token"].(string)
			own := append(c.own, "updated_at")
			require.Equal(t, without(before, own...), without(g.row(t, id), own...), c.path)
		}

		// New accounts.
		for path, r := range map[string]testkit.Request{
			"register": request("POST", "/api/auth/register", "", g.hostile(t, map[string]any{"email": "one@example.com", "password": testkit.Password, "full_name": "F"})),
			"admin":    request("POST", adminUsers, root, g.hostile(t, map[string]any{"email": "two@example.com", "password": testkit.Password, "full_name": "F", "is_admin": false})),
		} {
			reply := g.Call(t, r)
			require.Equal(t, 201, reply.Status, reply.Body)
			made := g.row(t, object(t, reply.Body)["id"].(string))
			require.Len(t, made["id"], 36, path)
			require.True(t, truth(made["is_active"]), path)
			require.False(t, truth(made["is_superuser"]), path)
			require.NotEqual(t, cheapHash, made["hashed_password"], path)
			require.Equal(t, "[]", fmt.Sprint(made["dashboard_app_ids"]), path)
			require.Nil(t, made["color_mode"], path)
			require.Nil(t, made["tokens_valid_after"], path)
			require.NotContains(t, fmt.Sprint(made["created_at"], made["updated_at"]), "2001", path)
		}
		require.Zero(t, g.count(t, "users WHERE email = 'hostile@example.com'"))
	})
}
