package modules_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
)

// unrecorded are the routes that change something and leave nothing in the audit log, with the reason.
var unrecorded = map[string]string{
	"PATCH /api/users/me/preferences": "how one's own dashboard is arranged concerns nobody else",
	"PATCH /api/users/me/color-mode":  "nor does its colour",
	"POST /api/settings/ai/test":      "nothing is stored",
	"PATCH /api/admin/storage-config": "of a folder there is nothing to change; modules/storage does it with a bucket",
}

// deed is one request that changes something. Values in braces are those of the route, and of names learnt before.
type deed struct {
	Route  string // method and template
	As     string // root where empty; nobody: -
	Body   string
	Status int
	Action string
	Learn  string // a name for the id in the reply, or for its token
	Once   bool   // it cannot be tried in vain before: part of it is not in the database, or it must be quick
}

const (
	annsPassword = canary + "!ann"
	bobsPassword = canary + "!bob"
	themeColors  = `{"primary":"#000000","on_primary":"#ffffff","secondary":"#111111","background":"#ffffff","surface":"#eeeeee","on_surface":"#000000",` +
		`"muted":"#777777","border":"#cccccc","accent":"#0000ff","success":"#00ff00","warning":"#ffff00","danger":"#ff0000"}`
)

func loginBody(email, password string) string {
	return url.Values{"username": {email}, "password": {password}}.Encode()
}

// allDeeds go through all that can be changed, in an order in which each finds what it needs: ours, and before the last of
// them those that modules have in a file of their own, deeds.json. Of ours those may use ann and bob.
func allDeeds(t *testing.T) []deed {
	t.Helper()
	files, err := filepath.Glob("*/deeds.json")
	require.NoError(t, err)
	all := slices.Clone(deeds)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var own []deed
		require.NoError(t, json.Unmarshal(text, &own, json.MatchCaseInsensitiveNames(true), json.RejectUnknownMembers(true)), file)
		all = slices.Insert(all, len(all)-1, own...)
	}
	return all
}

