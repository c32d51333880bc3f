package modules_test

import "net/url"

// unrecorded are the routes that change something and leave nothing in the audit log, with the reason.
var unrecorded = map[string]string{
	"PATCH /api/users/me/preferences": "how one's own dashboard is arranged concerns nobody else",
	"PATCH /api/users/me/color-mode":  "nor does its colour",
	"POST /api/settings/ai/test":      "nothing is stored",
	"PATCH /api/admin/storage-config": "of a folder there is nothing to change; modules/storage does it with a bucket",
}

// deed is one request that changes something. Values in braces are those of the route, and of names learnt before.
type deed struct {
	route  string // method and template
	as     string // root where empty; nobody: -
	body   string
	status int
	action string
	learn  string // a name for the id in the reply, or for its token
	once   bool   // it cannot be tried in vain before: part of it is not in the database, or it must be quick
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

// deeds go through all that can be changed, in an order in which each finds what it needs.
var deeds = []deed{
	{route: "POST /api/auth/register", as: "-", body: `{"email":"ann@example.com","password":"` + annsPassword + `","full_name":"Ann"}`, status: 201, action: "user.registered", learn: "ann"},
	{route: "POST /api/auth/login", as: "-", body: loginBody("ann@example.com", annsPassword), status: 200, action: "auth.login", learn: "token:ann"},
	{route: "PATCH /api/users/me", as: "ann", body: `{"full_name":"Ann B."}`, status: 200, action: "user.changed"},
	{route: "PUT /api/profile/me", as: "ann", body: `{"phone":"+49 30 123456","position":"Chief"}`, status: 200, action: "profile.changed"},
	{route: "POST /api/users/me/password", as: "ann", body: `{"current_password":"` + annsPassword + `","new_password":"` + annsPassword + `2"}`, status: 200, action: "user.password_changed", learn: "token:ann"},
	{route: "POST /api/auth/logout-all", as: "ann", status: 200, action: "user.sessions_ended", learn: "token:ann"},

	{route: "POST /api/admin/users", body: `{"email":"bob@example.com","password":"` + bobsPassword + `"}`, status: 201, action: "user.created", learn: "user_id"},
	{route: "PATCH /api/admin/users/{user_id}", body: `{"full_name":"Bob","is_admin":true}`, status: 200, action: "user.changed"},
	{route: "PATCH /api/admin/users/{user_id}/active", body: `{"is_active":false}`, status: 200, action: "user.deactivated"},
	{route: "PATCH /api/admin/users/{user_id}/active", status: 200, action: "user.activated"},
	{route: "POST /api/admin/users/{user_id}/password", body: `{"new_password":"` + bobsPassword + `2"}`, status: 204, action: "user.password_set"},
	{route: "POST /api/admin/users/{user_id}/password", status: 200, action: "user.password_reset_issued", learn: "token:reset"},
	{route: "POST /api/auth/reset", as: "-", body: `{"token":"{reset}","new_password":"` + bobsPassword + `3"}`, status: 200, action: "user.password_reset", learn: "token:bob"},

	{route: "POST /api/admin/groups", body: `{"name":"Archive"}`, status: 201, action: "group.created", learn: "id"},
	{route: "PATCH /api/admin/groups/{id}", body: `{"description":"Old things"}`, status: 200, action: "group.changed"},
	{route: "POST /api/admin/groups/{id}/members/{user_id}", status: 201, action: "group.member_added"},
	{route: "PATCH /api/admin/groups/{id}/members/{user_id}/admin", body: `{"is_group_admin":true}`, status: 200, action: "group.member_changed"},
	{route: "POST /api/groups/{id}/members", as: "bob", body: `{"email":"ann@example.com"}`, status: 201, action: "group.member_added"},
	{route: "DELETE /api/groups/{id}/members/{ann}", as: "bob", status: 204, action: "group.member_removed"},
	{route: "PUT /api/admin/groups/{id}/members", body: `{"add":["ann@example.com"],"remove":["bob@example.com"]}`, status: 200, action: "group.member_added"},
	{route: "DELETE /api/admin/groups/{id}/members/{ann}", status: 204, action: "group.member_removed"},
	{route: "DELETE /api/admin/groups/{id}", status: 204, action: "group.deleted"},

	{route: "PATCH /api/settings/ai", body: `{"provider":"openai","providers":{"openai":{"model":"m","api_key":"sk-` + canary + `-0123456789"}}}`, status: 200, action: "settings.changed"},
	{route: "PATCH /api/settings/documents/limits", body: `{"max_pdf_mb":7}`, status: 200, action: "settings.changed"},
	{route: "PATCH /api/settings/system-prompts/{service_id}", body: `{"prompt":"Be brief"}`, status: 200, action: "settings.changed"},
	{route: "POST /api/settings/themes", body: `{"label":"Night","colors":{"light":` + themeColors + `,"dark":` + themeColors + `}}`, status: 201, action: "theme.created", learn: "theme"},
	{route: "PATCH /api/settings/themes/{theme}", body: `{"label":"Deep night"}`, status: 200, action: "theme.changed"},
	{route: "PATCH /api/settings/appearance", body: `{"theme_id":"{theme}"}`, status: 200, action: "settings.changed"},
	{route: "POST /api/settings/themes/{theme}/duplicate", status: 201, action: "theme.created"},
	{route: "POST /api/settings/themes/import", body: `{"portico_theme":1,"label":"Day","colors":{"light":` + themeColors + `,"dark":` + themeColors + `}}`, status: 201, action: "theme.created"},
	{route: "DELETE /api/settings/themes/{theme}", status: 204, action: "theme.deleted"},
	{route: "POST /api/settings/history/{change}/restore", status: 200, action: "theme.created"},
	{route: "PATCH /api/plugins/{plugin}/settings", body: `{"title":"Notes","api_key":"` + canary + `-plugin","accounts":[{"name":"a","password":"` + canary + `-account"}]}`, status: 200, action: "plugin.settings_changed", once: true},

	{route: "POST /api/admin/storage-config/migrate", body: `{"backend":"local","config":{"root":"elsewhere"}}`, status: 202, action: "storage.migration_started"},
	{route: "DELETE /api/admin/storage-config/migrate", status: 202, action: "storage.migration_cancel_requested", once: true},
	{route: "DELETE /api/admin/users/{user_id}", status: 204, action: "user.deleted"},
}