var deeds = []deed{
	{Route: "POST /api/auth/register", As: "-", Body: `{"email":"ann@example.com","password":"` + annsPassword + `","full_name":"Ann"}`, Status: 201, Action: "user.registered", Learn: "ann"},
	{Route: "POST /api/auth/login", As: "-", Body: loginBody("ann@example.com", annsPassword), Status: 200, Action: "auth.login", Learn: "token:ann"},
	{Route: "PATCH /api/users/me", As: "ann", Body: `{"full_name":"Ann B."}`, Status: 200, Action: "user.changed"},
	{Route: "PUT /api/profile/me", As: "ann", Body: `{"phone":"+49 30 123456","position":"Chief"}`, Status: 200, Action: "profile.changed"},
	{Route: "POST /api/users/me/password", As: "ann", Body: `{"current_password":"` + annsPassword + `","new_password":"` + annsPassword + `2"}`, Status: 200, Action: "user.password_changed", Learn: "token:ann"},
	{Route: "POST /api/auth/logout-all", As: "ann", Status: 200, Action: "user.sessions_ended", Learn: "token:ann"},

	{Route: "POST /api/admin/users", Body: `{"email":"bob@example.com","password":"` + bobsPassword + `"}`, Status: 201, Action: "user.created", Learn: "user_id"},
	{Route: "PATCH /api/admin/users/{user_id}", Body: `{"full_name":"Bob","is_admin":true}`, Status: 200, Action: "user.changed"},
	{Route: "PATCH /api/admin/users/{user_id}/active", Body: `{"is_active":false}`, Status: 200, Action: "user.deactivated"},
	{Route: "PATCH /api/admin/users/{user_id}/active", Status: 200, Action: "user.activated"},
	{Route: "POST /api/admin/users/{user_id}/password", Body: `{"new_password":"` + bobsPassword + `2"}`, Status: 204, Action: "user.password_set"},
	{Route: "POST /api/admin/users/{user_id}/password", Status: 200, Action: "user.password_reset_issued", Learn: "token:reset"},
	{Route: "POST /api/auth/reset", As: "-", Body: `{"token":"{reset}","new_password":"` + bobsPassword + `3"}`, Status: 200, Action: "user.password_reset", Learn: "token:bob"},

	{Route: "POST /api/admin/groups", Body: `{"name":"Archive"}`, Status: 201, Action: "group.created", Learn: "id"},
	{Route: "PATCH /api/admin/groups/{id}", Body: `{"description":"Old things"}`, Status: 200, Action: "group.changed"},
	{Route: "POST /api/admin/groups/{id}/members/{user_id}", Status: 201, Action: "group.member_added"},
	{Route: "PATCH /api/admin/groups/{id}/members/{user_id}/admin", Body: `{"is_group_admin":true}`, Status: 200, Action: "group.member_changed"},
	{Route: "POST /api/groups/{id}/members", As: "bob", Body: `{"email":"ann@example.com"}`, Status: 201, Action: "group.member_added"},
	{Route: "DELETE /api/groups/{id}/members/{ann}", As: "bob", Status: 204, Action: "group.member_removed"},
	{Route: "PUT /api/admin/groups/{id}/members", Body: `{"add":["ann@example.com"],"remove":["bob@example.com"]}`, Status: 200, Action: "group.member_added"},
	{Route: "DELETE /api/admin/groups/{id}/members/{ann}", Status: 204, Action: "group.member_removed"},
	{Route: "DELETE /api/admin/groups/{id}", Status: 204, Action: "group.deleted"},

	{Route: "PATCH /api/settings/ai", Body: `{"provider":"openai","providers":{"openai":{"model":"m","api_key":"sk-` + canary + `-0123456789"}}}`, Status: 200, Action: "settings.changed"},
	{Route: "PATCH /api/settings/documents/limits", Body: `{"max_pdf_mb":7}`, Status: 200, Action: "settings.changed"},
	{Route: "PATCH /api/settings/system-prompts/{service_id}", Body: `{"prompt":"Be brief"}`, Status: 200, Action: "settings.changed"},
	{Route: "POST /api/settings/themes", Body: `{"label":"Night","colors":{"light":` + themeColors + `,"dark":` + themeColors + `}}`, Status: 201, Action: "theme.created", Learn: "theme"},
	{Route: "PATCH /api/settings/themes/{theme}", Body: `{"label":"Deep night"}`, Status: 200, Action: "theme.changed"},
	{Route: "PATCH /api/settings/appearance", Body: `{"theme_id":"{theme}"}`, Status: 200, Action: "settings.changed"},
	{Route: "POST /api/settings/themes/{theme}/duplicate", Status: 201, Action: "theme.created"},
	{Route: "POST /api/settings/themes/import", Body: `{"portico_theme":1,"label":"Day","colors":{"light":` + themeColors + `,"dark":` + themeColors + `}}`, Status: 201, Action: "theme.created"},
	{Route: "DELETE /api/settings/themes/{theme}", Status: 204, Action: "theme.deleted"},
	{Route: "POST /api/settings/history/{change}/restore", Status: 200, Action: "theme.created"},
	{Route: "PATCH /api/plugins/{plugin}/settings", Body: `{"title":"Notes","api_key":"` + canary + `-plugin","accounts":[{"name":"a","password":"` + canary + `-account"}]}`, Status: 200, Action: "plugin.settings_changed", Once: true},

	{Route: "POST /api/admin/storage-config/migrate", Body: `{"backend":"local","config":{"root":"elsewhere"}}`, Status: 202, Action: "storage.migration_started"},
	{Route: "DELETE /api/admin/storage-config/migrate", Status: 202, Action: "storage.migration_cancel_requested", Once: true},
	{Route: "DELETE /api/admin/users/{user_id}", Status: 204, Action: "user.deleted"},
}
